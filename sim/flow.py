"""Order flow: traders who know the fair value roughly, and market makers around it.

Zero intelligence in the sense of Gode and Sunder (1993): what comes is drawn from a fixed mix, only
the price leans on the instrument's fair value. Of 100 messages that come out, about 40 add, 34
delete, 18 replace, 6 execute, 1 cancels in part and 1 is a trade against a hidden order.
"""

from typing import Any, NamedTuple

import numpy as np

from tapeout.kernels._jit import jit_inner
from tapeout.kernels.tape.record import Ints, Records
from tapeout.sim.draws import Words
from tapeout.sim.exchange.matching import (
    ASK,
    BEST_EMPTY,
    BID,
    HEAD,
    NEXT_MATCH,
    NONE,
    SHARES,
    Exchange,
    cancel,
    crosses,
    emit,
    enter,
    is_full,
    is_owned,
    match,
    newest,
    price_of,
    replace,
)

MOST_FILLS = 8  # resting orders one incoming order may meet
MOST_ROWS = MOST_FILLS + 1  # messages one event may cause
FEWEST, FARTHEST = 24, 1 << 62
#: Upper ends of the ranges of a 10-bit draw: add, delete, replace, cancel, take, hidden trade.
ADDS, DELETES, REPLACES, CANCELS, TAKES = 430, 845, 965, 985, 1010
ALERT = np.uint64(3 << 20)  # three events of four look for stale quotes first
GROWTH = np.uint64(1 << 11)  # below its target, every other delete adds instead
ROUND_LOT = 100
MILLICENTS = 1_000


class Day(NamedTuple):
    """What drives the flow of N instruments.

    `fair` (S, N) is the fair value in 1/1,000 cent at each second from `open_ns`; `far` (1024,)
    are distances from it in levels, drawn evenly; `half_spread` (N,) levels; `target` (N,) is how
    many orders an instrument likes to have; `quote` (T, N, 4) receives bid level, bid shares, ask
    level and ask shares at the end of every bar of `bar_ns`.
    """

    fair: Ints
    far: Ints
    half_spread: Ints
    target: Ints
    quote: Ints
    open_ns: int
    bar_ns: int


@jit_inner
def order_size(draw: Any) -> int:
    """A round lot for half of the orders, an odd lot for a quarter, several for the rest."""
    kind = draw & np.uint64(3)
    if kind < 2:
        return ROUND_LOT
    if kind == 2:
        return 1 + np.int64(draw >> np.uint64(2)) % (ROUND_LOT - 1)
    return ROUND_LOT * (2 + np.int64(draw >> np.uint64(2)) % 9)


@jit_inner
def _level(books: Exchange, day: Day, n: int, side: int, fair: int, draw: Any) -> int:
    """Where a patient order goes: behind the fair value, by a distance with a long tail."""
    away = day.half_spread[n] + day.far[np.int64(draw & np.uint64(1023))]
    level = fair - away if side == BID else fair + away
    return min(max(level, 0), books.levels.shape[2] - 1)


@jit_inner
def _pick(books: Exchange, n: int, draw: Any) -> int:
    """An order of the instrument: mostly one of its newest, sometimes any."""
    live = books.count[n]
    draw_place = np.int64(draw >> np.uint64(8))
    among = min(live, 16) if draw & np.uint64(7) else live
    return newest(books, n, draw_place % among)


@jit_inner
def _hidden(books: Exchange, n: int, draw: Any, now_ns: int, out: Records, row: int) -> int:
    """A trade against an order that was never displayed, at the best bid or offer."""
    best = books.best[n, np.int64(draw & np.uint64(1))]
    if best == BEST_EMPTY[BID] or best == BEST_EMPTY[ASK]:
        return row
    price, number = price_of(books, n, best), books.numbers[NEXT_MATCH]
    emit(
        out[row],
        ord("P"),
        now_ns,
        n,
        0,
        number,
        order_size(draw >> np.uint64(9)),
        price,
        ord("B"),
        0,
    )
    books.numbers[NEXT_MATCH] += 1
    return row + 1


@jit_inner
def _mispriced(books: Exchange, day: Day, n: int, fair: int) -> int:
    """The side whose best price the fair value has left behind, or NONE."""
    if books.best[n, ASK] < fair - day.half_spread[n]:
        return ASK
    if books.best[n, BID] > fair + day.half_spread[n]:
        return BID
    return NONE


@jit_inner
def _correct(
    books: Exchange,
    day: Day,
    n: int,
    side: int,
    fair: int,
    now_ns: int,
    draw: Any,
    out: Records,
    row: int,
) -> int:
    """A stale quote is taken by who knows better, or its maker moves it first.

    One of an order that is not the crowd's to move is taken.
    """
    kind = draw & np.uint64(15)
    order = np.int64(books.levels[n, side, books.best[n, side], HEAD])
    if kind == 0 or is_owned(books, order):
        limit = fair - 1 if side == ASK else fair + 1
        shares = order_size(draw >> np.uint64(4))
        return match(books, n, 1 - side, limit, shares, now_ns, MOST_FILLS, out, row)[1]
    level = _level(books, day, n, side, fair, draw >> np.uint64(24))
    if kind < 10 or crosses(books, n, side, level):
        return cancel(books, order, FARTHEST, now_ns, out, row)
    return replace(books, order, level, order_size(draw >> np.uint64(34)), now_ns, out, row)


@jit_inner
def _event(
    books: Exchange,
    day: Day,
    n: int,
    fair: int,
    now_ns: int,
    action: Any,
    draw: Any,
    out: Records,
    row: int,
) -> int:
    """One trader's act, by the mix. Returns the next row."""
    kind, side = action & np.uint64(1023), np.int64(action >> np.uint64(10) & np.uint64(1))
    live = books.count[n]
    grows = action & GROWTH != 0
    bare = ASK if books.best[n, ASK] == BEST_EMPTY[ASK] else BID
    if books.best[n, bare] == BEST_EMPTY[bare]:
        kind, side = np.uint64(0), bare
    elif live < FEWEST or (live < day.target[n] and ADDS <= kind < DELETES and grows):
        kind = np.uint64(0)
    elif is_full(books, n) and kind < ADDS:
        kind = np.uint64(ADDS)
    if kind < ADDS:
        level = _level(books, day, n, side, fair, draw)
        if crosses(books, n, side, level) and draw >> np.uint64(58) != 0:  # nearly all are patient
            level = books.best[n, 1 - side] + (-1 if side == BID else 1)
            level = min(max(level, 0), books.levels.shape[2] - 1)
        shares = order_size(draw >> np.uint64(10))
        return enter(books, n, side, level, shares, now_ns, MOST_FILLS, out, row)
    order = _pick(books, n, draw)
    if kind < CANCELS and is_owned(books, order):
        return row
    if kind < DELETES:
        return cancel(books, order, FARTHEST, now_ns, out, row)
    if kind < REPLACES:
        side = np.int64(books.orders[order].side)
        level = _level(books, day, n, side, fair, draw >> np.uint64(24))
        if crosses(books, n, side, level):
            return cancel(books, order, FARTHEST, now_ns, out, row)
        return replace(books, order, level, order_size(draw >> np.uint64(34)), now_ns, out, row)
    if kind < CANCELS:
        return cancel(books, order, books.orders[order].shares // 2 + 1, now_ns, out, row)
    if kind < TAKES:
        limit = books.levels.shape[2] - 1 if side == BID else 0
        return match(books, n, side, limit, order_size(draw), now_ns, 2, out, row)[1]
    return _hidden(books, n, draw, now_ns, out, row)


@jit_inner
def flow(
    books: Exchange, day: Day, times_ns: Ints, instruments: Ints, draws: Words, out: Records
) -> tuple[int, int]:
    """Play one event at each of `times_ns` (E,), for `instruments` (E,), driven by `draws` (E, 2).

    Returns how many events were played and how many records stand in `out`; it stops early where
    `out` might not hold what the next event causes.
    """
    row = 0
    for event in range(times_ns.size):
        if row + MOST_ROWS + MOST_FILLS > out.size:
            return event, row
        now_ns, n = times_ns[event], instruments[event]
        second = min(max((now_ns - day.open_ns) // 1_000_000_000, 0), day.fair.shape[0] - 1)
        fair = day.fair[second, n] // MILLICENTS - books.floor[n]
        action, draw = draws[event, 0], draws[event, 1]
        stale = _mispriced(books, day, n, fair) if action & ALERT else NONE
        if stale != NONE:
            row = _correct(books, day, n, stale, fair, now_ns, draw, out, row)
        else:
            row = _event(books, day, n, fair, now_ns, action, draw, out, row)
        bar = min(max((now_ns - day.open_ns) // day.bar_ns, 0), day.quote.shape[0] - 1)
        for side in range(2):
            best = books.best[n, side]
            empty = best == BEST_EMPTY[side]
            day.quote[bar, n, 2 * side] = 0 if empty else price_of(books, n, best)
            shares = 0 if empty else books.levels[n, side, best, SHARES]
            day.quote[bar, n, 2 * side + 1] = shares
    return times_ns.size, row
