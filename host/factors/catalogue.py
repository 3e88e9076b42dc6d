"""The first twelve factors over bars: formula, source, how far each looks back."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tapeout.device import Device, choose_device
from tapeout.errors import DataError
from tapeout.factors.panel import Panel
from tapeout.kernels._kernel import Array, array_namespace
from tapeout.kernels.returns import log_returns
from tapeout.kernels.rolling import rolling_covariance, rolling_mean, rolling_std, rolling_sum
from tapeout.kernels.tape.bars import Bar
from tapeout.market.bars import Bars
from tapeout.units import TICKS_PER_DOLLAR


class Inputs(NamedTuple):
    """What factors are made of, each (T, N) float64 on the device; prices in dollars."""

    mid: Array
    returns: Array  # log, of the mid; NaN in the first row
    market: Array  # mean of the bar's known returns, in every column; NaN where none is known
    bid: Array
    ask: Array
    bid_lots: Array
    ask_lots: Array
    volume: Array  # lots
    notional: Array  # dollars
    buy_lots: Array
    sell_lots: Array
    flow_lots: Array


class Factor(NamedTuple):
    """A named formula; `lookback` bars before the present one are part of it."""

    name: str
    formula: str
    source: str
    lookback: int
    evaluate: Callable[[Inputs], Array]


def _positive(values: Array) -> Array:
    """NaN instead of what nothing should be divided by."""
    xp = array_namespace(values)
    return xp.where(values > 0, values, xp.nan)


def _ago(values: Array, bars: int) -> Array:
    """The row `bars` before; NaN where there is none."""
    xp = array_namespace(values)
    bars = min(bars, values.shape[0])
    top = xp.full((bars, values.shape[1]), xp.nan)
    return xp.concatenate([top, values[: values.shape[0] - bars]])


def _reversal(x: Inputs) -> Array:
    return -x.returns


def _momentum(x: Inputs) -> Array:
    return array_namespace(x.mid).log(x.mid / _ago(x.mid, 20))


def _volatility(x: Inputs) -> Array:
    return rolling_std(x.returns, window=20)


def _beta(x: Inputs) -> Array:
    variance = rolling_covariance(x.market, x.market, window=60)
    return rolling_covariance(x.returns, x.market, window=60) / _positive(variance)


def _illiquidity(x: Inputs) -> Array:
    moved = rolling_sum(abs(x.returns), window=20)
    return moved / _positive(rolling_sum(x.notional, window=20))


def _volume_surprise(x: Inputs) -> Array:
    xp = array_namespace(x.volume)
    return xp.log((1 + x.volume) / (1 + rolling_mean(x.volume, window=60)))


def _vwap_gap(x: Inputs) -> Array:
    paid = rolling_sum(x.notional, window=20) / _positive(rolling_sum(x.volume, window=20))
    return x.mid / _positive(paid) - 1


def _signed_volume(x: Inputs) -> Array:
    net = rolling_sum(x.buy_lots - x.sell_lots, window=20)
    return net / _positive(rolling_sum(x.buy_lots + x.sell_lots, window=20))


def _order_flow(x: Inputs) -> Array:
    depth = rolling_mean((x.bid_lots + x.ask_lots) / 2, window=20)
    return rolling_sum(x.flow_lots, window=20) / _positive(depth)


def _imbalance(x: Inputs) -> Array:
    return (x.bid_lots - x.ask_lots) / _positive(x.bid_lots + x.ask_lots)


def _spread(x: Inputs) -> Array:
    return rolling_mean((x.ask - x.bid) / x.mid, window=20)


def _microprice_gap(x: Inputs) -> Array:
    lots = _positive(x.bid_lots + x.ask_lots)
    return (x.bid * x.ask_lots + x.ask * x.bid_lots) / lots / x.mid - 1


CATALOGUE = (
    Factor("reversal_1", "-r", "Jegadeesh (1990)", 1, _reversal),
    Factor("momentum_20", "log(mid / mid 20 bars ago)", "Jegadeesh & Titman (1993)", 20, _momentum),
    Factor("volatility_20", "std(r, 20)", "sample standard deviation", 20, _volatility),
    Factor("beta_60", "cov(r, market, 60) / var(market, 60)", "Sharpe (1964)", 60, _beta),
    Factor("illiquidity_20", "sum(|r|, 20) / sum(dollars, 20)", "Amihud (2002)", 20, _illiquidity),
    Factor(
        "volume_surprise_60",
        "log((1 + V) / (1 + mean(V, 60)))",
        "Gervais, Kaniel & Mingelgrin (2001)",
        60,
        _volume_surprise,
    ),
    Factor("vwap_gap_20", "mid / VWAP(20) - 1", "Berkowitz, Logue & Noser (1988)", 20, _vwap_gap),
    Factor(
        "signed_volume_20",
        "sum(B - S, 20) / sum(B + S, 20)",
        "Chordia & Subrahmanyam (2004)",
        20,
        _signed_volume,
    ),
    Factor(
        "order_flow_20",
        "sum(OFI, 20) / mean(depth, 20)",
        "Cont, Kukanov & Stoikov (2014)",
        20,
        _order_flow,
    ),
    Factor("book_imbalance", "(b - a) / (b + a)", "Cao, Hansch & Wang (2009)", 0, _imbalance),
    Factor("spread_20", "mean((ask - bid) / mid, 20)", "Amihud & Mendelson (1986)", 20, _spread),
    Factor("microprice_gap", "microprice / mid - 1", "Gatheral & Oomen (2010)", 0, _microprice_gap),
)

LOOKBACK = max(factor.lookback for factor in CATALOGUE)


def inputs(bars: Bars, on: Device) -> Inputs:
    """Place what the factors need on a device."""
    mid = on.put(bars.mid)
    xp = array_namespace(mid)
    returns = xp.concatenate([xp.full((1, mid.shape[1]), xp.nan), log_returns(mid)])
    known = ~xp.isnan(returns)
    count = known.sum(axis=1, keepdims=True)
    total = xp.where(known, returns, 0).sum(axis=1, keepdims=True)
    market = total / xp.where(count > 0, count, xp.nan)

    def placed(field: Bar, unit: float = 1.0) -> Any:
        return on.put(bars[field] / unit)

    return Inputs(
        mid,
        returns,
        market + xp.zeros_like(returns),
        placed(Bar.BID, TICKS_PER_DOLLAR),
        placed(Bar.ASK, TICKS_PER_DOLLAR),
        placed(Bar.BID_LOTS),
        placed(Bar.ASK_LOTS),
        placed(Bar.VOLUME),
        placed(Bar.NOTIONAL, TICKS_PER_DOLLAR),
        placed(Bar.BUY_LOTS),
        placed(Bar.SELL_LOTS),
        placed(Bar.FLOW_LOTS),
    )


def factor_panel(bars: Bars, *, on: Device | None = None) -> Panel:
    """Evaluate the catalogue over bars.

    Parameters
    ----------
    bars : Bars
        T bars of N instruments.
    on : Device, optional
        Where to compute; `choose_device()` if not given.

    Returns
    -------
    Panel
        (K, T, N) with K = 12. A value is NaN where its lookback reaches before the first bar, or
        over a bar in which a side of the book was empty.

    Raises
    ------
    DataError
        "factors need at least 2 bars; got 1"
    """
    if bars.shape[0] < 2:
        raise DataError(f"factors need at least 2 bars; got {bars.shape[0]}")
    on = on or choose_device()
    given = inputs(bars, on)
    values = np.stack([on.get(factor.evaluate(given)) for factor in CATALOGUE])
    return Panel([factor.name for factor in CATALOGUE], bars.time_ns, bars.symbols, values)
