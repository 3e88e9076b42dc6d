"""Frames wait here for the line behind them; what does not fit is cut and counted."""
