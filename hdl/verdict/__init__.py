"""What one op does to the order it names."""
