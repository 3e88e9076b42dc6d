"""Whole jobs: the demo, a capture to a report, a price table to a report."""
