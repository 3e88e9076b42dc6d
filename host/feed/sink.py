"""Where book events go if they are kept: an Arrow IPC or Parquet file, whole or not at all."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from tapeout.errors import DataError
from tapeout.files import whole
from tapeout.market.events import BOOK_EVENTS


class EventSink:
    """Writes record batches to `path` while the block runs; the ending tells the format.

    Raises
    ------
    DataError
        "events must go to .arrow or .parquet; got day.csv"
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in (".arrow", ".parquet"):
            raise DataError(f"events must go to .arrow or .parquet; got {path.name}")
        self._path = path
        self._stack = ExitStack()
        self._writer: Any = None

    def __enter__(self) -> "EventSink":
        aside = self._stack.enter_context(whole(self._path))
        if self._path.suffix == ".arrow":
            self._writer = pa.ipc.new_file(str(aside), BOOK_EVENTS)
        else:
            self._writer = pyarrow.parquet.ParquetWriter(aside, BOOK_EVENTS, compression="zstd")
        self._stack.callback(self._writer.close)
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        self._writer.write_batch(batch)

    def __exit__(self, *failure: Any) -> Any:
        return self._stack.__exit__(*failure)
