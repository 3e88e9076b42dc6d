"""Trades gathered into bars of equal activity: so many trades, lots or dollars, or an imbalance.

M. Lopez de Prado, "Advances in Financial Machine Learning" (2018), sections 2.3.1 and 2.3.2.1-2.
Every instrument has its own clock. A trade is never split: a bar ends with the trade that fills it.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.book.layout import Kind
from tapeout.kernels._jit import jit, jit_inner
from tapeout.kernels.book.replay import ASK, BID
from tapeout.kernels.tape.record import Events, Ints

#: One bar; prices in ticks, sizes in lots, notional in ticks times lots. `full` is 0 of the last
#: one, which the end of the day cut short.
TRADE_BAR_DTYPE = np.dtype(
    [
        ("start_ns", "<i8"),  # its first trade
        ("end_ns", "<i8"),  # its last
        ("open", "<i8"),
        ("high", "<i8"),
        ("low", "<i8"),
        ("close", "<i8"),
        ("volume", "<i8"),
        ("notional", "<i8"),
        ("trades", "<i8"),
        ("buy_lots", "<i8"),
        ("sell_lots", "<i8"),
        ("instrument", "<i4"),
        ("full", "<i4"),
    ]
)
TradeBars = np.ndarray[Any, np.dtype[np.void]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
WIDEST = 10.0  # an expected bar stays within so many times its first size, and its inverse


class Measure(IntEnum):
    """What fills a bar."""

    TRADES = 0
    VOLUME = 1
    DOLLARS = 2  # ticks times lots


_VOLUME, _DOLLARS = int(Measure.VOLUME), int(Measure.DOLLARS)

#: Words of `Clocks.state`: last sign and price; of `Clocks.hopes`: imbalance so far, expected
#: trades of a bar, expected imbalance of a trade (NaN until the first bar is full).
SIGN, LAST = range(2)
THETA, LENGTH, LEAN = range(3)


class Clocks(NamedTuple):
    """The bar under way of each instrument: (N,) TRADE_BAR_DTYPE, (N, 2) int64, (N, 3) float64."""

    bars: TradeBars
    state: Ints
    hopes: Floats


def clocks(instruments: int, size: float) -> Clocks:
    """No trade yet."""
    hopes = np.full((instruments, 3), np.nan)
    hopes[:, THETA], hopes[:, LENGTH] = 0.0, size
    bars = np.zeros(instruments, TRADE_BAR_DTYPE)
    return Clocks(bars, np.zeros((instruments, 2), np.int64), hopes)


@jit_inner
def _sign(event: Any, state: Ints, n: int) -> int:
    """1 where the taker bought, -1 where it sold; by the tick rule where the tape does not tell.

    It tells of executions of displayed orders. The rule: up if the price rose since the last
    trade, down if it fell, else as the last one; 0 before the first known.
    """
    sign, price = state[n, SIGN], event.trade_ticks
    if event.kind == Kind.EXECUTE and event.side != 0:
        sign = 1 if event.side == ASK else -1
    elif state[n, LAST] > 0 and price != state[n, LAST]:
        sign = 1 if price > state[n, LAST] else -1
    state[n, SIGN], state[n, LAST] = sign, price
    return sign


@jit_inner
def _extend(bar: Any, event: Any) -> None:
    """Put one trade into a bar."""
    price, lots = event.trade_ticks, event.lots
    if bar.trades == 0:
        bar.start_ns = event.exchange_ns
        bar.open = bar.high = bar.low = price
    bar.end_ns, bar.close = event.exchange_ns, price
    bar.high, bar.low = max(bar.high, price), min(bar.low, price)
    bar.volume += lots
    bar.notional += price * lots
    bar.trades += 1
    if event.kind == Kind.EXECUTE and event.side == ASK:
        bar.buy_lots += lots
    elif event.kind == Kind.EXECUTE and event.side == BID:
        bar.sell_lots += lots


@jit_inner
def _leans(bar: Any, hopes: Floats, n: int, size: float, alpha: float) -> bool:
    """Whether the imbalance is beyond what was expected; then what is expected next is learnt.

    The bar ends when |theta| >= E[T] |E[b v]|; both expectations are EWMAs over the bars before,
    of their trades and of their mean imbalance a trade. The first bar has `size` trades.
    """
    theta, length, lean = hopes[n, THETA], hopes[n, LENGTH], hopes[n, LEAN]
    if np.isnan(lean):
        if bar.trades < size:
            return False
        hopes[n, LEAN] = theta / bar.trades
    else:
        if abs(theta) < length * abs(lean):
            return False
        length += alpha * (bar.trades - length)
        hopes[n, LENGTH] = min(max(length, size / WIDEST), size * WIDEST)
        hopes[n, LEAN] = lean + alpha * (theta / bar.trades - lean)
    hopes[n, THETA] = 0.0
    return True


@jit
def add_trades(
    events: Events,
    column: Ints,
    start_ns: int,
    end_ns: int,
    measure: int,
    imbalance: bool,
    size: float,
    alpha: float,
    bars: TradeBars,
    state: Ints,
    hopes: Floats,
    out: TradeBars,
) -> int:
    """Put the printed trades from `start_ns` until before `end_ns` into the bars under way.

    `column` (65536,) tells each locate's place in N. Bars that are full go to `out`, which has room
    for one an event; returns how many.
    """
    rows = 0
    for index in range(events.size):
        event = events[index]
        trade = event.kind == Kind.EXECUTE or event.kind == Kind.TRADE or event.kind == Kind.CROSS
        inside = start_ns <= event.exchange_ns < end_ns
        if not trade or event.printable == 0 or event.lots == 0 or not inside:
            continue
        n = column[event.instrument]
        bar, sign = bars[n], _sign(event, state, n)
        _extend(bar, event)
        weight = event.trade_ticks * event.lots if measure == _DOLLARS else 1
        if measure == _VOLUME:
            weight = event.lots
        if imbalance:
            hopes[n, THETA] += float(sign * weight)
            full = _leans(bar, hopes, n, size, alpha)
        else:
            reached = bar.notional if measure == _DOLLARS else bar.trades
            full = (bar.volume if measure == _VOLUME else reached) >= size
        if full:
            bar.instrument, bar.full = event.instrument, 1
            out[rows] = bar
            rows += 1
            bar.trades = bar.volume = bar.notional = bar.buy_lots = bar.sell_lots = 0
    return rows
