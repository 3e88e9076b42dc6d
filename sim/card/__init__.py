"""The card, simulated: what a host finds behind its bus where there is no card."""
