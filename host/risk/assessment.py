"""A table of daily prices assessed: risk of the equal-weight portfolio, and whether VaR held."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tapeout.device import Device, choose_device
from tapeout.errors import DataError
from tapeout.kernels.returns import simple_returns
from tapeout.market.prices import Prices
from tapeout.progress import Progress
from tapeout.risk.backtest import Backtest, backtest
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
        None where the table is too short for one.
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
        Days of returns each estimate is made from; fewer if the table is shorter.
    level : float
        Confidence level that is backtested.
    paths, seed, on, progress
        See `value_at_risk`.

    Raises
    ------
    DataError
        If there are fewer than 21 days, or no name is known on all days of the window.
    """
    on = on or choose_device()
    symbols, returns, notes = window_returns(prices, window)
    everything = simple_returns(prices.values)
    risk = value_at_risk(returns, paths=paths, seed=seed, on=on, progress=progress)
    tested = None
    if everything.shape[0] > window:
        tested = backtest(everything, level=level, window=window, progress=progress)
    else:
        notes.append(f"no backtest: {everything.shape[0]:,} returns, more than {window:,} needed")
    return Assessment(prices, symbols, returns, risk, _jumps(prices, everything), notes, tested)


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
        "risk needs more than 20 days of prices; got 5", or if no name is left.
    """
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
        raise DataError(f"no name has a price on each of the last {recent.shape[0] + 1:,} days")
    return np.flatnonzero(moved), notes


def _jumps(prices: Prices, returns: Floats) -> list[Jump]:
    """Returns beyond `JUMP`, in time order."""
    with np.errstate(invalid="ignore"):
        places = np.argwhere(np.abs(returns) > JUMP)
    return [
        Jump(prices.symbols[at], str(prices.dates[row + 1]), float(returns[row, at]))
        for row, at in places
    ]
