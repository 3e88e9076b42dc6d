"""What crosses the pins of the subscription: which stock locate is which instrument."""

from tapeout.hdl.orders.layout import INSTRUMENT_BITS

LOCATE_BITS = 16

#: What the host writes, least significant bits first: `locate` is `instrument`, or is not
#: subscribed (any more).
SUBSCRIBE = {"locate": LOCATE_BITS, "instrument": INSTRUMENT_BITS, "subscribed": 1}

#: What is known of an instrument.
LISTING = {"symbol": 64, "locate": LOCATE_BITS}
