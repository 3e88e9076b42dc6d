"""Level ops as Arrow: a row is one signed change of the lots at one price."""

import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tapeout.kernels.outputs.op import Ops
from tapeout.market.events import KINDS

VERSION = 1
DIRECTORY = b"tapeout.ops"  # the key under which a tape's schema has its directory

_CLOCK = pa.field("exchange_ns", pa.int64(), nullable=False)
_ARRIVAL = pa.field("arrival_ns", pa.int64(), nullable=False)
_OTHERS = [
    pa.field("sequence", pa.int64(), nullable=False),
    pa.field("instrument", pa.uint16(), nullable=False),
    pa.field("kind", pa.dictionary(pa.int8(), pa.string()), nullable=False),
    pa.field("side", pa.int8(), nullable=False),
    pa.field("price_ticks", pa.uint32(), nullable=False),
    pa.field("lots", pa.int64(), nullable=False),
]

#: 32 bytes a row. Clock in ns UTC, prices in ticks of 1/10,000 dollar, `lots` added (or, if
#: negative, taken) on `side`: 1 bids, -1 asks. `kind` says why. A message is over with its row, but
#: for "replace_out": the row behind it belongs to the same message.
OPS = pa.schema([_CLOCK, *_OTHERS])
#: The same with the packet's clock, where the capture has one: 40 bytes a row.
TIMED_OPS = pa.schema([_CLOCK, _ARRIVAL, *_OTHERS])


class Entry(NamedTuple):
    """One instrument of a tape: its locate, symbol, how many rows, digest of its last book."""

    instrument: int
    symbol: str | None
    rows: int
    digest: int


def op_batch(ops: Ops, schema: pa.Schema) -> pa.RecordBatch:
    """Ops as a record batch of `OPS` or `TIMED_OPS`."""
    kinds = pa.DictionaryArray.from_arrays(_column(ops, "kind"), pa.array(KINDS))
    columns = [kinds if name == "kind" else _column(ops, name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(ops: Ops, name: str) -> Any:
    return pa.array(np.ascontiguousarray(ops[name]))


def with_directory(schema: pa.Schema, entries: list[Entry], batch_rows: int) -> pa.Schema:
    """The schema of a tape with these instruments, in whose file no batch has more rows."""
    columns: dict[str, Any] = dict(zip(Entry._fields, zip(*entries, strict=True), strict=False))
    columns["digest"] = [f"{entry.digest:016x}" for entry in entries]
    text = json.dumps({"version": VERSION, "batch_rows": batch_rows, **columns})
    unit = {"unit": "ticks of 1/10000 USD, lots of 1 share, ns UTC", DIRECTORY: text.encode()}
    return schema.with_metadata(unit)


def directory_of(schema: pa.Schema) -> tuple[list[Entry], int]:
    """The instruments of a tape and the most rows of a batch, as `with_directory` put them in.

    Raises
    ------
    ValueError
        If the schema is not that of a tape, or of another version.
    """
    text = (schema.metadata or {}).get(DIRECTORY)
    if text is None or not (schema.equals(OPS) or schema.equals(TIMED_OPS)):
        raise ValueError("it holds something else")
    found = json.loads(text)
    if found["version"] != VERSION:
        raise ValueError(f"it is of version {found['version']}, and this reads {VERSION}")
    columns = [found.get(name, []) for name in Entry._fields]
    rows = zip(*columns, strict=True)
    entries = [Entry(at, symbol, count, int(digest, 16)) for at, symbol, count, digest in rows]
    return entries, found["batch_rows"]
