"""What crosses the pins of the subscription: which instrument a stock locate is."""

from tapeout.hdl.orders.layout import INSTRUMENT_BITS

#: Said by the host, or learned from the directory: from now on `locate` is `instrument`, or, if
#: not `subscribed`, none that is listened to.
ENTRY = {"locate": 16, "instrument": INSTRUMENT_BITS, "subscribed": 1}
