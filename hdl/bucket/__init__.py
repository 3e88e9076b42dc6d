"""Token bucket: so many orders at once, and one more each so many cycles."""
