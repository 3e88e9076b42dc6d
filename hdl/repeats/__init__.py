"""Whether an order repeats one that left a short while ago."""
