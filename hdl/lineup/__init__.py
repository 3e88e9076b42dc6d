"""Slots that wait for their turn."""
