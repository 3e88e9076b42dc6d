"""Scans of the order table for the best price beyond a bound."""
