"""The best price levels of every instrument and side, a row of block RAM each."""
