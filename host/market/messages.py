"""Every ITCH message type as Arrow: a schema each, made from the table of the wire format."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from tapeout.errors import DataError
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.kernels.columns import arena as fills
from tapeout.kernels.columns.arena import Source
from tapeout.kernels.columns.decode import Columns

ALL = "".join(MESSAGES)
YES, NO = b"YN"
WIDTHS = fills.WIDTHS.tolist()
FLAGS = {n for m in MESSAGES.values() for n, field in m.fields.items() if field.kind == "f"}
#: What a price is counted in, by how its field reads, and what its column's name ends with.
UNITS = {"p": ("1/10000 USD", "_ticks"), "q": ("1/100000000 USD", "_e8")}
NAMES = {"timestamp": "exchange_ns", "arrival": "arrival_ns"}
TYPES = {
    fills.CLOCK: pa.int64(),
    fills.ARRIVAL: pa.int64(),
    fills.SEQUENCE: pa.int64(),
    fills.SHORT: pa.uint16(),
    fills.INT: pa.uint32(),
    fills.LONG: pa.uint64(),
    fills.PRICE: pa.int64(),
    fills.FINE_PRICE: pa.int64(),
    fills.LETTER: pa.string(),
    fills.TEXT: pa.string(),
}


def reads(kind: str, source: Source) -> str:
    """How the field behind a column reads, as in `Field.kind`; "u" where there is none."""
    field = MESSAGES[kind].fields.get(source.name)
    return field.kind if field else "u"


def _field(kind: str, source: Source) -> pa.Field:
    how = reads(kind, source)
    unit, ending = UNITS.get(how, ("", ""))
    form = pa.bool_() if how == "f" else TYPES[source.fill]
    name = NAMES.get(source.name, source.name + ending)
    missing = how == "f" or source.fill == fills.ARRIVAL
    return pa.field(name, form, nullable=missing, metadata={"unit": unit} if unit else None)


def _schema(kind: str) -> pa.Schema:
    about = {
        "message": MESSAGES[kind].name,
        "type": kind,
        "specification": "Nasdaq TotalView-ITCH 5.0",
        "unit": "ns UTC",
        "version": "1",
    }
    return pa.schema([_field(kind, source) for source in fills.SOURCES[kind]], metadata=about)


#: Message type -> the schema of its batches. Names are the specification's, but for both clocks
#: (ns UTC; `arrival_ns` is null without one) and prices: `_ticks` of 1/10,000 dollar, `_e8` of
#: 1/100,000,000. Integers are as wide as on the wire, text comes without the blanks behind it
#: (single letters as they are), flags are null where they are neither Y nor N.
MESSAGE_SCHEMAS: dict[str, pa.Schema] = {kind: _schema(kind) for kind in MESSAGES}
#: Message type -> field of the specification -> the column that holds it.
COLUMN_OF = {
    kind: {s.name: field.name for s, field in zip(fills.SOURCES[kind], schema, strict=True)}
    for kind, schema in MESSAGE_SCHEMAS.items()
}


def check_types(kinds: str) -> str:
    """The message types, each once, in the table's order.

    Raises
    ------
    DataError
        "types must be among SRHYLVWKJhAFECXDUPQBINO; got 'z'"
    """
    for kind in kinds or [""]:
        if kind not in MESSAGES:
            raise DataError(f"types must be among {ALL}; got {kind!r}")
    return "".join(kind for kind in MESSAGES if kind in kinds)


def typed_batches(found: Columns) -> Iterator[tuple[str, pa.RecordBatch]]:
    """A record batch of each type that came, over the arena itself: nothing is copied but flags."""
    layout, arena = found.layout, pa.py_buffer(found.arena)
    places, texts, beyond = (
        table.tolist() for table in (layout.places, layout.texts, found.beyond)
    )
    for slot, (kind, rows) in enumerate(zip(layout.kinds, layout.rows.tolist(), strict=True)):
        if rows:
            arrays = [
                _array(arena, source, place, text, rows, odd)
                if layout.arrived or source.fill != fills.ARRIVAL
                else _nothing(_rounded(rows))[:rows]
                for source, place, text, odd in zip(
                    fills.SOURCES[kind], places[slot], texts[slot], beyond[slot], strict=False
                )
            ]
            yield kind, pa.RecordBatch.from_arrays(arrays, schema=MESSAGE_SCHEMAS[kind])


def _array(
    arena: pa.Buffer, source: Source, place: int, text: int, rows: int, odd: bool
) -> pa.Array:
    """One column; its values, or the offsets of its text, stand at `place`."""
    if source.fill == fills.TEXT:
        return _texts(arena.slice(place, 4 * rows + 4), arena.slice(text), rows, odd)
    values = arena.slice(place, WIDTHS[source.fill] * rows)
    if source.name in FLAGS:
        letters = np.frombuffer(values, np.uint8)
        return pa.array(letters == YES, mask=(letters != YES) & (letters != NO))
    if source.fill == fills.LETTER:
        return _texts(_ruler(_rounded(rows)).slice(0, 4 * rows + 4), values, rows, odd)
    if source.fill == fills.ARRIVAL:
        times = np.frombuffer(values, np.int64)
        return pa.array(times) if times.all() else pa.array(times, mask=times == 0)
    return pa.Array.from_buffers(TYPES[source.fill], rows, [None, values])


def _texts(offsets: pa.Buffer, text: pa.Buffer, rows: int, odd: bool) -> pa.Array:
    """Text as it stands; where bytes are beyond ASCII, each is the letter Latin-1 gives it."""
    if not odd:
        return pa.Array.from_buffers(pa.string(), rows, [None, offsets, text])
    raw: Any = pa.Array.from_buffers(pa.binary(), rows, [None, offsets, text])
    return pa.array([value.as_py().decode("latin-1") for value in raw], pa.string())


def _rounded(rows: int) -> int:
    """The next power of two: what is shared between batches is made for few sizes."""
    return 1 << rows.bit_length()


@cache
def _ruler(rows: int) -> pa.Buffer:
    """Offsets of texts of one letter each; the same for all, as no one writes to them."""
    return pa.py_buffer(np.arange(rows + 1, dtype=np.int32))


@cache
def _nothing(rows: int) -> pa.Array:
    """So many arrivals that are not known."""
    return pa.nulls(rows, pa.int64())
