"""Nasdaq OUCH 5.0: orders to the exchange, and what it says of them."""
