"""Draws docs/growth.svg from the JSON lines of `book_growth.py`."""

import json
import math
import re
import sys
from pathlib import Path

from tapeout.web.svg import Chart, short

PICTURE = Path(__file__).parent.parent / "docs" / "growth.svg"
WIDTH, HEIGHT = 420, 220
STYLE = """
svg { font: 11px sans-serif; color: #555; background: #fff; overflow: visible }
text { fill: #555 } .title { font-weight: bold } .end { text-anchor: end }
.mid { text-anchor: middle } .grid { stroke: #ddd; fill: none }
.line { stroke: #1668b0; stroke-width: 1.6; fill: none } circle { fill: #1668b0 }
"""
PANELS = (
    (re.compile(r"([\d,]+) live orders of ([\d,]+) instruments"), "by live orders"),
    (re.compile(r"([\d,]+) instruments"), "by instruments"),
)


def panel(points: list[tuple[int, float]], title: str) -> str:
    """One curve over a logarithmic scale; costs start at zero."""
    across = [math.log10(many) for many, _ in points]
    costs = [cost for _, cost in points]
    chart = Chart(
        (min(across), max(across)), (0, 1.2 * max(costs)), width=WIDTH, height=HEIGHT, title=title
    )
    chart.line(across, costs)
    for at, cost in zip(across, costs, strict=True):
        chart.dot(at, cost, "dot")
    return str(chart.svg(x_text=lambda power: short(round(10**power)), x_ticks=across))


def draw(lines: str) -> None:
    """Both panels beside each other; nothing where the JSON lines have no row of the growth."""
    every, drawn = [json.loads(line) for line in lines.splitlines()], []
    rows = [row for row in every if row["benchmark"] == "book_growth"]
    if not rows:
        return
    for index, (pattern, by) in enumerate(PANELS):
        found = [(pattern.fullmatch(str(row["case"])), row["value"]) for row in rows]
        points = [(int(m[1].replace(",", "")), float(str(cost))) for m, cost in found if m]
        inside = panel(points, f"ns a message, {by}").replace("<svg ", "", 1)
        drawn.append(f'<svg x="{index * WIDTH}" width="{WIDTH}" height="{HEIGHT}" {inside}')
    size = f'width="{len(PANELS) * WIDTH}" height="{HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>'
    PICTURE.write_text(head + "".join(drawn) + "</svg>\n")


if __name__ == "__main__":
    draw(Path(sys.argv[1]).read_text())
