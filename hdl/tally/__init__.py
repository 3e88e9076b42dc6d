"""How many orders rest, how many did at most, and what was refused."""
