"""Nanoseconds, ticks and lots: the integers everything before a return is counted in."""

import re

from tapeout.errors import DataError

NS_PER_SECOND = 1_000_000_000
TICKS_PER_DOLLAR = 10_000  # the ITCH price unit, Price(4)

_SPANS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": NS_PER_SECOND,
    "min": 60 * NS_PER_SECOND,
    "h": 3_600 * NS_PER_SECOND,
}


def span_ns(text: str | int) -> int:
    """A stretch of time in nanoseconds, from nanoseconds or from text such as "1min" or "250ms".

    >>> span_ns("1min")
    60000000000
    """
    if isinstance(text, int):
        number, unit = text, "ns"
    else:
        match = re.fullmatch(r"(\d+) ?(ns|us|ms|s|min|h)", text.strip())
        if not match:
            raise DataError(f"span must be like 1min, 30s or 250ms; got {text!r}")
        number, unit = int(match[1]), match[2]
    if number <= 0:
        raise DataError(f"span must be longer than 0; got {text!r}")
    return number * _SPANS[unit]


def dollars(ticks: float) -> str:
    """A price in dollars, with as many decimals as it needs, two at least.

    >>> dollars(5853300), dollars(12345)
    ('585.33', '1.2345')
    """
    text = f"{ticks / TICKS_PER_DOLLAR:.4f}"
    return text[:-2] if text.endswith("00") else text


def span(ns: int) -> str:
    """A stretch of time as `span_ns` reads it, in the largest unit that fits whole.

    >>> span(60_000_000_000), span(90_000_000_000), span(250_000)
    ('1min', '90s', '250us')
    """
    unit = next(name for name in reversed(_SPANS) if ns % _SPANS[name] == 0)
    return f"{ns // _SPANS[unit]}{unit}"
