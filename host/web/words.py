"""Numbers as people read them."""

import math


def count(number: int, noun: str) -> str:
    """So many of them: 1 book, 1,024 books."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def percent(value: float) -> str:
    """A fraction as percent, three digits."""
    return f"{100 * value:.3g}\u00a0%"


def percents(*values: float) -> list[str]:
    """Fractions as percent, all with the decimals that show the smallest to two digits."""
    smallest = min((abs(100 * value) for value in values if value), default=1.0)
    decimals = max(1 - math.floor(math.log10(smallest)), 0)
    return [f"{100 * value:.{decimals}f}\u00a0%" for value in values]


def basis_points(value: float) -> str:
    """A fraction in basis points, to a thousandth of one."""
    return f"{10_000 * value:.3f}"
