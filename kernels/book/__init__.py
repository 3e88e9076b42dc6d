"""The book: live orders, price levels, and the replay of records through both."""
