"""The open orders of each slot, and how far its position can go with them."""
