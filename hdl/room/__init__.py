"""Which place of the order table a new order takes."""
