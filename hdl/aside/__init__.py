"""Messages set aside while the order table and the rows work on them."""
