"""Charts as inline SVG: a frame with two scales, and marks in it; colours are the page's."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape

Numbers = Sequence[float] | np.ndarray[Any, Any]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Format = Callable[[float], str]

UP, DOWN = "up", "down"  # green and red


def short(value: float) -> str:
    """A number for a tick: four digits at most, with a unit letter above a thousand."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two ends, about `most`, 1, 2 or 5 times a power of ten apart."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * count for count in range(first, math.floor(high / step + 1e-9) + 1)]


class Chart:
    """A plot under construction; `svg()` closes it.

    Parameters
    ----------
    x, y : (start, end)
        The ends of the scales, in the data's units; y starts at the bottom. A scale may run down.
    width, height : int
        Pixels, of the whole drawing.
    title : str
        Read by screen readers, and shown above the plot.
    left, bottom : int
        Room for tick labels.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        width: int = 520,
        height: int = 220,
        title: str = "",
        left: int = 48,
        bottom: int = 24,
    ) -> None:
        self.width, self.height = width, height
        self._x, self._y = _opened(x), _opened(y)
        self._left, self._right = left, width - 10
        self._top, self._bottom = (24 if title else 8), height - bottom
        self._title = title
        self._marks: list[Markup] = []

    def px(self, x: Any) -> Any:
        """Where an x lies, in pixels."""
        start, end = self._x
        return self._left + (x - start) / (end - start) * (self._right - self._left)

    def py(self, y: Any) -> Any:
        """Where a y lies, in pixels."""
        start, end = self._y
        return self._bottom - (y - start) / (end - start) * (self._bottom - self._top)

    def line(self, x: Numbers, y: Numbers, kind: str = "a") -> "Chart":
        """A line through the points, x ascending, thinned as `shown` does; NaN breaks it."""
        across, values = self.px(np.asarray(x, float)), np.asarray(y, float)
        kept = shown(across, values)
        piece = np.cumsum(~np.isfinite(values))[kept]
        moved = np.diff(piece, prepend=-1) > 0
        points = zip(across[kept], self.py(values[kept]), moved, strict=True)
        path = (f"M{at:.1f} {up:.1f}h0" if new else f"L{at:.1f} {up:.1f}" for at, up, new in points)
        return self.path("".join(path), f"line {kind}")

    def steps(self, x: Numbers, y: Numbers, base: float, kind: str = "a") -> "Chart":
        """A filled staircase from `base`: y holds from its x to the next."""
        path = [f"M{self.px(x[0]):.1f} {self.py(base):.1f}"]
        for at, value in zip(x, y, strict=True):
            path.append(f"H{self.px(at):.1f}V{self.py(value):.1f}")
        path.append(f"V{self.py(base):.1f}Z")
        return self.path("".join(path), f"fill {kind}")

    def bar(
        self, x: float, width: float, low: float, high: float, kind: str = "a", tip: str = ""
    ) -> "Chart":
        """A box from `low` to `high`, `width` wide in x, centred."""
        left, right = self.px(x - width / 2), self.px(x + width / 2)
        top, bottom = self.py(max(low, high)), self.py(min(low, high))
        return self.box(left, top, right - left, max(bottom - top, 0.8), kind, tip)

    def stroke(self, x: float, low: float, high: float, kind: str = "a") -> "Chart":
        """A vertical stroke."""
        return self.path(
            f"M{self.px(x):.1f} {self.py(low):.1f}V{self.py(high):.1f}", f"line {kind}"
        )

    def mark(self, x: float, label: str, kind: str = "b", *, lift: int = 0) -> "Chart":
        """A vertical rule through the whole plot, with a label at its top."""
        at, top = self.px(x), self._top + lift
        return self.path(f"M{at:.1f} {top}V{self._bottom}", f"rule {kind}").text(
            at + 4, top + 9, label, kind
        )

    def path(self, path: str, kind: str) -> "Chart":
        """A path of pixels."""
        return self._add(_element("path", class_=kind, d=path))

    def box(
        self, x: float, y: float, width: float, height: float, kind: str, tip: str = ""
    ) -> "Chart":
        """A box of pixels from its upper left corner; `tip` shows where the pointer rests."""
        kind = f"box {kind}"
        return self._add(
            _element("rect", _tip(tip), class_=kind, x=x, y=y, width=width, height=height)
        )

    def dot(self, x: float, y: float, kind: str, tip: str = "") -> "Chart":
        """A dot at a point of the data."""
        cx, cy = self.px(x), self.py(y)
        return self._add(_element("circle", _tip(tip), class_=kind, cx=cx, cy=cy, r=2.4))

    def text(self, x: float, y: float, label: str, kind: str) -> "Chart":
        """Words at a pixel; `kind` end or mid tells what of them stands there."""
        return self._add(_element("text", label, class_=kind, x=x, y=y))

    def svg(
        self,
        *,
        x_text: Format | None = short,
        y_text: Format | None = short,
        x_ticks: Iterable[float] | None = None,
        y_ticks: Iterable[float] | None = None,
    ) -> Markup:
        """The drawing, with ticks written by `x_text` and `y_text`.

        None leaves an axis out, an empty text of `y_text` its tick.
        """
        marks, self._marks = self._marks, []
        if y_text:
            most = max(self.height // 50, 2)
            for value in ticks(min(self._y), max(self._y), most) if y_ticks is None else y_ticks:
                if label := y_text(value):
                    at = self.py(value)
                    self.path(f"M{self._left} {at:.1f}H{self._right}", "grid")
                    self.text(self._left - 6, at + 3.5, label, "tick end")
        if x_text:
            most = self.width // 80
            for value in ticks(min(self._x), max(self._x), most) if x_ticks is None else x_ticks:
                self.text(self.px(value), self._bottom + 16, x_text(value), "tick mid")
        self._marks += marks
        if self._title:
            self.text(self._left, 12, self._title, "title")
        box = f"0 0 {self.width} {self.height}"
        inside = Markup().join(self._marks)
        return _element("svg", inside, viewBox=box, role="img", aria_label=self._title)

    def _add(self, mark: Markup) -> "Chart":
        self._marks.append(mark)
        return self


def _element(tag: str, inside: str = "", /, **attributes: object) -> Markup:
    """One element. All markup is written here, and what is not yet markup is escaped here."""
    named = ""
    for name, value in attributes.items():
        said = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
        named += f' {name.strip("_").replace("_", "-")}="{escape(said)}"'
    closed = f">{escape(inside)}</{tag}>" if inside else "/>"
    return Markup(f"<{tag}{named}{closed}")  # noqa: S704


def _tip(words: str) -> Markup:
    return _element("title", words) if words else Markup()


def _opened(ends: tuple[float, float]) -> tuple[float, float]:
    """Two ends that differ, so that nothing is divided by zero."""
    start, end = ends
    if not (math.isfinite(start) and math.isfinite(end)):
        return 0.0, 1.0
    return (start, end) if start != end else (start - 0.5, end + 0.5)


def shown(across: Floats, values: Floats, width: float = 1) -> Ints:
    """Which points of a line a screen can show: of each column the first, lowest, highest and last.

    Parameters
    ----------
    across : (T,) float, pixels
        Ascending.
    values : (T,) float
        NaN is never shown.
    width : float
        Of a column, pixels.

    Returns
    -------
    (K,) int64
        Places, ascending; K is at most four a column.
    """
    known = np.flatnonzero(np.isfinite(values))
    column = np.floor(across[known] / width)
    first = np.flatnonzero(np.diff(column, prepend=-np.inf))
    last = np.append(first[1:], known.size)[: first.size] - 1
    rank = np.lexsort((values[known], column))
    kept: Ints = known[np.unique(np.concatenate([first, last, rank[first], rank[last]]))]
    return kept


def spark(values: Numbers, kind: str = "a", width: int = 110, height: int = 26) -> Markup:
    """A line without axes, for a table cell."""
    y = np.asarray(values, float)
    known = y[np.isfinite(y)]
    if known.size < 2:
        return Markup()
    chart = Chart(
        (0, y.size - 1), (known.min(), known.max()), width=width, height=height, left=2, bottom=3
    )
    return chart.line(np.arange(y.size), y, kind).svg(x_text=None, y_text=None)
