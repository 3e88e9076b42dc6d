"""The CPU twin of the gateware: capture bytes to packets, messages, records, books and bars."""
