"""Bars of equal time over all instruments: trades, volume, order flow and the closing quote."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tapeout.errors import DataError
from tapeout.kernels.tape import bars as kernel
from tapeout.kernels.tape.bars import UNTOUCHED, Bar
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import Events, Ints, Quotes
from tapeout.units import NS_PER_SECOND, TICKS_PER_DOLLAR

Floats = np.ndarray[Any, np.dtype[np.float64]]

OPEN_NS = 34_200 * NS_PER_SECOND  # 09:30, from midnight
CLOSE_NS = 57_600 * NS_PER_SECOND  # 16:00
MINUTE_NS = 60 * NS_PER_SECOND
MOST_BYTES = 2 << 30  # of one day's bars; what is made of them takes several times that


@dataclass(frozen=True)
class Bars:
    """A regular grid of bars.

    Parameters
    ----------
    time_ns : (T,) int64
        Start of each bar, ns UTC.
    every_ns : int
        Length of a bar.
    symbols : list of str
        N instruments.
    values : (T, N, F) int64
        The fields of `tapeout.kernels.tape.bars.Bar`, in ticks and lots. Prices are 0 where a bar
        has no trade, quotes 0 with zero lots where a side was empty.
    """

    time_ns: Ints
    every_ns: int
    symbols: list[str]
    values: Ints

    def __getitem__(self, field: Bar) -> Ints:
        return self.values[..., field]

    @property
    def shape(self) -> tuple[int, int]:
        """(T, N)."""
        return self.values.shape[0], self.values.shape[1]

    @property
    def mid(self) -> Floats:
        """Middle of the closing quote in dollars, (T, N); NaN where a side was empty."""
        both = (self[Bar.BID_LOTS] > 0) & (self[Bar.ASK_LOTS] > 0)
        middle = (self[Bar.BID] + self[Bar.ASK]) / (2 * TICKS_PER_DOLLAR)
        return np.where(both, middle, np.nan)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows of `to_arrow`, for whoever speaks Arrow: `polars.DataFrame(bars)` and others."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """One row a bar and instrument; nulls where there was no trade or a side was empty."""
        bars, n = self.shape
        columns: dict[str, pa.Array] = {
            "time_ns": pa.array(np.repeat(self.time_ns, n)),
            "symbol": pa.array(self.symbols * bars),
        }
        empty = {
            Bar.OPEN: Bar.TRADES,
            Bar.HIGH: Bar.TRADES,
            Bar.LOW: Bar.TRADES,
            Bar.CLOSE: Bar.TRADES,
            Bar.BID: Bar.BID_LOTS,
            Bar.ASK: Bar.ASK_LOTS,
        }
        for field in Bar:
            mask = (self[empty[field]] == 0).ravel() if field in empty else None
            name = field.name.lower() + ("_ticks" if field in empty else "")
            columns[name] = pa.array(self[field].ravel(), mask=mask)
        return pa.table(columns)


class BarBuilder:
    """Gathers bars from the events and quotes of `tapeout.market.books.Books`, block by block.

    Parameters
    ----------
    every_ns : int
        Length of a bar.
    start_ns, end_ns : int
        From when to when, ns since midnight; regular trading hours unless told otherwise.

    Raises
    ------
    DataError
        "bars must be longer than 0 and fit the 23,400 seconds they are gathered from; got 0 ns"
        "bars must fit 2 GiB; 23,400,000 of 8 instruments take 19.5 GiB: make them longer or choose
        fewer instruments", as soon as so many instruments are met
    """

    def __init__(
        self, every_ns: int = MINUTE_NS, start_ns: int = OPEN_NS, end_ns: int = CLOSE_NS
    ) -> None:
        if not 0 < every_ns <= end_ns - start_ns:
            raise DataError(
                f"bars must be longer than 0 and fit the {(end_ns - start_ns) // NS_PER_SECOND:,}"
                f" seconds they are gathered from; got {every_ns:,} ns"
            )
        self.every_ns, self._start = every_ns, start_ns
        self._rows = -(-(end_ns - start_ns) // every_ns)
        self._check_size(1)
        self._column = np.full(LOCATES, -1, np.int64)
        self._locates: list[int] = []
        self._bars = self._room(0)
        self._last = np.zeros((0, 4), np.int64)
        self._before = np.zeros((0, 4), np.int64)
        self._midnight = 0

    def update(self, events: Events, quotes: Quotes, midnight_ns: int = 0) -> None:
        """Put one block of events and quotes in; `midnight_ns` is what the day counts from."""
        self._midnight = midnight_ns
        self._widen(events["instrument"], quotes["instrument"])
        start = midnight_ns + self._start
        kernel.add_trades(events, self._column, start, self.every_ns, self._bars)
        kernel.add_quotes(
            quotes, self._column, start, self.every_ns, self._bars, self._last, self._before
        )

    def bars(self, directory: dict[int, str]) -> Bars:
        """The bars so far, up to the last in which anything happened.

        Parameters
        ----------
        directory : dict
            Stock locate to symbol; a locate it does not know is called by its number.

        Raises
        ------
        DataError
            "no quote or trade falls into the hours asked for"
        """
        busy = (self._bars[..., Bar.TRADES] > 0) | (self._bars[..., Bar.BID] != UNTOUCHED)
        rows = np.flatnonzero(busy.any(axis=1))
        if not rows.size:
            raise DataError("no quote or trade falls into the hours asked for")
        filled = kernel.filled(self._bars[: rows[-1] + 1], self._before)
        names = [directory.get(at, f"#{at}") for at in self._locates]
        order = np.argsort(np.array(names), kind="stable")
        start = self._midnight + self._start
        times = start + self.every_ns * np.arange(filled.shape[0])
        return Bars(times, self.every_ns, [names[at] for at in order], filled[:, order])

    def _check_size(self, instruments: int) -> None:
        """Refuse what no memory holds, before it is asked for."""
        size = self._rows * instruments * len(Bar) * np.dtype(np.int64).itemsize
        if size > MOST_BYTES:
            raise DataError(
                f"bars must fit {MOST_BYTES >> 30} GiB; {self._rows:,} of {instruments:,}"
                f" instrument{'s' if instruments > 1 else ''} take {size / (1 << 30):,.1f} GiB:"
                " make them longer or choose fewer instruments"
            )

    def _room(self, instruments: int) -> Ints:
        bars = np.zeros((self._rows, instruments, len(Bar)), np.int64)
        bars[..., Bar.BID : Bar.ASK_LOTS + 1] = UNTOUCHED
        return bars

    def _widen(self, *locates: Ints) -> None:
        """A column for every locate that has none yet."""
        met = np.zeros(LOCATES, np.bool_)
        for some in locates:
            met[some] = True
        new = np.flatnonzero(met & (self._column < 0))
        if not new.size:
            return
        self._check_size(len(self._locates) + new.size)
        self._column[new] = len(self._locates) + np.arange(new.size)
        self._locates += [int(at) for at in new]
        self._bars = np.concatenate([self._bars, self._room(new.size)], axis=1)
        quotes = np.zeros((new.size, 4), np.int64)
        self._last = np.concatenate([self._last, quotes])
        self._before = np.concatenate([self._before, quotes])
