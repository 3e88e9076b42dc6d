"""Value at risk day by day over a history, each estimated from the days before it only."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from tapeout.errors import DataError
from tapeout.kernels.covariance import ledoit_wolf
from tapeout.progress import Progress, Silent
from tapeout.risk.covariance import Floats
from tapeout.risk.kupiec import Kupiec, kupiec


@dataclass(frozen=True)
class Backtest:
    """An equal-weight portfolio's daily returns against the VaR stated the evening before.

    Parameters
    ----------
    days : (D,) int64
        Rows of the returns that were tested.
    returns : (D,) float64
        Of the portfolio: the mean over the names that were known on all days of the window.
    var : (D,) float64
        Stated for that day, fraction of equity.
    names : (D,) int64
        How many names were in the portfolio.
    test : Kupiec
    level : float
    window : int
    """

    days: np.ndarray[Any, np.dtype[np.int64]]
    returns: Floats
    var: Floats
    names: np.ndarray[Any, np.dtype[np.int64]]
    test: Kupiec
    level: float
    window: int

    @property
    def exceptions(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Days on which more was lost than stated, (D,)."""
        return -self.returns > self.var


def backtest(
    returns: Any, *, level: float = 0.99, window: int = 500, progress: Progress | None = None
) -> Backtest:
    """State a Gaussian VaR with Ledoit-Wolf covariance for every day after the first `window`.

    The closed form is used, which is what the simulation of `value_at_risk` converges to. A name is
    in a day's portfolio if it has a return on that day and on all `window` days before.

    Parameters
    ----------
    returns : (T, N) float, per day
        NaN where a name has none.
    level : float
        Confidence level.
    window : int
        Days each estimate is made from, at least 2.

    Raises
    ------
    DataError
        "window must be at least 2 days; got 0"
        "level must be between 0 and 1; got 1"
        "backtest needs more than 500 days; got 300"
        "backtest needs a name with more than 500 returns in a row"
    """
    check_window(window)
    if not 0 < level < 1:
        raise DataError(f"level must be between 0 and 1; got {level}")
    values = np.asarray(returns, np.float64)
    if values.ndim != 2 or values.shape[0] <= window:
        raise DataError(f"backtest needs more than {window:,} days; got {values.shape[0]:,}")
    known = np.isfinite(values)
    streak = streaks(known)
    quantile = NormalDist().inv_cdf(level)
    advance = (progress or Silent()).stage("backtesting", values.shape[0] - window)
    rows: list[tuple[int, float, float, int]] = []
    for day in range(window, values.shape[0]):
        names = np.flatnonzero(streak[day] > window)
        advance(1)
        if names.size:
            matrix, _ = ledoit_wolf(values[day - window : day, names])
            sigma = np.sqrt(matrix.sum()) / names.size
            rows.append((day, values[day, names].mean(), quantile * sigma, names.size))
    if not rows:
        raise DataError(f"backtest needs a name with more than {window:,} returns in a row")
    days, realised, var, count = (np.array(column) for column in zip(*rows, strict=True))
    test = kupiec(int((-realised > var).sum()), days.size, level)
    return Backtest(days, realised, var, count, test, level, window)


def check_window(window: int) -> None:
    """Refuse a window that no covariance can be estimated from."""
    if window < 2:
        raise DataError(f"window must be at least 2 days; got {window:,}")


def streaks(known: np.ndarray[Any, np.dtype[np.bool_]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many days in a row each name has been known, this one included."""
    day = np.arange(1, known.shape[0] + 1)[:, None]
    last_gap = np.maximum.accumulate(np.where(known, 0, day), axis=0)
    return np.asarray(day - last_gap)
