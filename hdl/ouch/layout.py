"""What crosses the pins: the OUCH 5.0 messages on the wire, those that this house sends or reads.

Nasdaq OUCH 5.0, chapters 2 (inbound) and 3 (outbound). All integers are big-endian; text is padded
with blanks on the right; a price is in ticks of 1/10,000 dollar, in eight bytes. The tables were
held to three independent descriptions: Open Markets Initiative's C structs of version 5.0, the Rust
crate `ouch_model`, and golden vectors of revision 1.05 in a public repository. They agree in every
length but that of canceled (C), which has one more field in one of them: here it is as in the other
two. Since 2023 cancel (X), canceled (C) and rejected (J) may end in an appendage, which only an
order that asked for one with `UserRefIdx` gets. None here does.

Not confirmed: whether the quantity of a replace counts shares that were executed before.

Numbers (`UserRefNum`) must rise strictly on a port. An order that is to replace one that is not
live is ignored, and nothing is said of it.
"""

from typing import NamedTuple

#: type -> (name, fields). A field is `name:bytes`; a final `a` tells text from unsigned integers.
INBOUND_FORMATS = {
    "O": (
        "enter order",
        "type:1a number:4 side:1a quantity:4 symbol:8a price:8 time_in_force:1a display:1a"
        " capacity:1a sweep:1a cross:1a client_id:14a appendage:2",
    ),
    "U": (
        "replace order",
        "type:1a replaces:4 number:4 quantity:4 price:8 time_in_force:1a display:1a sweep:1a"
        " client_id:14a appendage:2",
    ),
    "X": ("cancel order", "type:1a number:4 quantity:4"),
}
OUTBOUND_FORMATS = {
    "S": ("system event", "type:1a timestamp:8 event:1a"),
    "A": (
        "accepted",
        "type:1a timestamp:8 number:4 side:1a quantity:4 symbol:8a price:8 time_in_force:1a"
        " display:1a reference:8 capacity:1a sweep:1a cross:1a state:1a client_id:14a appendage:2",
    ),
    "U": (
        "replaced",
        "type:1a timestamp:8 replaces:4 number:4 side:1a quantity:4 symbol:8a price:8"
        " time_in_force:1a display:1a reference:8 capacity:1a sweep:1a cross:1a state:1a"
        " client_id:14a appendage:2",
    ),
    "C": ("canceled", "type:1a timestamp:8 number:4 quantity:4 reason:1a"),
    "E": (
        "executed",
        "type:1a timestamp:8 number:4 quantity:4 price:8 liquidity:1a match:8 appendage:2",
    ),
    "J": ("rejected", "type:1a timestamp:8 number:4 reason:2 client_id:14a"),
}


class Field(NamedTuple):
    """Where a field stands in its message, in bytes, and whether it is text."""

    start: int
    length: int
    text: bool


class Message(NamedTuple):
    """One message type: its name, its length in bytes, its fields in order."""

    name: str
    length: int
    fields: dict[str, Field]


def _message(name: str, text: str) -> Message:
    """Lay the fields of `text` one behind the other."""
    fields, start = {}, 0
    for word in text.split():
        field, _, size = word.partition(":")
        length = int(size.rstrip("a"))
        fields[field] = Field(start, length, size.endswith("a"))
        start += length
    return Message(name, start, fields)


#: To the exchange, and from it: a letter may mean two things.
INBOUND: dict[str, Message] = {key: _message(*text) for key, text in INBOUND_FORMATS.items()}
OUTBOUND: dict[str, Message] = {key: _message(*text) for key, text in OUTBOUND_FORMATS.items()}
WORDS_IN, WORDS_OUT = (  # of eight bytes, of the longest message
    max(-(-message.length // 8) for message in table.values()) for table in (INBOUND, OUTBOUND)
)

BUY, SELL = "BS"
LIVE, DEAD = "LD"  # an order's state; dead: it was taken and left at once
ADDED, REMOVED = "AR"  # liquidity
START_OF_DAY, END_OF_DAY = "SE"  # system events
USER_REQUESTED, SUPERVISORY = "US"  # why an order was canceled

#: What every order of ours says. Day orders: what rests at the close leaves. Visible, as only what
#: is displayed comes back in the feed. Principal: for the house's own account. No intermarket
#: sweep: the exchange may look at other markets' prices. Continuous market, no auction. No name of
#: the client's own: `number` is enough.
PLAIN = {"time_in_force": "0", "display": "Y", "capacity": "P", "sweep": "N", "cross": "N"}

#: Why an order was rejected: those that the simulated exchange gives.
REJECTED = {"side": 0x0009, "other": 0x000F, "quantity": 0x0013, "symbol": 0x0017, "price": 0x001D}

MOST_SHARES = 999_999  # of one order
PRICE_BITS = 32  # of the eight bytes of a price; higher ones are zero in every price there is
