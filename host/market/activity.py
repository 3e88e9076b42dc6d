"""Bars of equal activity: each instrument by its own clock of trades, lots, dollars, imbalance."""

import numpy as np
import pyarrow as pa

from tapeout.errors import DataError
from tapeout.kernels.outputs import trade_bars as kernel
from tapeout.kernels.outputs.trade_bars import TRADE_BAR_DTYPE, Measure, TradeBars
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import Events
from tapeout.market.bars import CLOSE_NS, OPEN_NS
from tapeout.market.quotes import symbols
from tapeout.units import TICKS_PER_DOLLAR

#: What bars are gathered by -> what is counted, and whether as an imbalance of buyers and sellers.
ACTIVITIES = {
    "trades": (Measure.TRADES, False),
    "volume": (Measure.VOLUME, False),
    "dollars": (Measure.DOLLARS, False),
    "trade_imbalance": (Measure.TRADES, True),
    "volume_imbalance": (Measure.VOLUME, True),
    "dollar_imbalance": (Measure.DOLLARS, True),
}
SPAN = 10  # bars that the expectations of an imbalance bar look back over

#: `start_ns` and `end_ns` are those of its first and last trade; `full` is false of the last bar of
#: each instrument if the day ended before it was full.
TRADE_BARS = pa.schema(
    [
        pa.field("start_ns", pa.int64(), nullable=False),
        pa.field("end_ns", pa.int64(), nullable=False),
        pa.field("instrument", pa.uint16(), nullable=False),
        pa.field("symbol", pa.string()),
        pa.field("open_ticks", pa.int64(), nullable=False),
        pa.field("high_ticks", pa.int64(), nullable=False),
        pa.field("low_ticks", pa.int64(), nullable=False),
        pa.field("close_ticks", pa.int64(), nullable=False),
        pa.field("volume", pa.int64(), nullable=False),
        pa.field("notional", pa.int64(), nullable=False),
        pa.field("trades", pa.int64(), nullable=False),
        pa.field("buy_lots", pa.int64(), nullable=False),
        pa.field("sell_lots", pa.int64(), nullable=False),
        pa.field("full", pa.bool_(), nullable=False),
    ],
    metadata={"unit": "ticks of 1/10000 USD, lots of 1 share, ns UTC", "version": "1"},
)


class ActivityBars:
    """Gathers bars from the events of `tapeout.market.books.Books`, block by block.

    Regular trading hours; a trade belongs whole to one bar, which ends with the trade that fills
    it. An imbalance bar ends when the sum of its signed trades (lots, dollars) is beyond what was
    expected, |theta| >= E[T] |E[b v]|: both expectations are exponential averages over the bars
    before, with a span of 10, and E[T] stays from a tenth to ten times `size`. The first bar of
    each instrument has `size` trades. A trade's sign b is its taker's; the tick rule decides for
    trades that were not displayed. M. Lopez de Prado, "Advances in Financial Machine Learning"
    (2018), sections 2.3.1 and 2.3.2.

    Parameters
    ----------
    by : str
        A key of `ACTIVITIES`.
    size : float
        What fills a bar: trades, lots, dollars; of imbalance bars the trades of the first.

    Raises
    ------
    DataError
        "bars must be by one of time, trades, volume, ...; got 'luck'"
        "size must be more than 0; got 0"
    """

    def __init__(self, by: str, size: float) -> None:
        if by not in ACTIVITIES:
            names = ", ".join(["time", *ACTIVITIES])
            raise DataError(f"bars must be by one of {names}; got {by!r}")
        if not size > 0 or not np.isfinite(size):
            raise DataError(f"size must be more than 0; got {size}")
        self._measure, self._imbalance = ACTIVITIES[by]
        in_ticks = self._measure == Measure.DOLLARS and not self._imbalance
        self._size = float(size * TICKS_PER_DOLLAR if in_ticks else size)
        self._column = np.full(LOCATES, -1, np.int64)
        self._locates: list[int] = []
        self._clocks = kernel.clocks(0, self._size)

    def update(self, events: Events, midnight_ns: int = 0) -> TradeBars:
        """Put one block of events in; the bars that it filled."""
        self._widen(events)
        out = np.empty(events.size, TRADE_BAR_DTYPE)
        rows = kernel.add_trades(
            events,
            self._column,
            midnight_ns + OPEN_NS,
            midnight_ns + CLOSE_NS,
            int(self._measure),
            self._imbalance,
            self._size,
            2 / (SPAN + 1),
            *self._clocks,
            out,
        )
        return out[:rows].copy()

    def rest(self) -> TradeBars:
        """The bars that the end of the day cut short."""
        bars = self._clocks.bars.copy()
        bars["instrument"], bars["full"] = self._locates, 0
        return bars[bars["trades"] > 0]

    def _widen(self, events: Events) -> None:
        """A clock for every instrument that has none yet."""
        met = np.unique(events["instrument"])
        new = met[self._column[met] < 0]
        if new.size:
            self._column[new] = len(self._locates) + np.arange(new.size)
            self._locates += new.tolist()
            more = kernel.clocks(new.size, self._size)
            pairs = zip(self._clocks, more, strict=True)
            self._clocks = kernel.Clocks(*(np.concatenate(pair) for pair in pairs))


def bar_batch(bars: TradeBars, directory: dict[int, str]) -> pa.RecordBatch:
    """Bars of `ActivityBars` as a record batch of `TRADE_BARS`."""
    columns = []
    for name in TRADE_BARS.names:
        if name == "symbol":
            columns.append(symbols(bars["instrument"], directory))
        else:
            kind = TRADE_BARS.field(name).type.to_pandas_dtype()
            columns.append(pa.array(bars[name.removesuffix("_ticks")].astype(kind)))
    return pa.RecordBatch.from_arrays(columns, schema=TRADE_BARS)
