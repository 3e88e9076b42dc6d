"""A table written whole to Parquet, Arrow IPC or CSV, as the file's ending says."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from tapeout.errors import DataError
from tapeout.files import whole
from tapeout.service.check import check_places

WRITERS: dict[str, Callable[[pa.Table, BinaryIO], object]] = {
    ".parquet": lambda table, file: pyarrow.parquet.write_table(table, file, compression="zstd"),
    ".arrow": pyarrow.feather.write_feather,
    ".csv": pyarrow.csv.write_csv,
}


def check_table(path: Path, *read: Path) -> None:
    """Refuse now what `write_table` would refuse after long work on the files that are read.

    Raises
    ------
    DataError
        "tables must go to .parquet, .arrow or .csv; got bars.xls", or as for `check_places`.
    """
    _writer(path)
    for source in read:
        check_places(source, path)


def write_table(table: pa.Table, path: Path) -> None:
    """Write `table` to `path`.

    Raises
    ------
    DataError
        "tables must go to .parquet, .arrow or .csv; got bars.xls", or as for `whole`.
    """
    write = _writer(path)
    with whole(path) as aside, aside.open("wb") as file:
        write(table, file)


def _writer(path: Path) -> Callable[[pa.Table, BinaryIO], object]:
    """What writes the format that the ending names."""
    if path.suffix not in WRITERS:
        raise DataError(f"tables must go to .parquet, .arrow or .csv; got {path.name}")
    return WRITERS[path.suffix]
