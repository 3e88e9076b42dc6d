"""A capture converted to an op tape: every instrument's level changes, ready to be replayed."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from tapeout.errors import DataError
from tapeout.feed.replay import Replay
from tapeout.feed.tape import Tape
from tapeout.files import check_writable, forget_leftovers, whole
from tapeout.journal.ops import OPS, TIMED_OPS, Entry, op_batch, with_directory
from tapeout.journal.runs import RUN_OPS, Runs
from tapeout.journal.tape import OpTape
from tapeout.market.books import Books
from tapeout.progress import Progress, Silent

BATCH_ROWS = 1 << 20
FORMATS = (".arrow", ".parquet")
#: Everything but the kind, which is a word, is packed as differences of integers.
PACKED = [name for name in TIMED_OPS.names if name != "kind"]


def convert(
    source: str | Path | Tape,
    out: str | Path,
    *,
    progress: Progress | None = None,
    run_ops: int = RUN_OPS,
    batch_rows: int = BATCH_ROWS,
) -> OpTape:
    """Convert a capture to an op tape, once; `tapeout.replay` replays it from then on.

    Memory is bounded by `run_ops` (80 bytes each) and what the live orders take: what is more goes
    to a file beside `out` that has no name. The tape is there whole or not at all, however the
    process ends; what a killed one left beside it is removed by the next.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    out : path
        ".arrow" to be memory-mapped, or ".parquet" (zstd, integers packed as differences) for the
        archive.
    progress : optional
        Told how much of the capture is read and of the tape written.
    run_ops, batch_rows : int
        Ops sorted at a time; most rows of a batch.

    Raises
    ------
    DataError
        "op tapes must go to .arrow or .parquet; got day.csv", or as for `whole`.
    FeedError
        As for `Tape`.
    """
    out, progress = Path(out), progress or Silent()
    check_tape(out)
    tape = source if isinstance(source, Tape) else Tape(Path(source), progress=progress)
    check_writable(out, tape.path)
    forget_leftovers(out)
    replay = Replay(tape)
    with whole(out) as aside, Runs(aside.parent, run_ops) as runs:
        for change in replay:
            runs.add(change.events)
        replay.books.directory = tape.directory
        entries = _entries(runs, replay.books)
        schema = with_directory(TIMED_OPS if runs.timed else OPS, entries, batch_rows)
        _write(aside, schema, _batches(runs, schema, batch_rows, progress), batch_rows)
    return OpTape(out)


def check_tape(path: Path) -> None:
    """Refuse a place whose ending names no format of op tapes.

    Raises
    ------
    DataError
        "op tapes must go to .arrow or .parquet; got day.csv"
    """
    if path.suffix not in FORMATS:
        raise DataError(f"op tapes must go to .arrow or .parquet; got {path.name}")


def _entries(runs: Runs, books: Books) -> list[Entry]:
    """What the directory says; a book that is empty at the end has digest 0."""
    table = books.digests()
    digests = dict(zip(table["instrument"].to_pylist(), table["digest"].to_pylist(), strict=True))
    return [
        Entry(at, books.directory.get(at), int(rows), digests.get(at, 0))
        for at, rows in enumerate(runs.rows.tolist())
        if rows
    ]


def _batches(
    runs: Runs, schema: pa.Schema, batch_rows: int, progress: Progress
) -> Iterator[pa.RecordBatch]:
    advance = progress.stage("writing the op tape", float(runs.rows.sum()))
    for _, ops in runs.ops(batch_rows):
        yield op_batch(ops, schema)
        advance(ops.size)


def _write(
    path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch], batch_rows: int
) -> None:
    """Write as the ending says: a batch each, or about `batch_rows` rows a row group."""
    if path.suffix == ".arrow":
        with pa.ipc.new_file(str(path), schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return
    with pyarrow.parquet.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=["kind"],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in schema.names if name in PACKED},
    ) as writer:
        held: list[pa.RecordBatch] = []
        for batch in batches:
            held.append(batch)
            if sum(one.num_rows for one in held) >= batch_rows:
                writer.write_table(pa.Table.from_batches(held, schema))
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held, schema))
