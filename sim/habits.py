"""The crowd's habits: every act is one message, drawn from a mix that looks like a Nasdaq day's.

Zero intelligence (Gode and Sunder 1993): patient orders keep a power-law distance from the opposite
best, so books never cross; cancels mostly hit what is newest; trades take the head of the best
level. Nothing else knows a price, except that trades lean towards the middle of the price range.
"""

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
    SIDE_LETTER,
    Exchange,
    cancel,
    emit,
    enter,
    is_full,
    match,
    newest,
    price_of,
    replace,
)
from tapeout.sim.flow import FARTHEST, order_size
from tapeout.sim.listing import Names

#: In 10,000 acts: add, delete, replace, execute, cancel in part, hidden trade, imbalance.
MIX = (4_400, 3_810, 1_130, 240, 160, 120, 140)
ADDS, DELETES, REPLACES, EXECUTES, CANCELS, TRADES, _ = np.cumsum(MIX) * (1 << 16) // 10_000
FEWEST = 4  # an instrument with fewer orders only gets more
ATTRIBUTED = 8  # adds in 256 that name their maker
MAKERS = np.array([int.from_bytes(name.encode()) for name in ("TAPE", "GATE", "WIRE", "BOOK")])
PRICED = 5  # executions in 256 that print at another price
PARTIAL = 160  # executions in 256 that leave something of the order, if it has two shares
NEWEST = 218  # picks in 256 that want one of the newest orders: 85 %
FAR_BITS, BACK_BITS = 12, 10


def distances(longest: int) -> Ints:
    """4,096 distances in levels, evenly over a Pareto of exponent 1.1 that ends at `longest`.

    Of N places, N / d ** 1.1 reach as far as d: the integer tenth root of N ** 10 / d ** 11.
    """
    places = 1 << FAR_BITS
    reach = [_tenth_root(places**10 // d**11) for d in range(1, longest + 1)]
    return np.searchsorted(-np.array(reach), -np.arange(1, places + 1), side="right")


def _tenth_root(value: int) -> int:
    """The largest integer whose tenth power is not above `value`."""
    low, high = 0, 1 << FAR_BITS + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**10 <= value else (low, middle)
    return low


def steps_back() -> Ints:
    """1,024 places behind the newest: geometric, each one followed by another in 3 cases of 4."""
    places = 1 << BACK_BITS
    at_least = [places * 3**k // 4**k for k in range(1, 32)]
    return np.searchsorted(-np.array(at_least), -np.arange(1, places + 1), side="right")


FAR, BACK = distances(1 << FAR_BITS), steps_back()


@jit_inner
def _level(books: Exchange, n: int, side: int, draw: int) -> int:
    """Where a patient order goes: away from the opposite best; NONE where there is no room."""
    levels = books.levels.shape[2]
    opposite = books.best[n, 1 - side]
    if opposite == BEST_EMPTY[1 - side]:
        opposite = levels // 2
    room = opposite if side == BID else levels - 1 - opposite
    if room == 0:
        return NONE
    away = FAR[draw & (1 << FAR_BITS) - 1]
    if away > room:
        away = 1 + (draw >> FAR_BITS & 0xFFFF) % room
    return opposite - away if side == BID else opposite + away


@jit_inner
def _pick(books: Exchange, n: int, draw: int) -> int:
    """An order of the instrument, rather a new one."""
    count = books.count[n]
    if draw & 0xFF < NEWEST:
        return newest(books, n, min(BACK[draw >> 8 & (1 << BACK_BITS) - 1], count - 1))
    return newest(books, n, (draw >> 8) % count)


@jit_inner
def _leaning(books: Exchange, n: int, draw: int) -> int:
    """A side that has orders to trade with: rather asks below the middle, bids above it."""
    bid, ask = books.best[n, BID], books.best[n, ASK]
    if bid == BEST_EMPTY[BID]:
        return ASK
    if ask == BEST_EMPTY[ASK]:
        return BID
    below = books.levels.shape[2] // 2 - (bid + ask) // 2
    return ASK if (draw & 0xFF) < 128 + min(max(below, -100), 100) else BID


@jit_inner
def _add(
    books: Exchange, n: int, action: int, draw: int, now_ns: int, out: Records, row: int
) -> None:
    """A new order, sometimes under its maker's name."""
    side = action >> 16 & 1
    level = _level(books, n, side, draw)
    if level == NONE:
        side = 1 - side
        level = _level(books, n, side, draw)
    shares = order_size(np.uint64(draw >> 28))
    enter(books, n, side, level, shares, now_ns, 1, out, row)
    if action >> 17 & 0xFF < ATTRIBUTED:
        out[row].type = ord("F")
        out[row].mpid = MAKERS[action >> 25 & 3]


@jit_inner
def _move(
    books: Exchange, n: int, draw: int, pick: int, now_ns: int, out: Records, row: int
) -> None:
    """An order is replaced; where there is no room for it, deleted."""
    order = _pick(books, n, pick)
    level = _level(books, n, np.int64(books.orders[order].side), draw)
    if level == NONE:
        cancel(books, order, FARTHEST, now_ns, out, row)
    else:
        replace(books, order, level, order_size(np.uint64(draw >> 28)), now_ns, out, row)


@jit_inner
def _shrink(
    books: Exchange, n: int, draw: int, pick: int, now_ns: int, out: Records, row: int
) -> None:
    """Some of an order's shares are cancelled, or the order if it has but one."""
    order = _pick(books, n, pick)
    shares = np.int64(books.orders[order].shares)
    some = 1 + draw % (shares - 1) if shares > 1 else FARTHEST
    cancel(books, order, some, now_ns, out, row)


@jit_inner
def _execute(books: Exchange, n: int, draw: int, now_ns: int, out: Records, row: int) -> None:
    """Somebody takes the head of the best level, or some of it."""
    side = _leaning(books, n, draw)
    best = books.best[n, side]
    shares = np.int64(books.orders[books.levels[n, side, best, HEAD]].shares)
    if shares > 1 and draw >> 8 & 0xFF < PARTIAL:
        shares = 1 + (draw >> 24) % (shares - 1)
    match(books, n, 1 - side, best, shares, now_ns, 1, out, row)
    if draw >> 16 & 0xFF < PRICED:
        out[row].type, out[row].code = ord("C"), ord("Y")
        out[row].price = price_of(books, n, best)


@jit_inner
def _off_book(books: Exchange, n: int, draw: int, now_ns: int, out: Records, row: int) -> None:
    """A trade against an order that was never displayed, at the best bid or offer."""
    side = _leaning(books, n, draw)
    price, number = price_of(books, n, books.best[n, side]), books.numbers[NEXT_MATCH]
    shares = order_size(np.uint64(draw >> 8))
    emit(out[row], ord("P"), now_ns, n, 0, number, shares, price, SIDE_LETTER[BID], 0)
    books.numbers[NEXT_MATCH] += 1


@jit_inner
def _imbalance(books: Exchange, n: int, draw: int, now_ns: int, out: Records, row: int) -> None:
    """News of the closing cross: paired shares, and as many as `other` says on one side."""
    side = _leaning(books, n, draw)
    price, paired = price_of(books, n, books.best[n, side]), 100 * (draw >> 8 & 0xFFF)
    more = 100 * (1 + (draw >> 20 & 0xFF))
    emit(out[row], ord("I"), now_ns, n, 0, more, paired, price, SIDE_LETTER[side], ord("C"))


@jit_inner
def act(
    books: Exchange, n: int, action: int, draw: int, now_ns: int, out: Records, row: int
) -> None:
    """One act by the mix, and its one message."""
    kind, pick = action & 0xFFFF, action >> 32
    if books.count[n] < FEWEST:
        kind = 0
    elif is_full(books, n) and kind < ADDS:
        kind = ADDS
    if kind < ADDS:
        _add(books, n, action, draw, now_ns, out, row)
    elif kind < DELETES:
        cancel(books, _pick(books, n, pick), FARTHEST, now_ns, out, row)
    elif kind < REPLACES:
        _move(books, n, draw, pick, now_ns, out, row)
    elif kind < EXECUTES:
        _execute(books, n, draw, now_ns, out, row)
    elif kind < CANCELS:
        _shrink(books, n, draw, pick, now_ns, out, row)
    elif kind < TRADES:
        _off_book(books, n, draw, now_ns, out, row)
    else:
        _imbalance(books, n, draw, now_ns, out, row)


@jit_inner
def acts(books: Exchange, times_ns: Ints, names: Names, draws: Words, out: Records) -> None:
    """One act at each of `times_ns` (E,), in the instruments `names` (E,), by `draws` (E, 2)."""
    for row in range(times_ns.size):
        action = np.int64(draws[row, 0] >> np.uint64(1))
        draw = np.int64(draws[row, 1] >> np.uint64(1))
        act(books, np.int64(names[row]), action, draw, times_ns[row], out, row)
