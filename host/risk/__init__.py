"""How much can be lost, how sure that is, and whether it held."""
