"""A file of columns as an Arrow table, told by content: Parquet, Arrow IPC or CSV."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from tapeout.errors import DataError

CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}  # how a compressed CSV begins


def read_table(path: Path, written: Sequence[Sequence[str]] = ()) -> pa.Table:
    r"""Read the file.

    Parameters
    ----------
    path : Path
        Parquet, Arrow IPC, or CSV in UTF-8, plain, gz or zst.
    written : sequence of sequences of str
        Column names in lower case. A CSV's column of the first name of each that it has stays as
        it is written, in bytes: a date keeps its zone, a symbol its leading zeros.

    Raises
    ------
    DataError
        "prices.csv cannot be read: No such file or directory"
        "prices.csv must hold a table of prices; it is empty"
        "prices.csv must be Parquet, Arrow IPC or CSV; it is binary"
        "prices.csv must name its columns in UTF-8; got b'Soci\xe9t\xe9'"
    """
    try:
        with path.open("rb") as file:
            table = _read(path, file, written)
        _ = table.column_names
    except OSError as reason:
        raise DataError(f"{path} cannot be read: {reason.strerror or _line(reason)}") from reason
    except pa.ArrowException as reason:
        raise DataError(f"{path} cannot be read as a table: {_line(reason)}") from reason
    except UnicodeDecodeError as reason:
        raise DataError(f"{path} must name its columns in UTF-8; got {reason.object!r}") from None
    return table


def only(path: Path, table: pa.Table, name: str) -> pa.ChunkedArray:
    """The column called `name`.

    Raises
    ------
    DataError
        "prices.csv must have one column close; columns 3 and 4 both are"
    """
    at = table.schema.get_all_field_indices(name)
    if len(at) > 1:
        raise DataError(
            f"{path} must have one column {name}; columns {at[0] + 1} and {at[1] + 1} both are"
        )
    return table.column(at[0])


def named(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of `names` that is a column, in whatever case."""
    there = {column.strip().lower(): column for column in columns}
    return next((there[name] for name in names if name in there), None)


def _read(path: Path, file: BinaryIO, written: Sequence[Sequence[str]]) -> pa.Table:
    magic = file.read(6)
    file.seek(0)
    if not magic:
        raise DataError(f"{path} must hold a table of prices; it is empty")
    if magic[:4] == b"PAR1":
        return pyarrow.parquet.ParquetFile(file).read()
    if magic == b"ARROW1":
        return pyarrow.feather.read_table(file)
    if codec := CODECS.get(magic[:2]):
        stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), codec)
        file = io.BytesIO(stream.read())
    elif b"\0" in magic:
        raise DataError(f"{path} must be Parquet, Arrow IPC or CSV; it is binary")
    kept = {named(_header(file), names): pa.binary() for names in written}
    kept.pop(None, None)
    convert = pyarrow.csv.ConvertOptions(column_types=kept)
    return pyarrow.csv.read_csv(file, convert_options=convert)


def _header(file: BinaryIO) -> list[str]:
    """The first row of a CSV that is not blank; what is no UTF-8 stays for Arrow to refuse."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        return next((row for row in csv.reader(text) if row), [])
    except csv.Error:
        return []
    finally:
        text.detach()
        file.seek(0)


def _line(reason: Exception) -> str:
    """The first line of what Arrow says."""
    return str(reason).partition("\n")[0]
