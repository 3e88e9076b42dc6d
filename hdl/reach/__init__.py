"""How far the position of each slot can go with its open orders."""
