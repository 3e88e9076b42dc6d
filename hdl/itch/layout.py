"""What crosses the pins: every ITCH 5.0 message on the wire, and the 64-byte record made of it.

Nasdaq TotalView-ITCH 5.0, chapter "Message Formats". All integers are big-endian. This table is the
only place where the formats are written; gateware, golden model, CPU twin and simulated exchange
read it.
"""

from typing import NamedTuple

HEAD = "type:1a stock_locate:2 tracking_number:2 timestamp:6"

#: type -> (name, fields after the head). A field is `name:bytes`; a final letter tells text (`a`),
#: flags that are Y, N or blank (`f`) and prices in 1/10,000 dollar (`p`) or 1/100,000,000 dollar
#: (`q`) from plain unsigned integers.
FORMATS = {
    "S": ("system event", "event_code:1a"),
    "R": (
        "stock directory",
        "stock:8a market_category:1a financial_status:1a round_lot_size:4 round_lots_only:1f"
        " issue_classification:1a issue_subtype:2a authenticity:1a short_sale_threshold:1f"
        " ipo_flag:1f luld_tier:1a etp_flag:1f etp_leverage_factor:4 inverse_indicator:1f",
    ),
    "H": ("stock trading action", "stock:8a trading_state:1a reserved:1a reason:4a"),
    "Y": ("Reg SHO restriction", "stock:8a reg_sho_action:1a"),
    "L": (
        "market participant position",
        "mpid:4a stock:8a primary_market_maker:1f market_maker_mode:1a participant_state:1a",
    ),
    "V": ("MWCB decline level", "level_1:8q level_2:8q level_3:8q"),
    "W": ("MWCB status", "breached_level:1a"),
    "K": (
        "IPO quoting period update",
        "stock:8a release_time:4 release_qualifier:1a ipo_price:4p",
    ),
    "J": (
        "LULD auction collar",
        "stock:8a reference_price:4p upper_price:4p lower_price:4p extension:4",
    ),
    "h": ("operational halt", "stock:8a market_code:1a halt_action:1a"),
    "A": ("add order", "order_reference:8 side:1a shares:4 stock:8a price:4p"),
    "F": (
        "add order with attribution",
        "order_reference:8 side:1a shares:4 stock:8a price:4p attribution:4a",
    ),
    "E": ("order executed", "order_reference:8 executed_shares:4 match_number:8"),
    "C": (
        "order executed with price",
        "order_reference:8 executed_shares:4 match_number:8 printable:1f execution_price:4p",
    ),
    "X": ("order cancel", "order_reference:8 cancelled_shares:4"),
    "D": ("order delete", "order_reference:8"),
    "U": ("order replace", "order_reference:8 new_order_reference:8 shares:4 price:4p"),
    "P": (
        "trade",
        "order_reference:8 side:1a shares:4 stock:8a price:4p match_number:8",
    ),
    "Q": ("cross trade", "cross_shares:8 stock:8a cross_price:4p match_number:8 cross_type:1a"),
    "B": ("broken trade", "match_number:8"),
    "I": (
        "net order imbalance",
        "paired_shares:8 imbalance_shares:8 imbalance_direction:1a stock:8a far_price:4p"
        " near_price:4p reference_price:4p cross_type:1a price_variation:1a",
    ),
    "N": ("retail price improvement", "stock:8a interest_flag:1a"),
    "O": (
        "direct listing with capital raise",
        "stock:8a open_eligibility:1f minimum_price:4p maximum_price:4p near_price:4p"
        " near_time:8 lower_collar:4p upper_collar:4p",
    ),
}


class Field(NamedTuple):
    """Where a field stands in its message, in bytes, and how it reads: u, a, f, p or q."""

    start: int
    length: int
    kind: str


class Message(NamedTuple):
    """One message type: its name in the specification, its length in bytes, its fields in order."""

    name: str
    length: int
    fields: dict[str, Field]


def _message(name: str, text: str) -> Message:
    """Lay the fields of `text` one behind the other."""
    fields, start = {}, 0
    for word in f"{HEAD} {text}".split():
        field, _, size = word.partition(":")
        length = int(size.rstrip("afpq"))
        fields[field] = Field(start, length, size.lstrip("0123456789") or "u")
        start += length
    return Message(name, start, fields)


MESSAGES: dict[str, Message] = {key: _message(*text) for key, text in FORMATS.items()}
LONGEST = max(message.length for message in MESSAGES.values())

#: The record, least significant bits first: name -> bits. 512 in all, so 64 bytes, little-endian.
RECORD = {
    "sequence": 64,  # MoldUDP64 sequence number; 0 where the source has none
    "arrival_ns": 64,  # ingress clock, UTC; 0 where the source has none
    "subject": 64,  # order reference, else the stock symbol (text as a big-endian integer)
    "other": 64,  # new order reference, else match number, else imbalance shares
    "timestamp": 48,  # exchange clock, ns since midnight in New York
    "locate": 16,
    "shares": 64,
    "price": 32,  # 1/10,000 dollar
    "tracking": 16,
    "type": 8,
    "side": 8,  # "B" or "S"
    "mpid": 32,  # attribution or participant; of a trading state its reason
    "code": 8,  # printable, cross type, event code or trading state
    "flags": 8,  # bit 0: the type is known and the length is right
    "length": 16,  # of the message, in bytes
}

#: Which message fields fill a record field; the first that the type has. Others stay zero.
SOURCES = {
    "subject": ("order_reference", "stock"),
    "other": ("new_order_reference", "match_number", "imbalance_shares"),
    "timestamp": ("timestamp",),
    "locate": ("stock_locate",),
    "shares": ("shares", "executed_shares", "cancelled_shares", "cross_shares", "paired_shares"),
    "price": ("price", "execution_price", "cross_price", "reference_price", "ipo_price"),
    "tracking": ("tracking_number",),
    "side": ("side", "imbalance_direction"),
    "mpid": ("attribution", "mpid", "reason"),
    "code": ("printable", "cross_type", "event_code", "trading_state"),
}

#: What the decoder is fed, least significant bits first: eight bytes of one message, first byte
#: lowest, `count` of them real; `last` ends the message. The two tags hold for all its words.
WORD = {"data": 64, "count": 4, "last": 1, "sequence": 64, "arrival_ns": 64}


class Record(NamedTuple):
    """One decoded message; see `RECORD` for the fields."""

    sequence: int = 0
    arrival_ns: int = 0
    subject: int = 0
    other: int = 0
    timestamp: int = 0
    locate: int = 0
    shares: int = 0
    price: int = 0
    tracking: int = 0
    type: int = 0
    side: int = 0
    mpid: int = 0
    code: int = 0
    flags: int = 0
    length: int = 0


def source(kind: str, field: str) -> Field | None:
    """The message field that fills record field `field` for messages of type `kind`, if any."""
    fields = MESSAGES[kind].fields
    return next((fields[name] for name in SOURCES.get(field, ()) if name in fields), None)


def pack(values: tuple[int, ...], layout: dict[str, int]) -> int:
    """Put one value a field into one integer, first field lowest."""
    word, low = 0, 0
    for value, bits in zip(values, layout.values(), strict=True):
        word |= (value & (1 << bits) - 1) << low
        low += bits
    return word


def unpack(word: int) -> Record:
    """Take a packed record apart; the inverse of `pack(record, RECORD)`."""
    values, low = [], 0
    for bits in RECORD.values():
        values.append(word >> low & (1 << bits) - 1)
        low += bits
    return Record(*values)


def words(message: bytes, sequence: int = 0, arrival_ns: int = 0) -> list[int]:
    """The stream words that carry one message into the decoder; an empty message is one word."""
    out = []
    for start in range(0, max(len(message), 1), 8):
        piece = message[start : start + 8]
        last = start + 8 >= len(message)
        data = int.from_bytes(piece, "little")
        out.append(pack((data, len(piece), last, sequence, arrival_ns), WORD))
    return out
