"""Which way the microprice leans, without a division."""
