"""Block RAM of the order table: two banks of rows, each with room for some orders."""
