"""The last results of the order table, which block RAM does not show yet."""
