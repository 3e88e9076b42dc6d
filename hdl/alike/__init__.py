"""Alike: equality that stays shallow, whatever a tool would save."""
