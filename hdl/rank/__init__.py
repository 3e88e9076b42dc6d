"""Rank: where a step stands among the levels of its row."""
