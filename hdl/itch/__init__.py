"""Nasdaq TotalView-ITCH 5.0: the messages, the record made of each, the decoder."""
