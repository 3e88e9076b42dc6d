"""The page of the contract, `docs/device.md`: `python -m tapeout.hdl.card.page docs/device.md`."""

import sys
from collections.abc import Iterable
from pathlib import Path

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.card import prose
from tapeout.hdl.card.layout import (
    ALIGNMENT,
    CAPABILITIES,
    DECISION_PLACE,
    ERRORS,
    FRACTION,
    LINE_RATE,
    RECORD_BYTES,
    REGISTERS,
    RING_BITS,
    STATISTICS,
    STATUS,
    WINDOW,
    Entry,
    Register,
)
from tapeout.hdl.net.layout import BEAT
from tapeout.hdl.pretrade.layout import (
    GLOBAL_LIMITS,
    INTENT,
    LIMITS,
    NOTIONAL_UNIT,
    SLOTS,
    Action,
    Reason,
)
from tapeout.hdl.registers import layout as window
from tapeout.hdl.ring import layout as ring
from tapeout.hdl.top.layout import BOOK_RECORD, Mark, Report

#: Member of the card -> what it is called on the bus, its direction, and its payload.
CHANNELS = {
    "write_address": ("AXI4-Lite AW", "in", window.ADDRESS),
    "write_data": ("AXI4-Lite W", "in", window.WRITE_DATA),
    "write_response": ("AXI4-Lite B", "out", window.RESPONSE),
    "read_address": ("AXI4-Lite AR", "in", window.ADDRESS),
    "read_data": ("AXI4-Lite R", "out", window.READ_DATA),
    "dma_address": ("AXI4 AW", "out", ring.ADDRESS),
    "dma_data": ("AXI4 W", "out", ring.WORD),
    "dma_response": ("AXI4 B", "in", ring.RESPONSE),
}
FRAMES = {
    "a": ("first line of the feed", "in"),
    "b": ("second line", "in"),
    "orders": ("OUCH messages to the exchange, one a frame", "out"),
    "reports": ("the exchange's OUCH messages, one a frame", "in"),
}


def page() -> str:
    """All of it, as Markdown."""
    chapters = [
        prose.HEAD,
        "## Pins and channels",
        prose.BUS,
        _pins(),
        "## Bring-up, step by step",
        prose.BRING_UP,
        _table(("", "step", "do"), ((k, *step) for k, step in enumerate(prose.STEPS, 1))),
        prose.BRING_UP_CODE,
        "## Registers",
        _registers(),
        "## Ring",
        prose.RING.format(
            entry=RECORD_BYTES, alignment=ALIGNMENT, few=RING_BITS[0], many=RING_BITS[1]
        ),
        "## Entries",
        _entries(),
        "## Clock",
        prose.CLOCK.format(fraction=FRACTION, rate=LINE_RATE),
        "## Statistics",
        _statistics(),
        "## Status, errors, and what to do",
        _flags(),
        "## Reset",
        prose.RESET,
        "## Orders and the gate",
        _orders(),
        "## What has not been done",
        prose.BOARDS,
    ]
    return "\n\n".join(chapter.strip("\n") for chapter in chapters) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _bits(fields: dict[str, int]) -> str:
    """The fields of a word with their places: `lines` 1:0, `learn` 2."""
    said, low = [], 0
    for name, bits in fields.items():
        said.append(f"`{name}` {low + bits - 1}:{low}" if bits > 1 else f"`{name}` {low}")
        low += bits
    return ", ".join(said)


def _pins() -> str:
    """Every stream of the card's border."""
    rows = [
        (f"`{name}`", what, way, _bits(payload)) for name, (what, way, payload) in CHANNELS.items()
    ]
    rows += [(f"`{name}`", what, way, _bits(BEAT)) for name, (what, way) in FRAMES.items()]
    said = (
        "In Verilog a stream `x` is `x__payload`, `x__valid` and `x__ready`. Of a frame's word,"
        " `count` bytes\nare meant, 8 but in the `last` one; `error` beside `last` says that it"
        " was received badly."
    )
    return _table(("stream", "is", "way", "payload bits"), rows) + "\n\n" + said


def _registers() -> str:
    """The table, but for the counters, which have a chapter of their own."""
    said = (
        f"A window of {WINDOW:,} bytes. `ro`: only read. `rw`: reads as it was written. `wo`: a"
        " write does something once;\nreads as zero. `w1c`: reads as what happened; ones written"
        " take those bits back. The statistics follow below."
    )
    rows = [
        (f"0x{each.at:03X}", f"`{name}`", each.access, _bits(each.fields), _first(each), each.what)
        for name, each in sorted(REGISTERS.items(), key=lambda pair: pair[1].at)
        if not name.startswith("statistics_")
    ]
    head = ("at", "register", "access", "bits", "at first", "what")
    can = ", ".join(f"`{name}`" for name in CAPABILITIES)
    return f"{said}\n\n{_table(head, rows)}\n\nBits of `capabilities`, lowest first: {can}."


def _first(register: Register) -> str:
    return f"0x{register.init:X}" if register.init else "0"


def _entries() -> str:
    """The 64 bytes, the kinds, the flags, and where a decision's fields stand."""
    rows, low = [], 0
    for name, bits in BOOK_RECORD.items():
        rows.append((low // 8, bits // 8, f"`{name}`", prose.FIELD[name]))
        low += bits
    kinds: list[tuple[int, str]] = [
        (int(kind), kind.name) for each in (Kind, Report, Entry) for kind in each
    ]
    decision = [
        (f"`{name}`", f"`{field}`", f"{bit} and up")
        for name, (field, bit) in DECISION_PLACE.items()
    ]
    return "\n\n".join([
        _table(("byte", "bytes", "field", "what"), rows),
        "Kinds: " + ", ".join(f"{number} {name}" for number, name in kinds) + ".",
        "Flags: " + ", ".join(f"{int(mark)} {mark.name}" for mark in Mark) + ". STALE: the book is"
        " not what it should be,\nfrom here to the reset or a recovery. LAST: of its message.",
        "In an entry of kind OVERFLOW all fields but `kind`, `subject` and `arrival_ns` are zero."
        " In one of kind\nDECISION the fields of the decision stand in fields of the entry, and"
        " `arrival_ns` is when it was made:",
        _table(("of the decision", "stands in", "bit"), decision),
    ])  # fmt: skip


def _statistics() -> str:
    said = (
        "A 1 written to `snapshot` keeps all counters of one cycle; reads show what was kept."
        " Before the first,\nand after `rst`, that is zero. Counters begin at zero after a reset"
        " and wrap at `2**32`."
    )
    gate = {f"gate_{reason.name.lower()}": f"decisions: {reason.name}" for reason in Reason}
    meaning = prose.COUNTED | gate
    rows = [
        (f"0x{REGISTERS[f'statistics_{name}'].at:03X}", f"`statistics_{name}`", meaning[name])
        for name in STATISTICS
    ]
    return f"{said}\n\n{_table(('at', 'register', 'counts'), rows)}"


def _flags() -> str:
    status = [(bit, f"`{name}`", what) for bit, (name, what) in enumerate(STATUS.items())]
    errors = [
        (bit, f"`{name}`", what, prose.REMEDY[name])
        for bit, (name, what) in enumerate(ERRORS.items())
    ]
    return "\n\n".join([
        _table(("bit", "`status`", "is so now"), status),
        _table(("bit", "`errors`", "happened", "do"), errors),
        "A bit of `errors` stays until a 1 is written to it; one that happens in the cycle of that"
        " write stays.",
    ])  # fmt: skip


def _orders() -> str:
    dollars = NOTIONAL_UNIT / 10_000
    said = prose.ORDERS.format(unit=NOTIONAL_UNIT, dollars=dollars, slots=SLOTS).strip("\n")
    limits = [
        (f"`{prefix}_{name}`", bits, prose.LIMIT[name])
        for prefix, table in (("gate", GLOBAL_LIMITS), ("limit", LIMITS))
        for name, bits in table.items()
    ]
    actions = ", ".join(f"{int(action)} {action.name}" for action in Action)
    reasons = ", ".join(f"{int(reason)} {reason.name}" for reason in Reason)
    return "\n\n".join([
        said,
        _table(("limit", "bits", "what"), limits),
        f"An order: {_bits(INTENT)}, a register each. `action`: {actions}; `side` is 1 of a sale;"
        " `number` is\nits name, each used once; `replaces` names the order that is replaced or"
        " canceled.",
        f"Reasons, the first that applies: {reasons}.",
    ])  # fmt: skip


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
