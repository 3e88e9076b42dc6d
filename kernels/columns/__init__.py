"""Typed columns: which a message type has, how they are filled from the wire."""
