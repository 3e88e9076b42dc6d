"""Refills of level rows, from the order table."""
