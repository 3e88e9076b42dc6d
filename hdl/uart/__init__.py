"""Words leave on one wire, a byte at a time."""
