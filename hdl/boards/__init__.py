"""Real boards: which pin is what, and the feed handler on them."""
