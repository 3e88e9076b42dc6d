"""What crosses the pins of the pre-trade gate: intents, limits, quotes, reports; decisions out.

The gate knows `SLOTS` instruments, each by its slot. Prices are ticks of 1/10,000 dollar, notionals
are counted in units of `NOTIONAL_UNIT` ticks times shares. The limits are named after the controls
that they support: Commission Delegated Regulation (EU) 2017/589, Article 15, and SEC Rule 15c3-5.
Nothing here claims that using them complies with either.
"""

from enum import IntEnum

SLOT_BITS = 4
SLOTS = 1 << SLOT_BITS
OPEN = 4  # orders that may rest at once, of a slot and side
REMEMBERED = 8  # accepted orders that a repetition is looked for among
NAME_BITS = 11  # open orders differ in so many low bits of their numbers
NOTIONAL_BITS = 16
NOTIONAL_UNIT = 1 << NOTIONAL_BITS  # ticks times shares: 6.5536 dollars


class Action(IntEnum):
    """What an intent asks for."""

    ENTER = 1
    REPLACE = 2  # of order `replaces`, which leaves when the exchange says so
    CANCEL = 3  # of order `replaces`


class Reason(IntEnum):
    """Why an order may not leave: the first that applies, in this order."""

    ACCEPTED = 0
    MALFORMED = 1  # no action, no shares, no price
    UNKNOWN = 2  # `replaces` does not name an open order of that slot and side
    KILLED = 3  # kill switch; of all orders but cancels
    RESTRICTED = 4
    STALE = 5  # the book is not as it should be
    COLLAR = 6  # no price to hold it to, or too far beyond it
    SIZE = 7
    NOTIONAL = 8
    DUPLICATE = 9
    SELF_CROSS = 10
    OPEN_ORDERS = 11  # no place for one more, or none for its number
    POSITION = 12
    GROSS = 13
    RATE = 14


class Outcome(IntEnum):
    """What the exchange says of an open order."""

    EXECUTED = 1  # `shares` of it, at `price`
    LEFT = 2  # `shares` of it are gone, unexecuted; 0: all that were left
    REPLACED = 3  # it is open under `number`; `replaces` is gone


#: Least significant bits first: an order that wants to leave. `side` is 1 of a sale.
INTENT = {
    "action": 2,
    "side": 1,
    "slot": SLOT_BITS,
    "number": 32,  # its name, each used once: OUCH's UserRefNum
    "replaces": 32,
    "shares": 32,
    "price": 32,
}

#: An intent and what became of it.
DECISION = INTENT | {"reason": 4}

#: What the exchange says of an open order.
REPORT = {"outcome": 2, "number": 32, "replaces": 32, "shares": 32, "price": 32}

#: Best prices of a slot; zero where a side is empty. `stale`: the book is not as it should be.
QUOTE = {"slot": SLOT_BITS, "bid": 32, "bid_lots": 32, "ask": 32, "ask_lots": 32, "stale": 1}

#: Limits of one slot; zero allows nothing.
LIMITS = {
    "locate": 16,  # whose book its quotes come from
    "symbol_low": 32,  # eight letters, the first one highest
    "symbol_high": 32,
    "restricted": 1,  # 2017/589 Art. 15(1), 15c3-5(c)(2)(ii)
    "collar": 32,  # ticks a buy may be above the best offer, a sale below the best bid
    "max_shares": 32,
    "max_notional": 32,
    "max_position": 31,  # shares long or short, if all that is open on one side were executed
}

#: Limits of all orders together.
GLOBAL_LIMITS = {
    "max_gross": 32,  # notional: executed since the reset, and open
    "rate_cycles": 32,  # cycles until one more order may leave
    "rate_burst": 8,  # orders that may leave at once
    "repeat_cycles": 32,  # in which the same order again is a repetition
}
