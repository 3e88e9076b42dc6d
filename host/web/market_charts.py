"""What the pages draw of a market: message types, books, candles."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from tapeout.clock import time_of_day
from tapeout.kernels.tape.bars import Bar
from tapeout.market.bars import MINUTE_NS, OPEN_NS, Bars, Floats
from tapeout.market.books import Depth, Level
from tapeout.units import NS_PER_SECOND, TICKS_PER_DOLLAR, dollars, span
from tapeout.web.svg import DOWN, UP, Chart, short

CANDLES = 78
ROUND_NS = tuple(  # what a clock is divided by
    NS_PER_SECOND * seconds
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600)
)


def mix(types: dict[str, int], names: dict[str, str]) -> Markup:
    """Messages by type, one bar cut into its parts."""
    total = sum(types.values())
    if not total:
        return Markup()
    chart = Chart((0, total), (0, 1), width=1040, height=64, left=8, title="messages by type")
    at = 0.0
    for number, (letter, many) in enumerate(sorted(types.items(), key=lambda item: -item[1])):
        tip = f"{letter} {names.get(letter, 'unknown')}: {many:,}"
        chart.bar(at + many / 2, many, 0, 1, f"part{number % 6}", tip)
        if many > 0.04 * total:
            label = f"{letter}  {100 * many / total:.0f} %"
            chart.text(chart.px(at + many / 2), chart.py(0.5) + 4, label, "onbar mid")
        at += many
    return chart.svg(y_text=None, x_text=short)


def depth(symbol: str, book: Depth) -> Markup:
    """Cumulated lots on both sides of one book, as staircases from the middle."""
    bids, asks = _stairs(book.bids, -1), _stairs(book.asks, 1)
    prices, lots = np.concatenate([bids, asks]).T
    if not prices.size:
        return Markup()
    chart = Chart(
        (prices.min(), prices.max()),
        (0, lots.max()),
        width=340,
        height=180,
        title=f"{symbol}  {_touch(book)}",
        left=40,
    )
    for stairs, kind in ((bids, UP), (asks, DOWN)):
        if stairs.size:
            chart.steps(stairs[:, 0], stairs[:, 1], 0, kind)
    return chart.svg(x_text=_dollars)


def _stairs(levels: Sequence[Level], side: int) -> Floats:
    """Price in dollars and lots so far, (L + 1, 2): the last level is as wide as the mean one."""
    if not levels:
        return np.empty((0, 2))
    prices = np.array([level.ticks for level in levels]) / TICKS_PER_DOLLAR
    lots = np.cumsum([level.lots for level in levels])
    wide = abs(prices[-1] - prices[0]) / (prices.size - 1) if prices.size > 1 else 0.01
    return np.column_stack([[*prices, prices[-1] + side * wide], [*lots, lots[-1]]])


def _dollars(price: float) -> str:
    return dollars(price * TICKS_PER_DOLLAR)


def _touch(book: Depth) -> str:
    bid = dollars(book.bids[0].ticks) if book.bids else "none"
    ask = dollars(book.asks[0].ticks) if book.asks else "none"
    return f"{bid} / {ask}"


def candles(bars: Bars, instrument: int) -> Markup:
    """Trades of one instrument as candles, volume below; bars are joined to 78 at most."""
    join = _join(bars)
    rows = [bars.values[at : at + join, instrument] for at in range(0, bars.shape[0], join)]
    traded = [row[row[:, Bar.TRADES] > 0] for row in rows]
    if not any(row.size for row in traded):
        return Markup()
    prices = np.concatenate([row[:, [Bar.LOW, Bar.HIGH]].ravel() for row in traded])
    low, high = prices.min() / TICKS_PER_DOLLAR, prices.max() / TICKS_PER_DOLLAR
    room = (high - low or 0.01) * 0.35  # for the volume
    chart = Chart(
        (-0.5, len(rows) - 0.5),
        (low - room, high),
        width=1040,
        height=300,
        title=f"{bars.symbols[instrument]}, candles of {span(join * bars.every_ns)}, volume",
    )
    most = max(int(row[:, Bar.VOLUME].sum()) for row in rows) or 1
    for at, row in enumerate(traded):
        if row.size:
            _candle(chart, at, row, low - room, 0.8 * room / most)
    times = _times(len(rows), join * bars.every_ns)
    return chart.svg(
        x_text=lambda at: times[at],
        x_ticks=times,
        y_text=lambda price: _dollars(price) if price >= low else "",
    )


def _join(bars: Bars) -> int:
    """How many bars make a candle: a round time, where their length divides one."""
    fewest = max(-(-bars.shape[0] // CANDLES), 1)
    rounds = (one // bars.every_ns for one in ROUND_NS if one % bars.every_ns == 0)
    return next((join for join in rounds if join >= fewest), fewest)


def _times(candles: int, every_ns: int) -> dict[float, str]:
    """Round times of the day, by where they stand among the candles."""
    long = candles * every_ns
    step = next((one for one in ROUND_NS if long <= 14 * one), ROUND_NS[-1])
    letters = 5 if step >= MINUTE_NS else 8
    return {
        (at - OPEN_NS) / every_ns - 0.5: time_of_day(at)[:letters]
        for at in range(-(-OPEN_NS // step) * step, OPEN_NS + long + 1, step)
    }


def _candle(chart: Chart, at: int, row: Any, floor: float, lots: float) -> None:
    opened, closed = row[0, Bar.OPEN] / TICKS_PER_DOLLAR, row[-1, Bar.CLOSE] / TICKS_PER_DOLLAR
    low, high = row[:, Bar.LOW].min(), row[:, Bar.HIGH].max()
    kind, volume = UP if closed >= opened else DOWN, int(row[:, Bar.VOLUME].sum())
    tip = f"{dollars(row[0, Bar.OPEN])} to {dollars(row[-1, Bar.CLOSE])}, {volume:,} lots"
    chart.stroke(at, low / TICKS_PER_DOLLAR, high / TICKS_PER_DOLLAR, kind)
    chart.bar(at, 0.7, opened, closed, kind, tip)
    chart.bar(at, 0.7, floor, floor + lots * volume, "faint")
