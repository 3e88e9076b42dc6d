"""Ethernet, IPv4 and UDP: the headers around a datagram."""
