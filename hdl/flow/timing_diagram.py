"""A timing diagram as SVG: one lane a port, one step a cycle, as in a data sheet."""

from collections.abc import Mapping, Sequence
from html import escape

STEP, LANE, HIGH, LEFT, SLANT = 56, 30, 18, 150, 4
STYLE = (
    "text{font:11px monospace;fill:currentColor}"
    "path{fill:none;stroke:currentColor;stroke-width:1.2}.grid{stroke-width:.4;opacity:.35}"
)


def timing_diagram(
    title: str, cycles: Sequence[Mapping[str, int]], lanes: Mapping[str, int]
) -> str:
    """Draw what ports say in each cycle, the clock above them.

    Parameters
    ----------
    title : str
        Read by screen readers.
    cycles : sequence of name -> value
        What each port says in each cycle.
    lanes : name -> width
        Which ports to draw, in order. One bit is a line, more are boxes with the value, in
        hexadecimal; a box of a stream's payload is empty while its `valid` is low.
    """
    width, height = LEFT + STEP * len(cycles) + 10, LANE * (len(lanes) + 2)
    parts = [f"<title>{escape(title)}</title><style>{STYLE}</style>"]
    for cycle in range(len(cycles) + 1):
        x = LEFT + STEP * cycle
        parts.append(f'<path class="grid" d="M{x} {LANE - 8}V{height - 8}"/>')
        if cycle < len(cycles):
            parts.append(_text(x + STEP / 2, 14, str(cycle), "middle"))
    parts += [_text(LEFT - 8, 2 * LANE - 10, "clk", "end"), _clock(len(cycles), 2 * LANE - 6)]
    for row, (name, bits) in enumerate(lanes.items()):
        low = LANE * (row + 3) - 6
        parts.append(_text(LEFT - 8, low - 4, name, "end"))
        values = [_shown(cycle, name) for cycle in cycles]
        parts.append(_line(values, low) if bits == 1 else _boxes(values, low))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img">\n{body}\n</svg>\n'
    )


def _shown(cycle: Mapping[str, int], name: str) -> int | None:
    """A port's value; of a payload that is not valid none."""
    valid = name.removesuffix("__payload") + "__valid"
    return cycle[name] if cycle.get(valid, 1) or name == valid else None


def _clock(cycles: int, low: int) -> str:
    half = STEP // 2
    return f'<path d="M{LEFT} {low}{f"v-{HIGH}h{half}v{HIGH}h{half}" * cycles}"/>'


def _line(values: Sequence[int | None], low: int) -> str:
    path, before = "", None
    for cycle, value in enumerate(values):
        y = low - (HIGH if value else 0)
        path += f"M{LEFT} {y}" if before is None else f"V{y}" if y != before else ""
        path += f"H{LEFT + STEP * (cycle + 1)}"
        before = y
    return f'<path d="{path}"/>'


def _boxes(values: Sequence[int | None], low: int) -> str:
    parts, start = "", 0
    for cycle in range(1, len(values) + 1):
        if cycle < len(values) and values[cycle] == values[start]:
            continue
        x, end = LEFT + STEP * start, LEFT + STEP * cycle
        value = values[start]
        if value is None:
            parts += f'<path d="M{x} {low - HIGH // 2}H{end}"/>'
        else:
            parts += (
                f'<path d="M{x} {low - HIGH // 2}l{SLANT} -{HIGH // 2}H{end - SLANT}'
                f'l{SLANT} {HIGH // 2}l-{SLANT} {HIGH // 2}H{x + SLANT}z"/>'
            ) + _text((x + end) / 2, low - 5, _short(value, cycle - start), "middle")
        start = cycle
    return parts


def _short(value: int, cycles: int) -> str:
    """As many of the lowest digits as have room."""
    digits, room = f"{value:x}", 7 * cycles - 1
    return digits if len(digits) <= room else f"..{digits[2 - room :]}"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
