"""The desk: everything between a book record and the order that it leads to."""
