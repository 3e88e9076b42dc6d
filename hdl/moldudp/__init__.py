"""MoldUDP64: numbered packets of length-prefixed messages."""
