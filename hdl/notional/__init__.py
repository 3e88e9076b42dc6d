"""What orders are worth: price times shares, and the sum of all of them."""
