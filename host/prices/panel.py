"""A table of daily prices, long or wide, read into a grid; what had to be done to it is stated."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tapeout.errors import DataError
from tapeout.prices.columns import Days, Floats, days, names, numbers
from tapeout.prices.table import named, only, read_table

Ints = np.ndarray[Any, np.dtype[np.int64]]

DATE_NAMES = ("date", "time", "timestamp", "datetime", "day")
SYMBOL_NAMES = ("symbol", "ticker", "instrument", "name", "asset")
PRICE_NAMES = ("adjusted_close", "adj_close", "adj close", "close", "price", "last")
NAMELESS = ("", "__index_level_0__")  # how CSV and pandas' Parquet call a column without a name
COMPRESSED = (".gz", ".zst")


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

    dates: Days
    symbols: list[str]
    values: Floats
    column: str
    treatments: list[str] = field(default_factory=list)


def read_prices(path: str | Path, *, column: str | None = None) -> Prices:
    """Read a Parquet, Arrow IPC or CSV file, told by content.

    A long table has a date, a symbol and a price column; a wide one a date column and one column a
    symbol. A date column and a price column without symbols are one instrument, called like the
    file. Rows out of order are sorted and rows that repeat another exactly are dropped, both
    counted. Empty prices are missing.

    Parameters
    ----------
    path : str or Path
        The file.
    column : str, optional
        Which price column, of a table that is not wide; the first of `PRICE_NAMES` it has, if not
        given.

    Raises
    ------
    DataError
        If it is no table, has no such columns, a price that is not above 0, or two different
        prices for one symbol and day. The message names the row, counted from 1 below the header.
    """
    path = Path(path)
    table = read_table(path, (DATE_NAMES, SYMBOL_NAMES))
    there = [name for name in table.column_names if name not in NAMELESS]
    date, symbol = named(there, DATE_NAMES), named(there, SYMBOL_NAMES)
    listed = ", ".join(name if name in there else "(no name)" for name in table.column_names)
    if date is None:
        raise DataError(
            f"{path} must have a date column, called one of {', '.join(DATE_NAMES)}; got {listed}"
        )
    if symbol is None and named(there, PRICE_NAMES) is None:
        if column:
            raise DataError(f"{path} has one column a symbol; column={column!r} fits long tables")
        return _wide(path, table, date)
    wanted = [column.strip().lower()] if column else PRICE_NAMES
    price = column if column in there else named(there, wanted)
    if price is None:
        asked = repr(column) if column else f"one of {', '.join(PRICE_NAMES)}"
        raise DataError(f"{path} must have the price column {asked}; got {listed}")
    if symbol is None:
        return _single(path, table, date, price)
    return _long(path, table, date, symbol, price)


def _positive(path: Path, prices: Floats, labels: Any) -> None:
    """Every known price is finite and above 0, or the row is named."""
    bad = np.flatnonzero(~(np.isnan(prices) | ((prices > 0) & np.isfinite(prices))))
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"{path}: prices must be above 0; row {row + 1:,} ({labels(row)}) is {prices[row]:g}"
        )


def _long(path: Path, table: pa.Table, date: str, symbol: str, price: str) -> Prices:
    """A table with one row a day and symbol."""
    dates = days(path, date, only(path, table, date))
    prices = numbers(path, price, only(path, table, price))
    coded = names(path, symbol, only(path, table, symbol))
    met = coded.dictionary.to_pylist()
    order = np.argsort(np.array(met))
    column = np.argsort(order)[coded.indices.to_numpy()]
    _positive(path, prices, lambda row: f"{met[order[column[row]]]} {dates[row]}")
    dates_met, row_of = np.unique(dates, return_inverse=True)
    symbols = [met[at] for at in order]
    treatments = _order(column, dates)
    kept = _unrepeated(path, row_of * len(met) + column, prices, treatments, dates, symbols)
    grid = np.full((dates_met.size, len(met)), np.nan)
    grid[row_of[kept], column[kept]] = prices[kept]
    return _stated(dates_met, symbols, grid, price, treatments)


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
    symbols = sorted(name for name in table.column_names if name not in (date, *NAMELESS))
    if not symbols:
        raise DataError(f"{path} must have at least one column of prices beside {date}")
    nameless = [at for at, name in enumerate(table.column_names, 1) if name in NAMELESS]
    said = [f"column {at} has no name: not read" for at in nameless]
    columns = {name: name for name in symbols}
    return _columns(path, table, date, columns, "one column a symbol", said)


def _single(path: Path, table: pa.Table, date: str, price: str) -> Prices:
    """A table of one instrument, called like the file."""
    stem = path.stem if path.suffix not in COMPRESSED else Path(path.stem).stem
    symbol = os.fsencode(stem).decode(errors="backslashreplace")
    rest = [name for name in table.column_names if name not in (date, price)]
    said = f"one instrument, {symbol}, from the column {price}"
    said += f": {', '.join(rest)} not read" if rest else ""
    return _columns(path, table, date, {symbol: price}, price, [said])


def _columns(
    path: Path, table: pa.Table, date: str, columns: dict[str, str], column: str, said: list[str]
) -> Prices:
    """One row a day; `columns` is symbol to column."""
    dates = days(path, date, only(path, table, date))
    grid = np.column_stack(
        [numbers(path, name, only(path, table, name)) for name in columns.values()]
    )
    for at, symbol in enumerate(columns):
        _positive(path, grid[:, at], lambda row, symbol=symbol: f"{symbol} {dates[row]}")
    said += _order(np.zeros(dates.size, np.int64), dates)
    met, row_of, count = np.unique(dates, return_index=True, return_counts=True)
    if (count > 1).any():
        day = met[count > 1][0]
        rows = [int(row) + 1 for row in np.flatnonzero(dates == day)[:2]]
        raise DataError(f"{path}: one row a day; rows {rows[0]:,} and {rows[1]:,} both are {day}")
    return _stated(met, list(columns), grid[row_of], column, said)


def _stated(dates: Any, symbols: list[str], grid: Floats, column: str, said: list[str]) -> Prices:
    """The grid, with its gaps counted."""
    missing = np.isnan(grid)
    if missing.any():
        row, at = np.argwhere(missing)[0]
        said.append(
            f"{missing.sum():,} of {grid.size:,} prices missing"
            f" (first {symbols[at]} {dates[row]}): left out day by day"
        )
    return Prices(dates, symbols, grid, column, said)
