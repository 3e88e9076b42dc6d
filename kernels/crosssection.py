"""Statistics across instruments, bar by bar."""

from collections.abc import Callable
from typing import Any

from tapeout.kernels._kernel import Array, array_namespace, kernel


def _spread(xp: Any, values: Array, choose: Callable[..., Array]) -> Array:
    """Running maximum (or minimum) along a row from the left, in log2 N passes."""
    step = 1
    while step < values.shape[1]:
        moved = xp.concatenate([values[:, :step], values[:, :-step]], axis=1)
        values = choose(values, moved)
        step *= 2
    return values


@kernel()
def cross_rank(values: Array) -> Array:
    """Rank among the instruments of the same bar, as a fraction: the largest has 1.

    Parameters
    ----------
    values : (T, N) float
        NaN has no rank, and does not count.

    Returns
    -------
    (T, N) float
        Average rank of ties, divided by how many have a rank; in (0, 1], or NaN.
    """
    xp = array_namespace(values)
    order = xp.argsort(values, axis=1)  # NaN last
    ordered = xp.take_along_axis(values, order, axis=1)
    place = xp.broadcast_to(xp.arange(values.shape[1]), values.shape)
    same = xp.concatenate(
        [xp.zeros_like(ordered[:, :1], dtype=bool), ordered[:, 1:] == ordered[:, :-1]], axis=1
    )
    first = _spread(xp, xp.where(same, 0, place), xp.maximum)
    ends = xp.concatenate([~same[:, 1:], xp.ones_like(same[:, :1])], axis=1)
    last = _spread(xp, xp.where(ends, place, values.shape[1])[:, ::-1], xp.minimum)[:, ::-1]
    tied = (first + last) / 2 + 1
    back = xp.argsort(order, axis=1)
    count = (values == values).sum(axis=1, keepdims=True)
    ranked = xp.take_along_axis(tied, back, axis=1) / xp.maximum(count, 1)
    return xp.where(values == values, ranked, xp.nan)


@kernel()
def cross_zscore(values: Array) -> Array:
    """Distance from the mean of the same bar, in sample standard deviations.

    Parameters
    ----------
    values : (T, N) float, N >= 1
        NaN stays NaN and does not count.

    Returns
    -------
    (T, N) float
        NaN where fewer than two instruments have a value, all are equal, or one is infinite.
    """
    xp = array_namespace(values)
    known = values == values
    largest = xp.where(known, values, -xp.inf).max(axis=1, keepdims=True)
    smallest = xp.where(known, values, xp.inf).min(axis=1, keepdims=True)
    count = known.sum(axis=1, keepdims=True)
    mean = xp.where(known, values, 0).sum(axis=1, keepdims=True) / xp.maximum(count, 1)
    centred = xp.where(known, values - mean, 0)
    variance = (centred**2).sum(axis=1, keepdims=True) / xp.maximum(count - 1, 1)
    # The rounded mean of equal values may differ from them, so their variance may exceed zero.
    usable = known & (largest > smallest) & (variance > 0)
    return xp.where(usable, centred / xp.sqrt(xp.where(variance > 0, variance, 1)), xp.nan)
