"""A table of daily prices, long or wide, read into a grid; what had to be done to it is stated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from tapeout.errors import DataError

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

DATE_NAMES = ("date", "time", "timestamp", "datetime", "day")
SYMBOL_NAMES = ("symbol", "ticker", "instrument", "name", "asset")
PRICE_NAMES = ("adjusted_close", "adj_close", "adj close", "close", "price", "last")


@dataclass(frozen=True)
class Prices:
    """Prices on a grid of days and symbols.

    Parameters
    ----------
    dates : (T,) datetime64[D]
        Ascending.
    symbols : list of str
        N, in alphabetical order.
    values : (T, N) float64
        Dollars; NaN where a symbol has no price on a day.
    column : str
        Which column of the table they are.
    treatments : list of str
        What was done to the table, with counts and the first place; empty for a clean one.
    """

    dates: np.ndarray[Any, np.dtype[np.datetime64]]
    symbols: list[str]
    values: Floats
    column: str
    treatments: list[str] = field(default_factory=list)


def read_prices(path: str | Path, *, column: str | None = None) -> Prices:
    """Read a Parquet, Arrow IPC or CSV file, told by content.

    A long table has a date, a symbol and a price column; a wide one a date column and one column a
    symbol. Rows out of order are sorted and rows that repeat another exactly are dropped, both
    counted. Empty prices are missing.

    Parameters
    ----------
    path : str or Path
        The file.
    column : str, optional
        Which price column of a long table; the first of `PRICE_NAMES` it has, if not given.

    Raises
    ------
    DataError
        If it is no table, has no such columns, a price that is not above 0, or two different
        prices for one symbol and day. The message names the row, counted from 1 below the header.
    """
    path = Path(path)
    table = _table(path)
    date = _named(table, DATE_NAMES)
    if date is None:
        raise DataError(f"{path} must have a date column; got {', '.join(table.column_names)}")
    symbol = _named(table, SYMBOL_NAMES)
    if symbol is None:
        if column:
            raise DataError(f"{path} has one column a symbol; column={column!r} fits long tables")
        return _wide(path, table, date)
    price = column if column else _named(table, PRICE_NAMES)
    if price is None or price not in table.column_names:
        wanted = repr(column) if column else f"one of {', '.join(PRICE_NAMES)}"
        names = ", ".join(table.column_names)
        raise DataError(f"{path} must have the price column {wanted}; got {names}")
    return _long(path, table, date, symbol, price)


def _table(path: Path) -> pa.Table:
    """The file as an Arrow table."""
    try:
        with path.open("rb") as opened:
            magic = opened.read(6)
        if not magic:
            raise DataError(f"{path} must hold a table of prices; it is empty")
        if magic[:4] == b"PAR1":
            return pyarrow.parquet.read_table(path)
        if magic == b"ARROW1":
            return pyarrow.feather.read_table(path)
        if b"\0" in magic:
            raise DataError(f"{path} must be Parquet, Arrow IPC or CSV; it is binary")
        return pyarrow.csv.read_csv(path)
    except OSError as reason:
        raise DataError(f"{path} cannot be read: {reason.strerror or reason}") from reason
    except pa.ArrowException as reason:
        raise DataError(f"{path} cannot be read as a table: {reason}") from reason


def _named(table: pa.Table, names: Sequence[str]) -> str | None:
    """The first of `names` that the table has, in whatever case."""
    there = {name.strip().lower(): name for name in table.column_names}
    return next((there[name] for name in names if name in there), None)


def _days(path: Path, column: pa.ChunkedArray, name: str) -> Any:
    """A column as days; an empty or unreadable one is an error with its row."""
    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise DataError(f"{path}: {name} must not be empty; row {row + 1:,} is")
    try:
        return column.cast(pa.timestamp("s")).cast(pa.date32(), safe=False).to_numpy()
    except pa.ArrowInvalid as reason:
        raise DataError(f"{path}: {name} must be a date: {reason}") from reason


def _numbers(path: Path, column: pa.ChunkedArray, name: str) -> Floats:
    """A column as floats, missing as NaN; text is an error with its row."""
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        for row, value in enumerate(column.to_pylist(), 1):
            try:
                float(value if value is not None else "nan")
            except (TypeError, ValueError):
                raise DataError(
                    f"{path}: {name} must be numbers; row {row:,} is {value!r}"
                ) from None
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _positive(path: Path, prices: Floats, labels: Any, first_row: int = 1) -> None:
    """Every known price is finite and above 0, or the row is named."""
    bad = np.flatnonzero(~(np.isnan(prices) | ((prices > 0) & np.isfinite(prices))))
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"{path}: prices must be above 0; row {row + first_row:,} ({labels(row)}) is"
            f" {prices[row]:g}"
        )


def _long(path: Path, table: pa.Table, date: str, symbol: str, price: str) -> Prices:
    """A table with one row a day and symbol."""
    dates = _days(path, table[date], date)
    prices = _numbers(path, table[price], price)
    named = table[symbol].cast(pa.string()).combine_chunks()
    nameless = pc.equal(pc.fill_null(named, ""), "")
    if pc.any(nameless).as_py():
        row = pc.index(nameless, True).as_py()
        raise DataError(f"{path}: {symbol} must not be empty; row {row + 1:,} is")
    coded = named.dictionary_encode()
    names = coded.dictionary.to_pylist()
    order = np.argsort(np.array(names))
    column = np.argsort(order)[coded.indices.to_numpy()]
    _positive(path, prices, lambda row: f"{names[order[column[row]]]} {dates[row]}")
    days, row_of = np.unique(dates, return_inverse=True)
    symbols = [names[at] for at in order]
    treatments = _order(column, dates)
    kept = _unrepeated(path, row_of * len(names) + column, prices, treatments, dates, symbols)
    grid = np.full((days.size, len(names)), np.nan)
    grid[row_of[kept], column[kept]] = prices[kept]
    return _stated(days, symbols, grid, price, treatments)


def _order(column: Ints, dates: Any) -> list[str]:
    """Whether each symbol's rows come in time order."""
    by_symbol = np.argsort(column, kind="stable")
    same = column[by_symbol][1:] == column[by_symbol][:-1]
    earlier = same & (dates[by_symbol][1:] < dates[by_symbol][:-1])
    if not earlier.any():
        return []
    first = int(by_symbol[1:][earlier].min())
    return [f"{earlier.sum():,} rows out of time order (first at row {first + 1:,}): sorted"]


def _unrepeated(
    path: Path, cell: Ints, prices: Floats, treatments: list[str], dates: Any, symbols: list[str]
) -> Ints:
    """The rows to keep: one a cell. Different prices for one cell are an error."""
    by_cell = np.argsort(cell, kind="stable")
    same = np.flatnonzero(cell[by_cell][1:] == cell[by_cell][:-1])
    if not same.size:
        return np.arange(cell.size)
    first, again = by_cell[same], by_cell[same + 1]
    equal = (prices[first] == prices[again]) | (np.isnan(prices[first]) & np.isnan(prices[again]))
    if not equal.all():
        one, other = int(first[~equal][0]), int(again[~equal][0])
        raise DataError(
            f"{path}: one price a symbol and day; rows {one + 1:,} and {other + 1:,} both are"
            f" {symbols[int(cell[one]) % len(symbols)]} {dates[one]}, at {prices[one]:g} and"
            f" {prices[other]:g}"
        )
    treatments.append(f"{same.size:,} repeated rows (first at row {again.min() + 1:,}): dropped")
    return np.setdiff1d(np.arange(cell.size), again)


def _wide(path: Path, table: pa.Table, date: str) -> Prices:
    """A table with one column a symbol."""
    dates = _days(path, table[date], date)
    symbols = sorted(name for name in table.column_names if name != date)
    if not symbols:
        raise DataError(f"{path} must have at least one column of prices beside {date}")
    if len(set(symbols)) < len(symbols):
        twice = next(name for name in symbols if symbols.count(name) > 1)
        raise DataError(f"{path} must have one column a symbol; {twice} stands twice")
    grid = np.column_stack([_numbers(path, table[name], name) for name in symbols])
    for at, name in enumerate(symbols):
        _positive(path, grid[:, at], lambda row, name=name: f"{name} {dates[row]}")
    treatments = _order(np.zeros(dates.size, np.int64), dates)
    days, row_of, count = np.unique(dates, return_index=True, return_counts=True)
    if (count > 1).any():
        day = days[count > 1][0]
        rows = [int(row) + 1 for row in np.flatnonzero(dates == day)[:2]]
        raise DataError(f"{path}: one row a day; rows {rows[0]:,} and {rows[1]:,} both are {day}")
    return _stated(days, symbols, grid[row_of], "one column a symbol", treatments)


def _stated(days: Any, symbols: list[str], grid: Floats, column: str, said: list[str]) -> Prices:
    """The grid, with its gaps counted."""
    missing = np.isnan(grid)
    if missing.any():
        row, at = np.argwhere(missing)[0]
        said.append(
            f"{missing.sum():,} of {grid.size:,} prices missing"
            f" (first {symbols[at]} {days[row]}): left out day by day"
        )
    return Prices(days, symbols, grid, column, said)
