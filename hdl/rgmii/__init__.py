"""Bytes that a gigabit PHY has received become words of frames."""
