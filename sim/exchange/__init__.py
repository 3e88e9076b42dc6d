"""A simulated exchange: matching, its ITCH feed, its own books as the oracle."""
