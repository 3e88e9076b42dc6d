"""Which columns a message type has, and where they stand in one arena."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.itch.layout import MESSAGES, Field
from tapeout.kernels.tape.record import Ints

#: How a column is filled: from the message's place in its stream, from its head, or from a field.
END, SEQUENCE, ARRIVAL, CLOCK, LETTER, SHORT, INT, LONG, PRICE, FINE_PRICE, TEXT = range(11)
WIDTHS = {
    SEQUENCE: 8,
    ARRIVAL: 8,
    CLOCK: 8,
    LETTER: 1,
    SHORT: 2,
    INT: 4,
    LONG: 8,
    PRICE: 8,
    FINE_PRICE: 8,
}
OFFSET_BYTES = 4  # of a text column: where each row's text starts

ALIGNED = 64


class Source(NamedTuple):
    """What a column is filled from: `start` and `length` of the field in its message, in bytes."""

    name: str
    fill: int
    start: int
    length: int


def _fill_of(field: Field) -> int:
    """How a message field becomes a column."""
    if field.kind in "af":
        return LETTER if field.length == 1 else TEXT
    if field.kind in "pq":
        return PRICE if field.length == 4 else FINE_PRICE
    return {2: SHORT, 4: INT, 8: LONG}[field.length]


def _sources(kind: str) -> list[Source]:
    """The columns of a type: its clocks and its number, then the fields as in the table."""
    fields = dict(MESSAGES[kind].fields)
    clock = fields.pop("timestamp")
    fields.pop("type")
    return [
        Source("timestamp", CLOCK, clock.start, clock.length),
        Source("arrival", ARRIVAL, 0, 8),
        Source("sequence", SEQUENCE, 0, 8),
        *(Source(name, _fill_of(field), *field[:2]) for name, field in fields.items()),
    ]


SOURCES = {kind: _sources(kind) for kind in MESSAGES}
MOST = max(map(len, SOURCES.values()))


class Column(NamedTuple):
    """Where one column stands in the arena, in bytes.

    `place` is where its values are; those of text are (rows + 1,) int32 offsets into what stands
    at `text`.
    """

    source: Source
    place: int
    text: int


class Layout(NamedTuple):
    """The columns of each type that came, in one arena of `size` bytes.

    `plan` (S + 1, C, 5) uint64 holds them as the compiled part reads them.
    """

    columns: dict[str, list[Column]]
    rows: dict[str, int]
    plan: np.ndarray[Any, np.dtype[np.uint64]]
    size: int


def slots_of(kinds: str) -> Ints:
    """Which of the wanted types each of the 256 types is; `len(kinds)` for one not wanted."""
    slots = np.full(256, len(kinds), np.int64)
    slots[[ord(kind) for kind in kinds]] = np.arange(len(kinds))
    return slots


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def layout(kinds: str, rows: Ints, arrived: bool) -> Layout:
    """Room for `rows` (S,) messages of each of `kinds`, with arrivals if there are any."""
    plan, end = np.zeros((len(kinds) + 1, MOST + 1, 5), np.uint64), 0
    counts = {kind: count for kind, count in zip(kinds, rows.tolist(), strict=True) if count}
    columns: dict[str, list[Column]] = {kind: [] for kind in counts}
    for kind, count in counts.items():
        for source in SOURCES[kind]:
            if source.fill == ARRIVAL and not arrived:
                continue
            place = text = end
            if source.fill == TEXT:
                text = place + _aligned(OFFSET_BYTES * (count + 1))
                end = _aligned(text + source.length * count + 8)  # stored eight bytes at a time
            else:
                end = _aligned(place + WIDTHS[source.fill] * count)
            columns[kind].append(Column(source, place, text))
        plan[kinds.index(kind), : len(columns[kind])] = [
            (s.fill, s.start, 64 - 8 * min(s.length, 8), place, text)
            for s, place, text in columns[kind]
        ]
    return Layout(columns, counts, plan, end)
