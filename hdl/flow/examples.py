"""What the drawing of each block shows: a few words or values on its ports."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.card.layout import REGISTERS
from tapeout.hdl.itch.layout import RECORD, pack, words
from tapeout.hdl.itch.model import decode, encode
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.net.layout import beats
from tapeout.hdl.orders.layout import CHANGE, ENTRY, OP, Action
from tapeout.hdl.pretrade.layout import INTENT, QUOTE, SLOT_BITS
from tapeout.hdl.registers.layout import ADDRESS, WHOLE, WRITE_DATA
from tapeout.hdl.rgmii.layout import GIGABIT, PREAMBLE, START, STATUS
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import BOOK_RECORD, BookRecord


class Example(NamedTuple):
    """What is played, and which cycles of it are drawn.

    `words` go into the input streams; `driven` are values of plain inputs, one a cycle, the last
    of which stays. `small` are parameters with which memories are swept within a drawing.
    """

    words: Mapping[str, Sequence[int]] = {}
    driven: Mapping[str, Sequence[int]] = {}
    small: Mapping[str, int] = {}
    first: int = 0
    cycles: int = 12


PRICE, ASK = 1_000_000, 1
ADDED = encode("A", stock_locate=7, order_reference=42, side="B", shares=100, price=PRICE)
DELETED = encode("D", stock_locate=7, order_reference=42)
SESSION = b"SESSION   "
LISTEN = pack((7, 1, 1), SUBSCRIBE)


def frame(*messages: bytes) -> bytes:
    """An Ethernet frame with one packet of the feed."""
    udp = packet(SESSION, 1, list(messages))
    udp = bytes(4) + (8 + len(udp)).to_bytes(2) + bytes(2) + udp
    ipv4 = b"\x45\0" + (20 + len(udp)).to_bytes(2) + bytes(5) + b"\x11" + bytes(10) + udp
    return bytes(12) + b"\x08\0" + ipv4


def decoder() -> Example:
    """Two messages, back to back."""
    return Example({"i": [*words(ADDED, 1), *words(DELETED, 2)]})


def rgmii() -> Example:
    """The preamble of a frame, and its first bytes."""
    sent = [PREAMBLE] * 3 + [START, *frame(ADDED)]
    quiet = pack((1, GIGABIT, 1), STATUS)
    return Example(driven={"i": [quiet, *sent], "i_valid": [0, *[1] * len(sent)]}, cycles=24)


def framebuffer() -> Example:
    """Four words of a frame, for which the line is ready from the third cycle on."""
    sent = beats(frame()[:28])
    return Example(
        driven={
            "i": [0, *sent, 0],
            "i_valid": [0, *[1] * len(sent), 0],
            "now_ns": range(0, 60, 6),
            "go": [0, 0, 0, 1],
        },
        small={"words": 32},
        cycles=10,
    )


def line() -> Example:
    """A frame of two messages."""
    return Example({"i": beats(frame(ADDED, DELETED))}, cycles=24)


def arbiter() -> Example:
    """Both lines have the same packet."""
    name = int.from_bytes(SESSION[:8]), int.from_bytes(SESSION[8:])
    header = pack((1, 0, name[0], 0, 0, name[1], *[0] * 7, Flag.PACKET, 2), RECORD)
    told = [header, *(pack(decode(each, k), RECORD) for k, each in enumerate((ADDED, DELETED), 1))]
    return Example({"a": told, "b": told}, cycles=18)


def subscription() -> Example:
    """The host tells of locate 7 while it is looked up again and again."""
    return Example(
        {"i": [LISTEN]}, {"locate": [7]}, {"locates": 8, "instruments": 4}, first=6, cycles=10
    )


def orders() -> Example:
    """An order comes and goes."""
    ops = [
        pack((Action.ADD, ord("B"), 42, 0, 100, PRICE), OP),
        pack((Action.DELETE, 0, 42, 0, 0, 0), OP),
    ]
    return Example(
        {"i": ops}, {"subscribed": [1], "instrument": [1]}, {"rows": 4}, first=11, cycles=16
    )


def levels() -> Example:
    """A bid, and a better one two cycles later."""
    changes = [pack((Kind.ADD, 0, 1, PRICE + 100 * k, 100, 1, 0), CHANGE) for k in range(2)]
    quiet = [0] * 8  # while rows are swept
    return Example(
        driven={
            "i": [*quiet, changes[0], 0, changes[1], 0],
            "i_valid": [*quiet, 1, 0, 1, 0],
        },
        small={"instruments": 2},
        first=7,
    )


def refill() -> Example:
    """A row is short; the table has one order beyond it, in the last row of four."""
    order = pack((1, 0, 0, PRICE, 100), ENTRY)
    return Example(
        driven={
            "refilled": [*[0] * 5, 1, *[0] * 24, 1, 0],
            "update": [1 << 8],  # incomplete
            "scan_taken": [1],
            "scan_entry": [order],
        },
        small={"instruments": 2, "rows": 2, "places": 2, "stash": 2},
        cycles=40,
    )


def publisher() -> Example:
    """A message is taken, its change comes six cycles later, its update five behind that."""
    record = pack(decode(ADDED, 1), RECORD)
    change = pack((Kind.ADD, 0, 1, PRICE, 100, 1, 0), CHANGE)
    return Example(
        driven={
            "taken": [0, 1, 0],
            "record": [0, record, 0],
            "subscribed": [0, 0, 0, 1, 0],
            "changed": [*[0] * 7, 1, 0],
            "change": [*[0] * 7, change, 0],
        },
        cycles=18,
    )


def books() -> Example:
    """An order comes and goes, of an instrument that is listened to."""
    told = [pack(decode(each, k), RECORD) for k, each in enumerate((ADDED, DELETED), 1)]
    return Example(
        {"listen": [LISTEN], "i": told},
        small={"locates": 8, "instruments": 2, "rows": 16},
        first=16,
        cycles=24,
    )


def registers() -> Example:
    """The host lets the lines be, then reads who is there."""
    control = [pack((REGISTERS["control"].at,), ADDRESS), pack((0, WHOLE), WRITE_DATA)]
    asked = {"write_address": control[:1], "write_data": control[1:], "read_address": [0]}
    return Example(asked, cycles=8)


def clock() -> Example:
    """At 156.25 MHz, with a jump of a microsecond."""
    return Example(driven={"adjust": [1000], "adjusted": [0, 0, 0, 1, 0]})


def ring() -> Example:
    """A record comes and is written."""
    settings = {"base": [0x1000], "index": [0x2000], "bits": [4]}
    return Example({"i": [1]}, settings, {"depth": 4}, cycles=20)


def pretrade() -> Example:
    """An order, before any limit is set."""
    return Example({"i": [pack((1, 0, 0, 1, 0, 100, PRICE), INTENT)]}, cycles=14)


def quotes() -> Example:
    """A slot follows a locate; two cycles later a record of it comes."""
    limit = pack((1, 7, 1), {"slot": SLOT_BITS, "locate": 16, "en": 1})
    added = BookRecord(kind=Kind.ADD, locate=7, best_price=PRICE, best_lots=100, levels=1)
    return Example(
        driven={
            "limit": [0, limit, 0],
            "record": [0, 0, 0, pack(added, BOOK_RECORD), 0],
            "record_valid": [0, 0, 0, 1, 0],
        }
    )


def policy() -> Example:
    """A quote whose bid is nine times as large as its offer."""
    leans = pack((1, PRICE, 900, PRICE + 100, 100, 0), QUOTE)
    return Example(driven={"trade": [1], "quote": [0, leans, 0], "quote_valid": [0, 1, 0]})


def ouch() -> Example:
    """An order, and its cancel."""
    symbol = int.from_bytes(b"HYDR    ") << sum(INTENT.values())
    orders = [(1, 0, 0, 1, 0, 100, PRICE), (3, 0, 0, 2, 1, 0, 0)]
    return Example({"i": [pack(order, INTENT) | symbol for order in orders]})


def feed_handler() -> Example:
    """A frame of one message on the first line, of an instrument that is listened to."""
    return Example(
        {"listen": [LISTEN], "a": beats(frame(ADDED))},
        small={"words": 32, "locates": 8, "instruments": 2, "rows": 16},
        cycles=40,
    )
