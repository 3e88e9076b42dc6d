"""Best bid and offer of the instruments that orders are made for, taken from the book records."""
