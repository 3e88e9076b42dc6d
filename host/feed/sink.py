"""Where record batches go if they are kept: an Arrow IPC or Parquet file, whole or not at all."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet

from tapeout.errors import DataError
from tapeout.files import whole
from tapeout.market.events import BOOK_EVENTS

FORMATS = (".arrow", ".parquet")


class Sink:
    """Writes batches of `schema` to `path` while the block runs; the ending tells the format.

    Raises
    ------
    DataError
        "messages must go to .arrow or .parquet; got day.csv"; `what` is its first word.
    """

    def __init__(self, path: Path, schema: pa.Schema, what: str) -> None:
        if path.suffix not in FORMATS:
            raise DataError(f"{what} must go to .arrow or .parquet; got {path.name}")
        self._path = path
        self._schema = schema
        self._stack = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> Self:
        aside = self._stack.enter_context(whole(self._path))
        if self._path.suffix == ".arrow":
            self._writer = pa.ipc.new_file(str(aside), self._schema)
        else:
            self._writer = pyarrow.parquet.ParquetWriter(aside, self._schema, compression="zstd")
        self._stack.callback(self._writer.close)
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        self._writer.write_batch(batch)

    def __exit__(self, *failure: Any) -> Any:
        return self._stack.__exit__(*failure)


class EventSink(Sink):
    """A sink of book events."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, BOOK_EVENTS, "events")
