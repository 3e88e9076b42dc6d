"""Prices by the day: a table of them, read into a grid."""
