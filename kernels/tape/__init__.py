"""The CPU twin of the gateware: capture bytes to packets, messages, records and bars."""
