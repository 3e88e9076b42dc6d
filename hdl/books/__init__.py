"""Every book in gateware: messages in sequence to book records."""
