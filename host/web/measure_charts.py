"""What the pages draw of measures: information coefficients, covariance, losses, backtests."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from tapeout.factors.coefficient import InformationCoefficient
from tapeout.risk.backtest import Backtest
from tapeout.risk.covariance import Floats
from tapeout.risk.var import VarReport
from tapeout.web.heatmap import heatmap
from tapeout.web.svg import DOWN, UP, Chart, short, shown, ticks
from tapeout.web.words import percent


def coefficient(value: InformationCoefficient, reach: float) -> Markup:
    """One information coefficient as a bar from zero, with two standard errors either way."""
    chart = Chart((-reach, reach), (0, 1), width=190, height=20, left=2, bottom=2)
    zero, x = chart.px(0), chart.px(value.mean)
    low, high = (chart.px(value.mean + side * value.standard_error) for side in (-2, 2))
    chart.path(f"M{zero:.1f} 0V20", "grid")
    chart.box(min(zero, x), 5, abs(x - zero), 10, UP if value.mean > 0 else DOWN)
    chart.path(f"M{low:.1f} 10H{high:.1f}", "line ink")
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


def spectrum(matrix: Floats, sample: Floats) -> Markup:
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
        height=546,
        left=60,
        title="eigenvalues by rank, log scale: sample (grey), Ledoit-Wolf",
    )
    chart.line(rank, logs[0], "faint").line(rank, logs[1], "a")
    whole = sorted({1, *(at for at in ticks(1, rank.size) if at % 1 == 0)})
    return chart.svg(
        y_text=lambda power: short(10**power), x_ticks=whole, y_ticks=_decades(low, high)
    )


def _decades(low: float, high: float) -> list[float]:
    """Logarithms of 1, 2 and 5 times the powers of ten between two logarithms, where few."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    for digits in ((1, 2, 5), (1,)):
        logs = [power + math.log10(digit) for power in powers for digit in digits]
        between = [one for one in logs if low <= one <= high]
        if 2 <= len(between) <= 10:
            return between
    return ticks(low, high)


def losses(report: VarReport) -> Markup:
    """Histogram of the simulated losses, with VaR and ES of the highest level."""
    sigma = report.volatility
    edges = np.linspace(-4.5 * sigma, 4.5 * sigma, 91)
    drawn, _ = np.histogram(report.losses, edges)
    middle, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    tail = max(report.tails, key=lambda tail: tail.level)
    chart = Chart(
        (edges[0], edges[-1]),
        (0, drawn.max()),
        width=1040,
        height=260,
        title=f"{report.paths:,} simulated losses",
    )
    for at, value in zip(middle, drawn, strict=True):
        if value:
            chart.bar(at, width * 0.92, 0, value, DOWN if at >= tail.var else "a", f"{value:,}")
    chart.mark(tail.var, f"VaR {100 * tail.level:g} %  {percent(tail.var)}", DOWN)
    chart.mark(tail.es, f"ES  {percent(tail.es)}", DOWN, lift=16)
    return chart.svg(x_text=percent)


def contributions(symbols: Sequence[str], shares: Floats, most: int = 12) -> Markup:
    """The positions that carry most of the volatility, as shares of it."""
    top = np.argsort(shares)[::-1][:most]
    names = [
        name if len(name) <= 20 else f"{name[:19]}\u2026" for name in (symbols[at] for at in top)
    ]
    chart = Chart(
        (0, float(shares[top].max())),
        (top.size - 0.5, -0.5),
        width=520,
        left=16 + 8 * max(map(len, names)),
        height=20 * top.size + 44,
        title="largest shares of the volatility",
    )
    zero = chart.px(0)
    for row, (name, at) in enumerate(zip(names, top, strict=True)):
        y = chart.py(row)
        chart.box(zero, y - 6, max(chart.px(shares[at]) - zero, 0), 12, "a")
        chart.text(zero - 6, y + 3.5, name, "tick end")
    return chart.svg(y_text=None, x_text=percent)


def held(test: Backtest, dates: Any) -> Markup:
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
    chart.line(x, test.returns, "faint thin").line(x, -test.var, "b")
    lost = np.where(test.exceptions, test.returns, np.nan)
    for at in shown(chart.px(x), lost, 5):
        tip = f"{days[at]}: {percent(test.returns[at])} against {percent(test.var[at])}"
        chart.dot(at, test.returns[at], DOWN, tip)
    firsts = np.unique(year, return_index=True)[1]
    if firsts.size > 2:
        return chart.svg(
            x_ticks=firsts[:: -(-firsts.size // 12)],
            x_text=lambda at: str(year[at]),
            y_text=percent,
        )
    few = range(0, days.size, -(-days.size // 8))
    return chart.svg(x_ticks=few, x_text=lambda at: str(days[int(at)]), y_text=percent)
