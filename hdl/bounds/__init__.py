"""Limits and best prices of each slot, and what they say of an order."""
