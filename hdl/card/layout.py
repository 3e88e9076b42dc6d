"""The contract between host and card: every register, and the ring of records, once.

The gateware is built from these tables, the host's driver reads and writes by them, and
`docs/device.md` is made of them. A register is one 32-bit word, read and written whole and only
where it is aligned; a read of any other address gives zero, a write there does nothing, and both
are answered by an error response. Numbers are little-endian, counters wrap.
"""

from enum import IntEnum, StrEnum
from typing import NamedTuple

from tapeout.hdl.policy.layout import (
    COOLDOWN_BITS,
    DEFAULTS,
    THRESHOLD_BITS,
    THRESHOLD_FRACTION,
)
from tapeout.hdl.pretrade.layout import GLOBAL_LIMITS, INTENT, LIMITS, SLOT_BITS, Reason

MAGIC = int.from_bytes(b"TAPE")
VERSION = (1, 0)  # major: a driver of another one must refuse; minor: more was added
WINDOW = 0x1000  # bytes of the register window


#: The ring holds `tapeout.hdl.top.layout.BOOK_RECORD`s; these kinds are the card's own.
class Entry(IntEnum):
    """What an entry's `kind` says beyond the kinds of book records; its `number` is zero."""

    OVERFLOW = 48  # `subject` entries were dropped here: the ring was full
    DECISION = 49  # of the gate: see `DECISION_PLACE`; `arrival_ns` is when it was made


RECORD_BYTES = 64
RING_BITS = (4, 20)  # the ring holds 2**this records, from and to
ALIGNMENT = 64  # bytes, of the ring and of the place of the producer index

FRACTION = 24  # bits of `clock_rate` behind the point
LINE_RATE = round(6.4 * (1 << FRACTION))  # ns a cycle at 156.25 MHz


class Access(StrEnum):
    """What a host may do to a register."""

    READ = "ro"
    WRITE = "rw"  # reads as it was written
    DO = "wo"  # a write does something once; reads as zero
    CLEAR = "w1c"  # reads as what happened; ones written take those bits back


class Register(NamedTuple):
    """One word: `fields` name its bits, lowest first; what is above them is zero."""

    at: int
    access: Access
    fields: dict[str, int]
    what: str
    init: int = 0


#: Where the fields of `tapeout.hdl.pretrade.layout.DECISION` stand in an entry of kind `DECISION`:
#: field of the decision -> (field of the record, its lowest bit there). `because` is the number of
#: the book record behind the new quote that the policy acted on; zero of what a report, a cooldown
#: or the host was the reason of.
DECISION_PLACE = {
    "number": ("subject", 0),
    "replaces": ("subject", 32),
    "price": ("price", 0),
    "shares": ("lots", 0),
    "reason": ("detail", 0),
    "action": ("detail", 8),
    "side": ("detail", 16),
    "slot": ("detail", 24),
    "because": ("sequence", 0),
}

#: What this card can do: bits of `capabilities`.
CAPABILITIES = ("books", "ring", "orders", "gate", "policy")

#: What is so now: bits of `status`.
STATUS = {
    "ready": "memories are swept and messages are taken",
    "stale": "records, messages or orders are lost since the reset",
    "full": "the ring has no place: records are dropped",
    "killed": "the gate lets no order out",
    "busy": "a reset is going on",
}

#: What happened: bits of `errors`.
ERRORS = {
    "overflow": "records were dropped because the ring was full",
    "bus": "the host's memory refused a write",
    "gap": "messages are lost",
    "refused": "the order table refused an order",
    "cut": "a frame lost its end for want of room",
    "checksum": "a frame came that the pins said was received badly",
}

#: Counters, in the order of their registers from `STATISTICS_AT` on; all of one moment, that of the
#: last write to `snapshot`.
STATISTICS = (
    *(
        f"{line}_{name}"
        for line in "ab"
        for name in ("frames", "bad", "cut", "filtered", "messages", "first", "repeated")
    ),
    "delivered",
    "gaps",
    "lost",
    "sessions",
    "refused",
    "records",  # made by the books
    "written",  # of them, and of the decisions, to the ring
    "dropped",  # for want of a place in the ring
    "most",  # records that ever waited in the ring
    *(f"gate_{reason.name.lower()}" for reason in Reason),
)
STATISTICS_AT = 0x200

READ, WRITE, DO, CLEAR = Access.READ, Access.WRITE, Access.DO, Access.CLEAR
HALVES = (("low", "lower half"), ("high", "upper half"))


def _wide(name: str, at: int, access: Access, what: str) -> dict[str, Register]:
    """Two registers for one number of 64 bits."""
    return {
        f"{name}_{half}": Register(at + 4 * k, access, {name: 32}, f"{what}: {part}")
        for k, (half, part) in enumerate(HALVES)
    }


def _fields(name: str, at: int, table: dict[str, int], what: str) -> dict[str, Register]:
    """A register for each field of a table, in its order."""
    return {
        f"{name}_{field}": Register(at + 4 * k, WRITE, {field: bits}, f"{what}: {field}")
        for k, (field, bits) in enumerate(table.items())
    }


#: Name -> where, who may do what, its bits, and what it is.
REGISTERS: dict[str, Register] = {
    # Identity
    "magic": Register(0x000, READ, {"magic": 32}, 'the letters "TAPE"', MAGIC),
    "version": Register(
        0x004, READ, {"minor": 16, "major": 16}, "of this contract", VERSION[0] << 16 | VERSION[1]
    ),
    "capabilities": Register(
        0x008, READ, dict.fromkeys(CAPABILITIES, 1), "what this card can do"
    ),
    "build": Register(0x00C, READ, {"build": 32}, "which gateware this is, as its maker says"),
    "geometry": Register(
        0x010, READ, {"instruments": 16, "levels": 8}, "instruments listened to; levels a side"
    ),
    "clock_hz": Register(0x014, READ, {"hz": 32}, "of the clock all cycles are counted in"),
    # Control
    "control": Register(
        0x020, WRITE, {"lines": 2, "learn": 1, "trade": 1},
        "lines listened to, a lowest; learn instruments from the directory; the policy may trade",
        3,
    ),
    "reset": Register(0x024, DO, {"all": 1}, "begin a new day: all but this window's settings"),
    "status": Register(0x028, READ, dict.fromkeys(STATUS, 1), "what is so now"),
    "errors": Register(0x02C, CLEAR, dict.fromkeys(ERRORS, 1), "what happened"),
    # Clock
    **_wide("now", 0x030, READ, "ingress clock, ns; a read of the lower half keeps the upper one"),
    **_wide("adjust", 0x038, WRITE, "ns the clock jumps by, signed, at a write of the upper half"),
    "clock_rate": Register(
        0x040, WRITE, {"rate": 32}, f"ns a cycle, {FRACTION} bits behind the point", LINE_RATE
    ),
    # What is listened to
    "filter_port": Register(0x050, WRITE, {"port": 16, "port_enable": 1}, "UDP port let in"),
    "filter_group": Register(0x054, WRITE, {"group": 32}, "IPv4 destination let in"),
    "filter_group_enable": Register(0x058, WRITE, {"group_enable": 1}, "look at the destination"),
    "listen": Register(
        0x060, DO, {"locate": 16, "instrument": 8, "subscribed": 1},
        "an instrument gets a stock locate; answered when it is taken",
    ),
    "listing_instrument": Register(0x064, WRITE, {"instrument": 8}, "what `listing` shows"),
    "listing_locate": Register(0x068, READ, {"locate": 16}, "stock locate learned for it"),
    **_wide("listing_symbol", 0x06C, READ, "its symbol, first letter highest"),
    # Ring
    **_wide("ring_base", 0x080, WRITE, "bus address of the ring"),
    "ring_bits": Register(
        0x088, WRITE, {"bits": 5}, "the ring holds 2**bits records; 0: none is written"
    ),
    "ring_producer": Register(0x08C, READ, {"count": 32}, "records written since the reset"),
    "ring_consumer": Register(0x090, WRITE, {"count": 32}, "records the host has done with"),
    **_wide("ring_index", 0x094, WRITE, "bus address the producer index is written to; 0: nowhere"),
    "ring_dropped": Register(0x09C, READ, {"count": 32}, "records dropped since the reset"),
    # Statistics
    "snapshot": Register(0x0A0, DO, {"all": 1}, "keep all statistics as they are now"),
    # Orders and the gate
    "kill": Register(0x0C0, WRITE, {"kill": 1}, "the gate lets no order out while it is set", 1),
    **_fields("gate", 0x0C4, GLOBAL_LIMITS, "limit of all orders"),
    **_fields("limit", 0x100, LIMITS, "limit of one slot, see `limit_write`"),
    "limit_write": Register(
        0x140, DO, {"slot": SLOT_BITS}, "this slot gets the limits that stand in `limit_...`"
    ),
    **_fields("order", 0x150, INTENT, "an order to be judged, see `order_send`"),
    "policy_threshold": Register(
        0x190, WRITE, {"threshold": THRESHOLD_BITS},
        f"ticks between microprice and midprice, {THRESHOLD_FRACTION} bits behind the point",
        DEFAULTS["threshold"],
    ),
    "policy_shares": Register(
        0x194, WRITE, {"shares": 32}, "of each order of the policy", DEFAULTS["shares"]
    ),
    "policy_cooldown": Register(
        0x198, WRITE, {"cycles": COOLDOWN_BITS}, "without an order after one was refused",
        DEFAULTS["cooldown"],
    ),
    "order_send": Register(0x180, DO, {"all": 1}, "the order in `order_...`; answered when taken"),
    **{
        f"statistics_{name}": Register(STATISTICS_AT + 4 * k, READ, {"count": 32}, f"counts {name}")
        for k, name in enumerate(STATISTICS)
    },
}  # fmt: skip
