"""What the pages draw: books, bars, factors, covariance, losses, backtests."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tapeout.clock import time_of_day
from tapeout.factors.coefficient import InformationCoefficient
from tapeout.kernels.tape.bars import Bar
from tapeout.market.bars import OPEN_NS, Bars
from tapeout.market.books import Depth
from tapeout.risk.backtest import Backtest
from tapeout.risk.covariance import Floats
from tapeout.risk.var import VarReport
from tapeout.units import TICKS_PER_DOLLAR, dollars
from tapeout.web.svg import Chart, heatmap, short

UP, DOWN = "up", "down"
CANDLES = 78


def percent(value: float) -> str:
    """A fraction as percent, three digits."""
    return f"{100 * value:.3g} %"


def percents(*values: float) -> list[str]:
    """Fractions as percent, all with the decimals that show the smallest to two digits."""
    smallest = min((abs(100 * value) for value in values if value), default=1.0)
    decimals = max(1 - math.floor(math.log10(smallest)), 0)
    return [f"{100 * value:.{decimals}f} %" for value in values]


def basis_points(value: float) -> str:
    """A fraction in basis points, to a thousandth of one."""
    return f"{10_000 * value:.3f}"


def depth(symbol: str, book: Depth) -> str:
    """Cumulated lots on both sides of one book, as staircases from the middle."""
    sides = []
    for levels in (book.bids, book.asks):
        prices = np.array([level.ticks for level in levels], float) / TICKS_PER_DOLLAR
        sides.append((prices, np.cumsum([level.lots for level in levels])))
    (bids, bid_lots), (asks, ask_lots) = sides
    everything = np.concatenate([bids, asks])
    if not everything.size:
        return ""
    most = max([*bid_lots, *ask_lots])
    chart = Chart(
        (everything.min(), everything.max()),
        (0, most),
        width=340,
        height=180,
        title=f"{symbol}  {_touch(book)}",
        left=40,
    )
    for prices, lots, kind in ((bids, bid_lots, UP), (asks, ask_lots, DOWN)):
        if prices.size > 1:
            chart.steps([*prices, prices[-1]], [*lots, lots[-1]], 0, kind)
    return chart.svg(x_text=lambda price: f"{price:.2f}")


def _touch(book: Depth) -> str:
    bid = dollars(book.bids[0].ticks) if book.bids else "none"
    ask = dollars(book.asks[0].ticks) if book.asks else "none"
    return f"{bid} / {ask}"


def candles(bars: Bars, instrument: int) -> str:
    """Trades of one instrument as candles, volume below; bars are joined to about 78."""
    join = max(-(-bars.shape[0] // CANDLES), 1)
    rows = [bars.values[at : at + join, instrument] for at in range(0, bars.shape[0], join)]
    traded = [row[row[:, Bar.TRADES] > 0] for row in rows]
    if not any(row.size for row in traded):
        return ""
    prices = np.concatenate([row[:, [Bar.LOW, Bar.HIGH]].ravel() for row in traded])
    low, high = prices.min() / TICKS_PER_DOLLAR, prices.max() / TICKS_PER_DOLLAR
    room = (high - low or 0.01) * 0.35  # for the volume
    minutes = join * bars.every_ns / 60e9
    chart = Chart(
        (-0.5, len(rows) - 0.5),
        (low - room, high),
        width=1040,
        height=300,
        title=f"{bars.symbols[instrument]}, {minutes:g}-minute candles, volume",
    )
    most = max(int(row[:, Bar.VOLUME].sum()) for row in rows) or 1
    for at, row in enumerate(traded):
        if row.size:
            _candle(chart, at, row, low - room, 0.8 * room / most)
    return chart.svg(
        x_text=lambda at: time_of_day(int(OPEN_NS + at * join * bars.every_ns))[:5],
        x_ticks=range(0, len(rows), max(len(rows) // 8, 1)),
        y_text=lambda price: f"{price:.2f}" if price >= low else "",
    )


def _candle(chart: Chart, at: int, row: Any, floor: float, lots: float) -> None:
    opened, closed = row[0, Bar.OPEN] / TICKS_PER_DOLLAR, row[-1, Bar.CLOSE] / TICKS_PER_DOLLAR
    low, high = row[:, Bar.LOW].min(), row[:, Bar.HIGH].max()
    kind, volume = UP if closed >= opened else DOWN, int(row[:, Bar.VOLUME].sum())
    tip = f"{dollars(row[0, Bar.OPEN])} to {dollars(row[-1, Bar.CLOSE])}, {volume:,} lots"
    chart.stroke(at, low / TICKS_PER_DOLLAR, high / TICKS_PER_DOLLAR, kind)
    chart.bar(at, 0.7, opened, closed, kind, tip)
    chart.bar(at, 0.7, floor, floor + lots * volume, "faint")


def coefficient(value: InformationCoefficient, reach: float) -> str:
    """One information coefficient as a bar from zero, with two standard errors either way."""
    chart = Chart((-reach, reach), (0, 1), width=190, height=20, left=2, bottom=2)
    zero, x = chart.px(0), chart.px(value.mean)
    low, high = (chart.px(value.mean + side * value.standard_error) for side in (-2, 2))
    kind = UP if value.mean > 0 else DOWN
    chart.raw(
        f'<path class="grid" d="M{zero:.1f} 0V20"/><rect class="box {kind}" x="{min(zero, x):.1f}"'
        f' y="5" height="10" width="{abs(x - zero):.1f}"/>'
        f'<path class="line ink" d="M{low:.1f} 10H{high:.1f}"/>'
    )
    return chart.svg(x_text=None, y_text=None)


def correlation(matrix: Floats, most: int = 120) -> str:
    """A covariance as a picture of correlations, from -1 (blue) to 1 (red).

    Instruments stand in the order of their loading on the second principal component, which puts
    those that move together side by side. More than `most` are averaged in groups of neighbours.
    """
    deviation = np.sqrt(np.diag(matrix))
    correlations = matrix / np.outer(deviation, deviation)
    order = np.argsort(np.linalg.eigh(correlations)[1][:, -min(2, len(matrix))])
    groups = np.array_split(order, min(most, order.size))
    member = np.zeros((len(groups), order.size))
    for row, group in enumerate(groups):
        member[row, group] = 1 / group.size
    return heatmap(member @ correlations @ member.T, -1, 1)


def spectrum(matrix: Floats, sample: Floats) -> str:
    """Eigenvalues of the sample covariance, and of the estimate, largest first, on a log scale."""
    both = [np.sort(np.linalg.eigvalsh(values))[::-1] for values in (sample, matrix)]
    floor = max(both[1].min() / 10, both[0].max() * 1e-9)
    logs = [np.log10(np.maximum(values, floor)) for values in both]
    low, high = min(values.min() for values in logs), max(values.max() for values in logs)
    rank = np.arange(1, matrix.shape[0] + 1)
    chart = Chart(
        (1, float(rank[-1])),
        (low, high),
        width=520,
        height=420,
        title="eigenvalues by rank, log scale: sample (grey), Ledoit-Wolf",
    )
    chart.line(rank, logs[0], "faint").line(rank, logs[1], "a")
    return chart.svg(y_text=lambda power: f"1e{power:.2g}", x_text=lambda value: f"{value:.0f}")


def losses(report: VarReport) -> str:
    """Histogram of the simulated losses, with VaR and ES of the highest level."""
    sigma = report.volatility
    edges = np.linspace(-4.5 * sigma, 4.5 * sigma, 91)
    count, _ = np.histogram(report.losses, edges)
    middle, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    tail = max(report.tails, key=lambda tail: tail.level)
    chart = Chart(
        (edges[0], edges[-1]),
        (0, count.max()),
        width=1040,
        height=260,
        title=f"{report.paths:,} simulated losses",
    )
    for at, value in zip(middle, count, strict=True):
        if value:
            chart.bar(at, width * 0.92, 0, value, DOWN if at >= tail.var else "a", f"{value:,}")
    chart.mark(tail.var, f"VaR {100 * tail.level:g} %  {percent(tail.var)}", DOWN)
    chart.mark(tail.es, f"ES  {percent(tail.es)}", DOWN, lift=16)
    return chart.svg(x_text=percent)


def contributions(symbols: Sequence[str], shares: Floats, most: int = 12) -> str:
    """The positions that carry most of the volatility, as shares of it."""
    top = np.argsort(shares)[::-1][:most]
    chart = Chart(
        (0, float(shares[top].max())),
        (top.size - 0.5, -0.5),
        width=520,
        left=60,
        height=20 * top.size + 44,
        title="largest shares of the volatility",
    )
    zero = chart.px(0)
    for row, at in enumerate(top):
        y = chart.py(row)
        chart.raw(
            f'<rect class="box a" x="{zero:.1f}" y="{y - 6:.1f}" height="12"'
            f' width="{max(chart.px(float(shares[at])) - zero, 0):.1f}"/>'
            f'<text class="tick end" x="54" y="{y + 3.5:.1f}">{symbols[at]}</text>'
        )
    return chart.svg(y_text=None, x_text=percent)


def held(test: Backtest, dates: Any) -> str:
    """Daily returns of the portfolio, the VaR stated for them, and the days it was exceeded."""
    days = np.asarray(dates)[test.days + 1].astype("datetime64[D]")
    year = days.astype("datetime64[Y]").astype(int) + 1970
    low, high = float(test.returns.min()), float(test.returns.max())
    x = np.arange(days.size)
    chart = Chart(
        (0, x[-1]),
        (min(low, -float(test.var.max())), high),
        width=1040,
        height=320,
        title="daily return, and minus the VaR stated the evening before",
    )
    calm = np.where(test.exceptions, np.nan, test.returns)
    chart.line(x, np.round(calm, 4), "faint thin").line(x, -test.var, "b")
    for at in np.flatnonzero(test.exceptions):
        tip = f"{days[at]}: {percent(test.returns[at])} against {percent(test.var[at])}"
        x_at, y_at = chart.px(float(at)), chart.py(float(test.returns[at]))
        chart.raw(
            f'<circle class="down" cx="{x_at:.1f}" cy="{y_at:.1f}" r="2.4">'
            f"<title>{tip}</title></circle>"
        )
    firsts = [int(np.argmax(year == one)) for one in np.unique(year)[::2]]
    return chart.svg(x_ticks=firsts, x_text=lambda at: str(year[int(at)]), y_text=percent)


def mix(types: dict[str, int], names: dict[str, str]) -> str:
    """Messages by type, one bar cut into its parts."""
    total = sum(types.values())
    chart = Chart((0, total), (0, 1), width=1040, height=64, left=8, title="messages by type")
    at = 0.0
    for number, (letter, count) in enumerate(sorted(types.items(), key=lambda item: -item[1])):
        tip = f"{letter} {names.get(letter, 'unknown')}: {count:,}"
        chart.bar(at + count / 2, count, 0, 1, f"part{number % 6}", tip)
        if count > 0.03 * total:
            label = f"{letter}  {100 * count / total:.0f} %"
            y = (chart.py(0) + chart.py(1)) / 2 + 4
            chart.raw(
                f'<text class="onbar mid" x="{chart.px(at + count / 2):.1f}" y="{y}">{label}</text>'
            )
        at += count
    return chart.svg(y_text=None, x_text=short)
