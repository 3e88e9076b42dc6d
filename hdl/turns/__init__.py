"""Whose turn it is to read the order table."""
