"""Windowed statistics over time, without subtracting what leaves the window.

A running sum that adds the new and subtracts the old keeps every rounding error and every NaN it
ever met. Here a window of w bars is put together from windows of 1, 2, 4, ... bars instead: what is
older than the window cannot touch the result, and the cost is log2 w passes.
"""

from collections.abc import Callable
from typing import Any

from tapeout.kernels._kernel import Array, array_namespace, kernel

State = tuple[Array, ...]
Combine = Callable[[int, State, int, State], State]


def _later(xp: Any, values: Array, bars: int) -> Array:
    """Each row moved `bars` down; NaN comes in at the top."""
    bars = min(bars, values.shape[0])
    top = xp.full((bars, *values.shape[1:]), xp.nan, values.dtype)
    return xp.concatenate([top, values[: values.shape[0] - bars]])


def _windowed(xp: Any, state: State, window: int, combine: Combine) -> State:
    """Combine the states of `window` consecutive rows, older first.

    `combine(m, older, n, newer)` joins the state of m rows with that of the n rows after them.
    """
    if window < 1:
        raise ValueError(f"window must be at least 1 bar; got {window}")
    out: State = ()
    done, span = 0, 1
    while span <= window:
        if window & span:
            older = tuple(_later(xp, values, done) for values in state)
            out = combine(span, older, done, out) if out else older
            done += span
        earlier = tuple(_later(xp, values, span) for values in state)
        state = combine(span, earlier, span, state)
        span *= 2
    return out


def _add(m: int, older: State, n: int, newer: State) -> State:
    return (older[0] + newer[0],)


def _moments(m: int, older: State, n: int, newer: State) -> State:
    """Means of x and y and their co-moment, by the pairwise update of the reference."""
    (mx, my, moment), (nx, ny, more) = older, newer
    dx, dy = nx - mx, ny - my
    share = n / (m + n)
    return mx + dx * share, my + dy * share, moment + more + dx * dy * (m * share)


@kernel(static=("window",))
def rolling_sum(values: Array, *, window: int) -> Array:
    """Sum of the last `window` rows.

    Parameters
    ----------
    values : (T, N) float
        A NaN makes exactly the windows that hold it NaN.
    window : int, bars
        At least 1.

    Returns
    -------
    (T, N) float
        NaN in the first `window` - 1 rows.
    """
    return _windowed(array_namespace(values), (values,), window, _add)[0]


@kernel(static=("window",))
def rolling_mean(values: Array, *, window: int) -> Array:
    """Mean of the last `window` rows; see `rolling_sum`."""
    return _windowed(array_namespace(values), (values,), window, _add)[0] / window


@kernel(static=("window",))
def rolling_covariance(x: Array, y: Array, *, window: int) -> Array:
    """Sample covariance of two panels over the last `window` rows, column by column.

    Parameters
    ----------
    x, y : (T, N) float
        A NaN in either makes exactly the windows that hold it NaN.
    window : int, bars
        At least 2.

    Returns
    -------
    (T, N) float
        NaN in the first `window` - 1 rows.

    References
    ----------
    T. Chan, G. Golub and R. LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances", COMPSTAT 1982, 30-41.
    """
    if window < 2:
        raise ValueError(f"window must be at least 2 bars; got {window}")
    xp = array_namespace(x)
    start = (x, y, xp.zeros_like(x) * x * y)
    return _windowed(xp, start, window, _moments)[2] / (window - 1)


@kernel(static=("window",))
def rolling_std(values: Array, *, window: int) -> Array:
    """Sample standard deviation of the last `window` rows; see `rolling_covariance`."""
    if window < 2:
        raise ValueError(f"window must be at least 2 bars; got {window}")
    xp = array_namespace(values)
    start = (values, values, xp.zeros_like(values) * values)
    return xp.sqrt(_windowed(xp, start, window, _moments)[2] / (window - 1))
