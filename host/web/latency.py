"""Latency in whole cycles, for people: bars of text at a terminal, and a drawing."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tapeout.web.svg import Chart, short

Cycles = npt.NDArray[np.int64]
BARS = 12  # at most
WIDE = 40  # characters of the longest bar
STYLE = """
svg { font: 11px sans-serif; color: #555; background: #fff } text { fill: #555 }
.title { font-weight: bold } .end { text-anchor: end } .mid { text-anchor: middle }
.grid { stroke: #ddd; fill: none } .line, .a { stroke: #1668b0; stroke-width: 2; fill: none }
"""


def quantiles(latency: Cycles) -> dict[str, int]:
    """Least, median, 99.9 % and most of (M,) cycles, each one that occurred."""
    levels = {"least": 0.0, "median": 0.5, "99.9 %": 0.999, "most": 1.0}
    return {
        name: int(np.quantile(latency, level, method="higher")) for name, level in levels.items()
    }


def histogram(latency: Cycles) -> list[tuple[int, int, int]]:
    """First and last cycle of each bar, and how many are in it; the first bars are one cycle wide.

    Bars get twice as wide one after the other, as what waits waits long.
    """
    least, most = int(latency.min()), int(latency.max())
    edges, wide = [least], 1
    while edges[-1] <= most:
        edges.append(edges[-1] + wide)
        wide *= 2 if len(edges) > BARS // 3 else 1
    counts, _ = np.histogram(latency, edges)
    ends = zip(edges[:-1], edges[1:], counts.tolist(), strict=True)
    return [(first, stop - 1, count) for first, stop, count in ends]


def lines(latency: Cycles, mhz: float) -> Iterator[str]:
    """The histogram as text, with what each bar is in ns at a clock."""
    if not latency.size:
        yield "wire to order: no order was due to a message"
        return
    bars = histogram(latency)
    most = max(count for _, _, count in bars)
    yield f"wire to order, {latency.size:,} of them{'':<6}cycles{'':>10}ns at {mhz:g} MHz"
    for first, last, count in bars:
        span = f"{first}" if first == last else f"{first} to {last}"
        ns = f"{first * 1e3 / mhz:,.0f}" + ("" if first == last else f" to {last * 1e3 / mhz:,.0f}")
        yield f"{'#' * round(WIDE * count / most):<{WIDE}} {count:>7,} {span:>12} {ns:>16}"
    found = quantiles(latency)
    yield ", ".join(
        f"{name} {cycles:,} ({cycles * 1e3 / mhz:,.1f} ns)" for name, cycles in found.items()
    )


def drawing(latency: Cycles, mhz: float, title: str) -> str:
    """How many took no longer than so many ns, as SVG; shares go up to one."""
    cycles, counts = np.unique(latency, return_counts=True)
    share = np.cumsum(counts) / latency.size
    ns = cycles * 1e3 / mhz
    wide = max(float(ns[-1] - ns[0]), 8 * 1e3 / mhz)
    across = np.concatenate([[ns[0]], np.repeat(ns, 2)[1:], [ns[0] + 1.05 * wide]])
    up = np.concatenate([[0.0], np.repeat(share, 2)])[: across.size]
    chart = Chart((ns[0] - 0.05 * wide, ns[0] + 1.05 * wide), (0, 1.05), title=title)
    chart.line(across, up)
    made = str(chart.svg(x_text=short, y_text=lambda part: f"{part:.0%}"))
    head, _, rest = made.partition(">")
    if "xmlns" not in head:
        head = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f"{head}><style>{STYLE}</style>{rest}\n"
