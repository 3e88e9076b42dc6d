"""The messages of a capture as typed Arrow record batches, streaming."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tapeout.errors import DataError
from tapeout.feed.tape import Tape
from tapeout.kernels.columns.decode import columns
from tapeout.market.messages import ALL, MESSAGE_SCHEMAS, check_types, typed_batches


def messages(source: str | Path | Tape, type: str) -> pa.RecordBatchReader:
    """Every message of one type, streaming: `MESSAGE_SCHEMAS` in `tapeout.market.messages`.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    type : str
        The letter of an ITCH 5.0 message type, such as "A".

    Raises
    ------
    DataError
        "type must be one letter; got 'AF': message_batches reads several at once", or as for
        `message_batches`.
    """
    if len(type) != 1:
        raise DataError(
            f"type must be one letter; got {type!r}: message_batches reads several at once"
        )
    batches = message_batches(source, type)
    return pa.RecordBatchReader.from_batches(MESSAGE_SCHEMAS[type], (b for _, b in batches))


def message_batches(
    source: str | Path | Tape, types: str = ALL
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Messages of several types in one pass over a capture: (type, batch) as they come.

    Within a type, messages are in sequence. The batches that one stretch of the capture gives
    share their memory, so keep what is small by copying it, or ask for it alone.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    types : str
        Letters of ITCH 5.0 message types; all if not given.

    Raises
    ------
    DataError
        "types must be among SRHYLVWKJhAFECXDUPQBINO; got 'z'"
    """
    kinds = check_types(types)
    return _batches(source if isinstance(source, Tape) else Tape(Path(source)), kinds)


def _batches(tape: Tape, kinds: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    for stretch in tape.stretches(records=False):
        with tape.meter.timing("columns") as reading:
            found = columns(stretch.wire, stretch.messages, kinds, tape.wanted, tape.midnight_ns)
            reading.items += stretch.messages.size
        yield from typed_batches(found)
