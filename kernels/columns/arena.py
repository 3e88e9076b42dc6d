"""Which columns a message type has, and where they stand in one arena."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.itch.layout import MESSAGES, Field
from tapeout.kernels.tape.record import Ints

#: How a column is filled: from the message's place in its stream, from its head, or from a field.
END, SEQUENCE, ARRIVAL, CLOCK, LETTER, SHORT, INT, LONG, PRICE, FINE_PRICE, TEXT = range(11)
#: Bytes a value has; of a text, the offset of where it starts.
WIDTHS = np.array([0, 8, 8, 8, 1, 2, 4, 8, 8, 8, 4])
OFFSET_BYTES = 4
ALIGNED = 64
STEP = 4096  # messages whose bytes stay near while each column takes what it needs of them

#: What a plan says of a column, in this order: START and SPARE as in its message, then places.
FILL, START, SPARE, PLACES, TEXTS = range(5)
#: Where each column of the head stands; behind these come the fields.
HEAD = CLOCK_AT, ARRIVAL_AT, SEQUENCE_AT, LOCATE_AT, TRACKING_AT = range(5)


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
    """The columns of a type: clocks, number and locate as in `HEAD`, then its fields."""
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


def _table(of: Callable[[Source], int]) -> Ints:
    """A number for each column of each message type; 0 where a type has no more, (types, MOST)."""
    table = np.zeros((len(SOURCES), MOST), np.int64)
    for row, sources in enumerate(SOURCES.values()):
        table[row, : len(sources)] = [of(source) for source in sources]
    return table


PLACE = {kind: row for row, kind in enumerate(SOURCES)}
FILLS, STARTS = _table(lambda source: source.fill), _table(lambda source: source.start)
LENGTHS, SPARE_BITS = _table(lambda source: source.length), _table(lambda s: 64 - 8 * s.length)


class Layout(NamedTuple):
    """Where the columns of each wanted type stand in one arena of `size` bytes.

    `rows` (S,) is how many messages of each type there are. `places` (S, C) is where the values of
    each column of `SOURCES` start; those of text are rows + 1 int32 offsets into what stands at
    `texts` (S, C); `offsets` (S, C) bool says which have them. `plan` (S, C + 1, 5)
    uint64 is the same as the compiled part reads it.
    """

    kinds: str
    rows: Ints
    arrived: bool
    places: Ints
    texts: Ints
    offsets: np.ndarray[Any, np.dtype[np.bool_]]
    plan: np.ndarray[Any, np.dtype[np.uint64]]
    size: int


def slots_of(kinds: str) -> Ints:
    """Which of the wanted types each of the 256 types is; `len(kinds)` for one not wanted."""
    slots = np.full(256, len(kinds), np.int64)
    slots[[ord(kind) for kind in kinds]] = np.arange(len(kinds))
    return slots


def layout(kinds: str, rows: Ints, arrived: bool) -> Layout:
    """Room for `rows` (S,) messages of each of `kinds`, with arrivals if there are any."""
    types, count = [PLACE[kind] for kind in kinds], rows[:, None]
    fills, lengths = FILLS[types], LENGTHS[types]
    text = fills == TEXT
    values = _aligned(WIDTHS[fills] * count + OFFSET_BYTES * text)
    behind = text * _aligned(lengths * count + 8)  # text is stored eight bytes at a time
    if not arrived:
        values[:, ARRIVAL_AT] = 0
    sizes = (values + behind) * (count > 0)
    ends = np.cumsum(sizes.ravel()).reshape(sizes.shape)
    places = ends - sizes
    plan = np.zeros((len(kinds), MOST + 1, 5), np.uint64)
    columns = (fills, STARTS[types], SPARE_BITS[types], places, places + values)
    plan[:, :-1] = np.stack(columns, axis=-1)
    texts, offsets = places + values, text & (count > 0)
    return Layout(kinds, rows, arrived, places, texts, offsets, plan, int(sizes.sum()))


def _aligned(sizes: Ints) -> Ints:
    return -(-sizes // ALIGNED) * ALIGNED
