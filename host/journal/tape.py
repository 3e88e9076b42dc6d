"""An op tape on disk: which instruments it has, and the ops of any of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from tapeout.errors import DataError
from tapeout.journal.ops import Entry, directory_of

MAGIC = {b"ARROW1": "arrow", b"PAR1": "parquet"}


class OpTape:
    """The ops of a day, by instrument; written by `tapeout.convert`.

    Attributes
    ----------
    path : Path
    format : str
        "arrow", which is mapped into memory and not copied, or "parquet".
    entries : list of Entry
        Its instruments by locate, with symbol, rows, and the digest of the last book.

    Raises
    ------
    DataError
        "day.csv must be an op tape, which `tapeout tape convert` writes: it holds something else"
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        kind = told(self.path)
        if kind is None:
            raise self._refused("it holds something else")
        self.format = kind
        self._held: tuple[int, Any] = (-1, None)  # the row group read last
        with self._reading():
            self._file = self._opened()
            schema = self._file.schema if kind == "arrow" else self._file.schema_arrow
            self.entries, self._batch_rows = directory_of(schema)
            self._check()

    @property
    def rows(self) -> int:
        """Ops of all instruments."""
        return sum(entry.rows for entry in self.entries)

    def entry(self, instrument: int | str) -> Entry:
        """What the directory says of an instrument, by locate or by symbol.

        Raises
        ------
        DataError
            "instrument must be in day.ops.arrow; got 'AAPL'"
        """
        for entry in self.entries:
            if instrument in (entry.instrument, entry.symbol):
                return entry
        raise DataError(f"instrument must be in {self.path}; got {instrument!r}")

    def batches(self, instrument: int | str) -> Iterator[pa.RecordBatch]:
        """The ops of an instrument, in order, as batches of `tapeout.journal.ops.OPS`."""
        entry, first = self.entry(instrument), 0
        for other in self.entries:
            if other is entry:
                break
            first += -(-other.rows // self._batch_rows) if self.format == "arrow" else other.rows
        rows = 0
        with self._reading():
            for batch in self._parts(entry, first):
                if any(column.null_count for column in batch.columns):
                    raise ValueError("a value of it is null")
                rows += batch.num_rows
                yield batch
            if rows != entry.rows:
                raise ValueError(f"{instrument} has {rows:,} ops, and not {entry.rows:,}")

    def _parts(self, entry: Entry, first: int) -> Iterator[pa.RecordBatch]:
        """The batches of an instrument that begins with batch or row `first`."""
        if self.format == "arrow":
            for at in range(first, first + -(-entry.rows // self._batch_rows)):
                yield self._file.get_batch(at)
        else:
            yield from self._rows(first, first + entry.rows)

    def _rows(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """Rows of a Parquet file, from the row groups that have them."""
        first = 0
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if first < stop and start < first + rows:
                if self._held[0] != group:
                    self._held = group, self._file.read_row_group(group)
                table = self._held[1]
                low = max(start - first, 0)
                yield from table.slice(low, min(stop - first, rows) - low).to_batches()
            first += rows

    def _opened(self) -> Any:
        if self.format == "arrow":
            return pa.ipc.open_file(pa.memory_map(str(self.path)))
        return pyarrow.parquet.ParquetFile(self.path)

    def _check(self) -> None:
        """Whether the file has as many batches or rows as its directory says."""
        if self.format == "arrow":
            there = self._file.num_record_batches
            told = sum(-(-entry.rows // self._batch_rows) for entry in self.entries)
        else:
            there, told = self._file.metadata.num_rows, self.rows
        if there != told:
            raise ValueError(f"its directory tells of {told:,} parts, and it has {there:,}")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What Arrow says of a broken file becomes an error of ours, with its name."""
        try:
            yield
        except DataError:
            raise
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as reason:
            raise self._refused(str(reason).partition("\n")[0]) from reason

    def _refused(self, why: str) -> DataError:
        return DataError(
            f"{self.path} must be an op tape, which `tapeout tape convert` writes: {why}"
        )


def told(path: Path) -> str | None:
    """Whether a file begins as "arrow" or "parquet" does; None if as neither.

    Raises
    ------
    DataError
        "day.ops.arrow cannot be read: No such file or directory"
    """
    try:
        with path.open("rb") as file:
            head = file.read(6)
    except OSError as reason:
        raise DataError(f"{path} cannot be read: {reason.strerror}") from reason
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)
