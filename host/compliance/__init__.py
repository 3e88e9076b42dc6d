"""Rules that orders must keep, checked before they leave."""
