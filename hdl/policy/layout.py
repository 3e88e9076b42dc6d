"""What the policy counts in: all its arithmetic is exact, in integers of these widths.

The microprice less the midprice is spread / 2 * (B - A) / (B + A), with B and A the lots at the
best bid and offer. It is never divided: a buy is signalled where

    spread * (B - A) * 2**(THRESHOLD_FRACTION - 1) >= threshold * (B + A)  and  B > A

and a sale where that holds with B and A exchanged. Lots above 131,071 count as so many and spreads
above 26.2143 dollars as so wide: then each product is one 18 by 18 bit multiplier.
"""

LOTS_BITS = 17
SPREAD_BITS = 18
THRESHOLD_BITS = 18
THRESHOLD_FRACTION = 8  # bits behind the point: the threshold is in ticks / 256
COOLDOWN_BITS = 24  # of a number of cycles
MOST_NUMBERS = 1 << 30  # of intents; from there on orders are only canceled

#: What the policy starts with.
DEFAULTS = {"threshold": 20 << THRESHOLD_FRACTION, "shares": 100, "cooldown": 1 << 14}
