"""The card: what a host sees of the gateware over a bus, and the gateware that shows it."""
