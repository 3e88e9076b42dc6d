"""Typed message columns back to the bytes they came from: the inverse of `market/messages`."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tapeout.hdl.itch.layout import MESSAGES, Field
from tapeout.kernels.tape.wire import Bytes
from tapeout.market.messages import COLUMN_OF, MESSAGE_SCHEMAS

LETTERS = {True: b"Y", False: b"N", None: b" "}


def wire_messages(kind: str, batch: pa.RecordBatch, midnight_ns: int) -> Bytes:
    """The wire bytes of every row of one message type.

    Parameters
    ----------
    kind : str
        The message type.
    batch : pa.RecordBatch
        As `MESSAGE_SCHEMAS[kind]` says.
    midnight_ns : int
        What the exchange's clock counts from, ns UTC.

    Returns
    -------
    (M, L) uint8
        A message a row. A flag that is null becomes a blank.
    """
    if not batch.schema.equals(MESSAGE_SCHEMAS[kind]):
        raise ValueError(f"batch must have the schema of {kind!r}; got {batch.schema.names}")
    out = np.empty((batch.num_rows, MESSAGES[kind].length), np.uint8)
    for name, field in MESSAGES[kind].fields.items():
        if name == "type":
            out[:, field.start] = ord(kind)
            continue
        column = batch.column(COLUMN_OF[kind][name])
        shift = midnight_ns if name == "timestamp" else 0
        out[:, field.start : field.start + field.length] = _raw(column, field, shift)
    return out


def _raw(column: pa.Array, field: Field, shift: int) -> Any:
    """The bytes of one field of every row, (M, length)."""
    if field.kind == "f":
        values = [LETTERS[value] for value in column.to_pylist()]
    elif field.kind == "a":
        padded = pc.utf8_rpad(column, field.length, " ")
        values = [value.encode("latin-1") for value in padded.to_pylist()]
    else:
        numbers = np.asarray(column).astype(np.int64) - shift
        wide = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
        return wide[:, 8 - field.length :]
    return np.frombuffer(b"".join(values), np.uint8).reshape(-1, field.length)
