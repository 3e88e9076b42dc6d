"""Charts as inline SVG: a frame with two scales, and marks in it; colours are the page's."""

import base64
import math
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

Numbers = Sequence[float] | np.ndarray[Any, Any]
Format = Callable[[float], str]


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
    x, y : (low, high)
        The ends of the scales, in the data's units.
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
        self._marks: list[str] = []

    def px(self, x: float) -> float:
        """Where an x lies, in pixels."""
        low, high = self._x
        return self._left + (x - low) / (high - low) * (self._right - self._left)

    def py(self, y: float) -> float:
        """Where a y lies, in pixels."""
        low, high = self._y
        return self._bottom - (y - low) / (high - low) * (self._bottom - self._top)

    def line(self, x: Numbers, y: Numbers, kind: str = "a") -> "Chart":
        """A line through the points; NaN breaks it."""
        path, pen = [], "M"
        for at, value in zip(x, y, strict=True):
            if math.isfinite(value):
                path.append(f"{pen}{self.px(at):.1f} {self.py(value):.1f}")
                pen = "L"
            else:
                pen = "M"
        return self.raw(f'<path class="line {kind}" d="{"".join(path)}"/>')

    def steps(self, x: Numbers, y: Numbers, base: float, kind: str = "a") -> "Chart":
        """A filled staircase from `base`: y holds from its x to the next."""
        if len(x) < 2:
            return self
        path = [f"M{self.px(x[0]):.1f} {self.py(base):.1f}"]
        for at, value in zip(x, y, strict=True):
            path.append(f"H{self.px(at):.1f}V{self.py(value):.1f}")
        path.append(f"V{self.py(base):.1f}Z")
        return self.raw(f'<path class="fill {kind}" d="{"".join(path)}"/>')

    def bar(
        self, x: float, width: float, low: float, high: float, kind: str = "a", tip: str = ""
    ) -> "Chart":
        """A box from `low` to `high`, `width` wide in x, centred."""
        left, right = self.px(x - width / 2), self.px(x + width / 2)
        top, bottom = self.py(max(low, high)), self.py(min(low, high))
        title = f"<title>{escape(tip)}</title>" if tip else ""
        return self.raw(
            f'<rect class="box {kind}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}"'
            f' height="{max(bottom - top, 0.8):.1f}">{title}</rect>'
        )

    def stroke(self, x: float, low: float, high: float, kind: str = "a") -> "Chart":
        """A vertical stroke."""
        at = self.px(x)
        return self.raw(
            f'<path class="line {kind}" d="M{at:.1f} {self.py(low):.1f}V{self.py(high):.1f}"/>'
        )

    def mark(self, x: float, label: str, kind: str = "b", *, lift: int = 0) -> "Chart":
        """A vertical rule through the whole plot, with a label at its top."""
        at = self.px(x)
        return self.raw(
            f'<path class="rule {kind}" d="M{at:.1f} {self._top + lift}V{self._bottom}"/>'
            f'<text class="{kind}" x="{at + 4:.1f}" y="{self._top + lift + 9}">'
            f"{escape(label)}</text>"
        )

    def raw(self, markup: str) -> "Chart":
        """Any other SVG."""
        self._marks.append(markup)
        return self

    def svg(
        self,
        *,
        x_text: Format | None = short,
        y_text: Format | None = short,
        x_ticks: Iterable[float] | None = None,
    ) -> str:
        """The drawing, with ticks written by `x_text` and `y_text`; None leaves an axis out."""
        axes = []
        if y_text:
            for value in ticks(*self._y, 4):
                at = self.py(value)
                axes.append(
                    f'<path class="grid" d="M{self._left} {at:.1f}H{self._right}"/>'
                    f'<text class="tick end" x="{self._left - 6}" y="{at + 3.5:.1f}">'
                    f"{escape(y_text(value))}</text>"
                )
        if x_text:
            for value in ticks(*self._x, 6) if x_ticks is None else x_ticks:
                axes.append(
                    f'<text class="tick mid" x="{self.px(value):.1f}" y="{self._bottom + 16}">'
                    f"{escape(x_text(value))}</text>"
                )
        title = f'<text class="title" x="{self._left}" y="12">{escape(self._title)}</text>'
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img"'
            f' aria-label="{escape(self._title)}">{"".join(axes)}{"".join(self._marks)}'
            f"{title if self._title else ''}</svg>"
        )


def _opened(ends: tuple[float, float]) -> tuple[float, float]:
    """Two ends that differ, so that nothing is divided by zero."""
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def spark(values: Numbers, kind: str = "a", width: int = 110, height: int = 26) -> str:
    """A line without axes, for a table cell."""
    y = np.asarray(values, float)
    known = y[np.isfinite(y)]
    if known.size < 2:
        return ""
    chart = Chart(
        (0, y.size - 1), (known.min(), known.max()), width=width, height=height, left=2, bottom=3
    )
    return chart.line(np.arange(y.size), y, kind).svg(x_text=None, y_text=None)


def heatmap(values: np.ndarray[Any, Any], low: float, high: float) -> str:
    """A matrix as a picture, blue below the middle of the scale and red above, one pixel a cell."""
    scaled = np.clip((np.nan_to_num(values) - low) / (high - low), 0, 1)
    away = np.abs(2 * scaled - 1)[..., None]
    cold, hot, paper = np.array([36, 99, 180]), np.array([196, 58, 49]), np.array([250, 249, 246])
    colour = np.where(scaled[..., None] < 0.5, cold, hot)
    pixels = (paper + (colour - paper) * away).round().astype(np.uint8)
    return f"data:image/png;base64,{base64.b64encode(_png(pixels)).decode()}"


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """8-bit RGB pixels (H, W, 3) as a PNG file (W3C PNG, section 5)."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return len(body).to_bytes(4) + kind + body + check.to_bytes(4)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )
