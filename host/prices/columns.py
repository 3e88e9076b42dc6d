"""Columns of a price table as days, numbers and names; a cell that is none is named by its row."""

import datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from tapeout.errors import DataError

Floats = np.ndarray[Any, np.dtype[np.float64]]
Days = np.ndarray[Any, np.dtype[np.datetime64]]

#: How a CSV writes that there is no number: "", "NA", "null" and the like.
MISSING = pa.array(pyarrow.csv.ConvertOptions().null_values)
DAY = "like 2020-01-02 or 20200102"


def days(path: Path, name: str, column: pa.ChunkedArray) -> Days:
    """A column as days; of a moment with a zone, the day on the wall there.

    Text is ISO 8601 or 20200102, a number is 20200102.

    Raises
    ------
    DataError
        "prices.csv: date must not be empty; row 1 is"
        "prices.csv: date must be like 2020-01-02 or 20200102; row 1 is 'yesterday'"
        "prices.csv: date must be in a zone that is known; got 'Mars/Olympus'"
    """
    column = _undictionaried(column)
    kind = column.type
    if _is_text(kind):
        column = column.cast(pa.binary())
        column = pc.if_else(pc.equal(column, b""), None, column)
    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise DataError(f"{path}: {name} must not be empty; row {row + 1:,} is")
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return _read_days(path, name, column)
    if pa.types.is_timestamp(kind) and kind.tz:
        try:
            column = pc.local_timestamp(column)
        except pa.ArrowInvalid:
            raise DataError(
                f"{path}: {name} must be in a zone that is known; got {kind.tz!r}"
            ) from None
    return np.asarray(column.cast(pa.date32(), safe=False).to_numpy())


def numbers(path: Path, name: str, column: pa.ChunkedArray) -> Floats:
    """A column as floats, missing as NaN.

    Raises
    ------
    DataError
        "prices.csv: close must be numbers; row 7 is '1_000'"
        "prices.csv: close must be numbers up to 2^53; row 7 is 9007199254740993"
    """
    column = _undictionaried(column)
    if pa.types.is_boolean(column.type) or _is_text(column.type):
        text = pc.utf8_trim_whitespace(_cast(path, name, column, pa.string(), "numbers"))
        column = pc.if_else(pc.is_in(text, value_set=MISSING), None, text)
    wanted = "numbers up to 2^53" if pa.types.is_integer(column.type) else "numbers"
    floats = _cast(path, name, column, pa.float64(), wanted)
    return np.asarray(floats.to_numpy(zero_copy_only=False), np.float64)


def names(path: Path, name: str, column: pa.ChunkedArray) -> pa.DictionaryArray:
    r"""A column as text, each word once with its rows.

    Raises
    ------
    DataError
        "prices.csv: symbol must not be empty; row 1 is"
        "prices.csv: symbol must be text in UTF-8; row 1 is b'Soci\xe9t\xe9'"
    """
    column = _undictionaried(column)
    text = _cast(path, name, column, pa.string(), "text in UTF-8").combine_chunks()
    nameless = pc.equal(pc.fill_null(text, ""), "")
    if pc.any(nameless).as_py():
        row = pc.index(nameless, True).as_py()
        raise DataError(f"{path}: {name} must not be empty; row {row + 1:,} is")
    return text.dictionary_encode()


def _read_days(path: Path, name: str, column: pa.ChunkedArray) -> Days:
    """Text or numbers as days, each different one read once."""
    try:
        coded = column.combine_chunks().dictionary_encode()
    except pa.ArrowNotImplementedError:
        _refuse(path, name, column, 0, DAY)
    known = np.empty(len(coded.dictionary), "datetime64[D]")
    for at, value in enumerate(coded.dictionary):
        try:
            known[at] = _day(value.as_py())
        except (TypeError, ValueError):
            _refuse(path, name, column, pc.index(coded.indices, at).as_py(), DAY)
    return np.asarray(known[coded.indices.to_numpy()])


def _day(value: Any) -> datetime.date:
    """A number as 20200102 or text as ISO 8601; anything else is no day."""
    if isinstance(value, bool | float | datetime.time | datetime.timedelta):
        raise TypeError
    text = (value.decode() if isinstance(value, bytes) else str(value)).strip()
    if not text.isdecimal():
        return datetime.datetime.fromisoformat(text).date()
    if len(text) != len("YYYYMMDD"):
        raise ValueError
    return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _undictionaried(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with its values in place."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column


def _is_text(kind: pa.DataType) -> bool:
    of = pa.types
    return bool(
        of.is_string(kind)
        or of.is_large_string(kind)
        or of.is_string_view(kind)
        or of.is_binary(kind)
        or of.is_large_binary(kind)
    )


def _cast(
    path: Path, name: str, column: pa.ChunkedArray, kind: pa.DataType, wanted: str
) -> pa.ChunkedArray:
    """The column as `kind`; the first cell that cannot be is found by halving, and named."""
    if _is_text(column.type) and kind == pa.string():
        column = column.cast(pa.binary())  # only from bytes is UTF-8 checked
    try:
        return column.cast(kind)
    except pa.ArrowException:
        first, end = 0, len(column)
    while end - first > 1:
        middle = (first + end) // 2
        try:
            column[first:middle].cast(kind)
            first = middle
        except pa.ArrowException:
            end = middle
    _refuse(path, name, column, first, wanted)


def _refuse(path: Path, name: str, column: pa.ChunkedArray, row: int, wanted: str) -> NoReturn:
    """Name the cell: text in quotes, bytes that are no text as bytes."""
    cell = str(column[row])
    if _is_text(column.type):
        raw = column[row].cast(pa.binary()).as_py()
        try:
            cell = repr(raw.decode())
        except UnicodeDecodeError:
            cell = repr(raw)
    raise DataError(f"{path}: {name} must be {wanted}; row {row + 1:,} is {cell}")
