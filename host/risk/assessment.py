"""A table of daily prices assessed: risk of the equal-weight portfolio, and whether VaR held."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tapeout.device import Device, choose_device
from tapeout.errors import DataError
from tapeout.kernels.returns import simple_returns
from tapeout.prices.panel import Prices
from tapeout.progress import Progress
from tapeout.risk.backtest import Backtest, backtest, check_window, streaks
from tapeout.risk.covariance import Floats
from tapeout.risk.var import VarReport, value_at_risk

FEWEST_DAYS = 20
JUMP = 0.5  # a daily return beyond this is more often a fault of the vendor than of the market


class Jump(NamedTuple):
    """A daily return too large to be believed unseen."""

    symbol: str
    day: str
    value: float


@dataclass(frozen=True)
class Assessment:
    """What a price table says about risk.

    Parameters
    ----------
    prices : Prices
        What was read, and what was done to it.
    symbols : list of str
        The N names of the portfolio: those with a return on each of the last `window` days.
    returns : (W, N) float64
        Simple daily returns of these names.
    risk : VarReport
        Over the next day.
    jumps : list of Jump
        Every daily return beyond 50 %, over the whole table; they are kept.
    notes : list of str
        Which names were left out and why, and what could not be done.
    backtest : Backtest, optional
        None where the table is too short for one, or has too many gaps.
    """

    prices: Prices
    symbols: list[str]
    returns: Floats
    risk: VarReport
    jumps: list[Jump]
    notes: list[str] = field(default_factory=list)
    backtest: Backtest | None = None


def assess(
    prices: Prices,
    *,
    window: int = 500,
    level: float = 0.99,
    paths: int = 1_000_000,
    seed: int = 1,
    on: Device | None = None,
    progress: Progress | None = None,
) -> Assessment:
    """Risk of holding every name in equal weight, from daily prices.

    Parameters
    ----------
    prices : Prices
        T days of N names.
    window : int
        Days of returns each estimate is made from, at least 2; fewer if the table is shorter.
    level : float
        Confidence level that is backtested.
    paths, seed, on, progress
        See `value_at_risk`.

    Raises
    ------
    DataError
        If there are fewer than 21 days, no name is known on all days of the window, or none of
        those moves.
    """
    on = on or choose_device()
    symbols, returns, notes = window_returns(prices, window)
    everything = simple_returns(prices.values)
    risk = value_at_risk(returns, paths=paths, seed=seed, on=on, progress=progress)
    tested, gaps = None, _too_few(everything, window)
    if gaps:
        notes.append(f"no backtest: {gaps}")
    else:
        tested = backtest(everything, level=level, window=window, progress=progress)
    return Assessment(prices, symbols, returns, risk, _jumps(prices, everything), notes, tested)


def _too_few(returns: Floats, window: int) -> str:
    """Why no day can be backtested; empty where one can."""
    if returns.shape[0] <= window:
        return f"{returns.shape[0]:,} returns, more than {window:,} needed"
    longest = streaks(np.isfinite(returns)).max()
    if longest <= window:
        return f"no name has more than {window:,} returns in a row; the most are {longest:,}"
    return ""


def window_returns(prices: Prices, window: int) -> tuple[list[str], Floats, list[str]]:
    """Simple returns of the last `window` days, of the names known on all of them.

    Returns
    -------
    symbols : list of str
        N names.
    returns : (W, N) float64
        W is `window`, or fewer if the table is shorter.
    notes : list of str
        Which names were left out, and why.

    Raises
    ------
    DataError
        "window must be at least 2 days; got 0"
        "risk needs more than 20 days of prices; got 5"
        "no name has a price on each of the last 501 days"
        "prices must move; every name with a price on each of the last 501 days is constant"
    """
    check_window(window)
    if prices.values.shape[0] <= FEWEST_DAYS:
        raise DataError(
            f"risk needs more than {FEWEST_DAYS} days of prices; got {prices.values.shape[0]}"
        )
    recent = simple_returns(prices.values)[-window:]
    chosen, notes = _chosen(prices.symbols, recent)
    return [prices.symbols[at] for at in chosen], np.ascontiguousarray(recent[:, chosen]), notes


def _chosen(symbols: list[str], recent: Floats) -> tuple[np.ndarray, list[str]]:
    """Columns that are known throughout and move, and what is said of the others."""
    known = np.isfinite(recent).all(axis=0)
    moved = known & (np.nan_to_num(np.abs(recent)).sum(axis=0) > 0)
    notes = []
    for out, why in (
        (~known, "a price is missing in the window"),
        (known & ~moved, "it is constant"),
    ):
        names = [symbols[at] for at in np.flatnonzero(out)]
        if names:
            listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            notes.append(f"{len(names)} of {len(symbols)} names left out ({listed}): {why}")
    if not moved.any():
        days = f"a price on each of the last {recent.shape[0] + 1:,} days"
        if known.any():
            raise DataError(f"prices must move; every name with {days} is constant")
        raise DataError(f"no name has {days}")
    return np.flatnonzero(moved), notes


def _jumps(prices: Prices, returns: Floats) -> list[Jump]:
    """Returns beyond `JUMP`, in time order."""
    with np.errstate(invalid="ignore"):
        places = np.argwhere(np.abs(returns) > JUMP)
    return [
        Jump(prices.symbols[at], str(prices.dates[row + 1]), float(returns[row, at]))
        for row, at in places
    ]
