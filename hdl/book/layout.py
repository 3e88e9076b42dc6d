"""What crosses the pins: a book event, one change of one price level or one trade."""

from enum import IntEnum


class Kind(IntEnum):
    """Why the level changed. A replace is two events: the old order out, the new one in."""

    ADD = 1
    CANCEL = 2
    DELETE = 3
    EXECUTE = 4
    REPLACE_OUT = 5
    REPLACE_IN = 6
    TRADE = 7  # against an order that was never displayed: no level changes
    CROSS = 8  # auction: no level changes
    BREAK = 9  # an earlier match number is void: no level changes
    STATE = 10  # trading halts, pauses, is quoted only, goes on: no level changes
    GAP = 11  # so many messages are lost from this sequence number on, of whatever instrument
    STALE = 12  # the instrument is touched for the first time since a gap
    RECOVERED = 13  # the instrument's book begins anew, from a snapshot: forget what was there


#: Trading states ("Stock Trading Action", `trading_state`) in words.
STATES = {"H": "halted", "P": "paused", "Q": "quotation", "T": "trading"}
#: Kinds in which lots changed hands.
TRADES = frozenset({Kind.EXECUTE, Kind.TRADE, Kind.CROSS})
