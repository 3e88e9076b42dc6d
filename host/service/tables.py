"""A table written whole to Parquet, Arrow IPC or CSV, as the file's ending says."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from tapeout.errors import DataError
from tapeout.files import whole

WRITERS = {
    ".parquet": lambda table, path: pyarrow.parquet.write_table(table, path, compression="zstd"),
    ".arrow": lambda table, path: pyarrow.feather.write_feather(table, str(path)),
    ".csv": lambda table, path: pyarrow.csv.write_csv(table, path),
}


def write_table(table: pa.Table, path: Path) -> None:
    """Write `table` to `path`.

    Raises
    ------
    DataError
        "tables must go to .parquet, .arrow or .csv; got bars.xls"
    """
    if path.suffix not in WRITERS:
        raise DataError(f"tables must go to .parquet, .arrow or .csv; got {path.name}")
    with whole(path) as aside:
        WRITERS[path.suffix](table, aside)
