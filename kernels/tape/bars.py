"""Trades and best quotes gathered into bars of equal time."""

from enum import IntEnum
from typing import Any

import numpy as np

from tapeout.hdl.book.layout import Kind
from tapeout.kernels._jit import jit
from tapeout.kernels.book.replay import ASK, BID
from tapeout.kernels.tape.record import Events, Ints, Quotes

UNTOUCHED = -1


class Bar(IntEnum):
    """What a bar holds, in ticks and lots; the quote is the one that stood at its end."""

    OPEN = 0
    HIGH = 1
    LOW = 2
    CLOSE = 3
    VOLUME = 4
    NOTIONAL = 5  # ticks times lots
    TRADES = 6
    BUY_LOTS = 7  # trades in which a resting offer was taken
    SELL_LOTS = 8
    FLOW_LOTS = 9  # order flow imbalance
    BID = 10
    BID_LOTS = 11
    ASK = 12
    ASK_LOTS = 13


#: The same as plain integers: some versions of Numba do not index by an enumeration.
(
    _OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _NOTIONAL, _TRADES, _BUY_LOTS, _SELL_LOTS, _FLOW_LOTS,
    _BID, _BID_LOTS, _ASK, _ASK_LOTS,
) = map(int, Bar)  # fmt: skip


@jit
def _row(time_ns: int, start_ns: int, every_ns: int, rows: int) -> int:
    """The bar a time falls into; -1 before the first, `rows` behind the last."""
    if time_ns < start_ns:
        return -1
    return min((time_ns - start_ns) // every_ns, rows)


@jit
def add_trades(events: Events, column: Ints, start_ns: int, every_ns: int, bars: Ints) -> int:
    """Put the printed trades among `events` into `bars` (T, N, F); the number put.

    `column` (65536,) tells each locate's place in N. A trade's price is its own, not its level's.
    """
    put = 0
    for index in range(events.size):
        event = events[index]
        trade = event.kind == Kind.EXECUTE or event.kind == Kind.TRADE or event.kind == Kind.CROSS
        row = _row(event.exchange_ns, start_ns, every_ns, bars.shape[0])
        if not trade or event.printable == 0 or event.lots == 0 or not 0 <= row < bars.shape[0]:
            continue
        n, price, lots = column[event.instrument], event.trade_ticks, event.lots
        if bars[row, n, _TRADES] == 0:
            bars[row, n, _OPEN] = bars[row, n, _HIGH] = bars[row, n, _LOW] = price
        bars[row, n, _HIGH] = max(bars[row, n, _HIGH], price)
        bars[row, n, _LOW] = min(bars[row, n, _LOW], price)
        bars[row, n, _CLOSE] = price
        bars[row, n, _VOLUME] += lots
        bars[row, n, _NOTIONAL] += price * lots
        bars[row, n, _TRADES] += 1
        if event.kind == Kind.EXECUTE and event.side == ASK:
            bars[row, n, _BUY_LOTS] += lots
        elif event.kind == Kind.EXECUTE and event.side == BID:
            bars[row, n, _SELL_LOTS] += lots
        put += 1
    return put


@jit
def _flow(last: Any, quote: Any) -> int:
    """Order flow imbalance of one quote change: lots that came to the bid or left the offer.

    R. Cont, A. Kukanov and S. Stoikov, "The price impact of order book events", Journal of
    Financial Econometrics 12 (2014), 47-88. An empty side has no lots to count.
    """
    flow = 0
    if last[1] == 0 or quote.bid_ticks >= last[0]:
        flow += quote.bid_lots
    if quote.bid_lots == 0 or quote.bid_ticks <= last[0]:
        flow -= last[1]
    if last[3] == 0 or quote.ask_ticks <= last[2]:
        flow -= quote.ask_lots
    if quote.ask_lots == 0 or quote.ask_ticks >= last[2]:
        flow += last[3]
    return flow


@jit
def add_quotes(
    quotes: Quotes, column: Ints, start_ns: int, every_ns: int, bars: Ints, last: Ints, before: Ints
) -> None:
    """Put best quotes into `bars` (T, N, F).

    `last` (N, 4) is the newest quote of each instrument, carried from block to block; `before`
    (N, 4) receives the one that stood when the first bar began.
    """
    for index in range(quotes.size):
        quote = quotes[index]
        n = column[quote.instrument]
        row = _row(quote.exchange_ns, start_ns, every_ns, bars.shape[0])
        if 0 <= row < bars.shape[0]:
            bars[row, n, _FLOW_LOTS] += _flow(last[n], quote)
            bars[row, n, _BID], bars[row, n, _BID_LOTS] = quote.bid_ticks, quote.bid_lots
            bars[row, n, _ASK], bars[row, n, _ASK_LOTS] = quote.ask_ticks, quote.ask_lots
        last[n, 0], last[n, 1] = quote.bid_ticks, quote.bid_lots
        last[n, 2], last[n, 3] = quote.ask_ticks, quote.ask_lots
        if row < 0:
            for word in range(4):
                before[n, word] = last[n, word]


def filled(bars: Ints, before: Ints) -> Ints:
    """The same bars; one in which no quote changed has the quote of the bar before it."""
    quote = np.concatenate([before[None], bars[..., Bar.BID : Bar.ASK_LOTS + 1]])
    rows = np.arange(len(quote))[:, None]
    newest = np.maximum.accumulate(np.where(quote[..., 0] == UNTOUCHED, 0, rows), axis=0)
    out = bars.copy()
    out[..., Bar.BID : Bar.ASK_LOTS + 1] = np.take_along_axis(quote, newest[..., None], axis=0)[1:]
    return out
