"""A few orders in registers, found by comparing with all at once."""
