"""Price-time priority over integer levels: orders rest, match, shrink, move and leave.

Every change is written as the ITCH record that a feed would send for it. Levels are counted from
each instrument's floor; a level is one tick of that instrument, a cent for most. Nothing here is
random and nothing is a float.
"""

from typing import Any, NamedTuple

import numpy as np

from tapeout.kernels._jit import jit_inner
from tapeout.kernels.tape.record import STAMP_BITS, WELL_FORMED, Ints, Records

BID, ASK = 0, 1
NONE = -1
CENT = 100  # in the feed's ticks of 1/10,000 dollar
SIDE_LETTER = np.array([ord("B"), ord("S")], np.int64)
SHARES, HEAD, TAIL = range(3)
NEXT_REFERENCE, NEXT_MATCH, FREE = range(3)
OWNED = 1 << 40  # references from here on are of orders that only their owner moves or cancels
BEST_EMPTY = np.array([-1, 1 << 30], np.int64)  # no bid, no ask

ORDER_DTYPE = np.dtype(
    [
        ("reference", "<i8"),
        ("instrument", "<u2"),
        ("side", "<u2"),
        ("level", "<i4"),
        ("shares", "<i4"),
        ("before", "<i4"),
        ("behind", "<i4"),
        ("place", "<i4"),
    ]
)


class Exchange(NamedTuple):
    """The state of all books.

    `orders` (O,) is the pool of orders, `free` (O,) a stack of unused places in it. `levels`
    (N, 2, L, 3) is the shares, first and last order of each level. `best` (N, 2) is the best level
    a side. `live` (O,) lists each instrument's orders from `start` (N + 1,) on, `count` (N,) says
    how many there are. `floor` (N,) is the price of level 0 in levels, `tick` (N,) the height of a
    level in 1/10,000 dollar. `numbers` (3,) is the next reference, next match and free places.
    """

    orders: np.ndarray[Any, np.dtype[np.void]]
    free: np.ndarray[Any, np.dtype[np.int32]]
    levels: np.ndarray[Any, np.dtype[np.int32]]
    best: Ints
    live: np.ndarray[Any, np.dtype[np.int32]]
    start: Ints
    count: Ints
    floor: Ints
    tick: Ints
    numbers: Ints


def exchange(
    floor: Ints, levels: int, most_orders: int | Ints, tick: int | Ints = CENT
) -> Exchange:
    """An exchange of N instruments without orders.

    `floor` (N,) is the lowest price in ticks of the instrument; `most_orders` may rest in each.
    Memory is 24 bytes a level and 40 bytes an order that may rest, of which only what is used is
    touched.
    """
    n = floor.size
    places = np.broadcast_to(np.asarray(most_orders, np.int64), n)
    most = int(places.sum())
    ladder = np.full((n, 2, levels, 3), NONE, np.int32)
    ladder[..., SHARES] = 0
    return Exchange(
        np.zeros(most, ORDER_DTYPE),
        np.arange(most - 1, -1, -1, dtype=np.int32),
        ladder,
        np.tile(BEST_EMPTY, (n, 1)),
        np.zeros(most, np.int32),
        np.append(0, np.cumsum(places)),
        np.zeros(n, np.int64),
        floor.astype(np.int64),
        np.broadcast_to(np.asarray(tick, np.int64), n).copy(),
        np.array([1, 1, most], np.int64),
    )


@jit_inner
def emit(
    record: Any,
    letter: int,
    now_ns: int,
    instrument: int,
    subject: int,
    other: int,
    shares: int,
    price: int,
    side: int,
    code: int,
) -> None:
    """Fill in the record of one message about an instrument, whose locate is its number plus 1."""
    record.subject, record.other = subject, other
    record.stamp = np.uint64(now_ns) | np.uint64(instrument + 1) << np.uint64(STAMP_BITS)
    record.shares, record.price = shares, price
    record.tracking, record.mpid = 0, 0
    record.type, record.side, record.code = letter, side, code
    record.flags = WELL_FORMED


@jit_inner
def price_of(books: Exchange, instrument: int, level: int) -> int:
    """A level's price in ticks of 1/10,000 dollar."""
    return (books.floor[instrument] + level) * books.tick[instrument]


@jit_inner
def is_full(books: Exchange, n: int) -> bool:
    """Whether no more orders may rest in instrument `n`."""
    return books.start[n] + books.count[n] + 1 >= books.start[n + 1]


@jit_inner
def is_owned(books: Exchange, order: int) -> bool:
    """Whether an order is not the crowd's: it came through a port."""
    return books.orders[order].reference >= OWNED


@jit_inner
def newest(books: Exchange, n: int, back: int) -> int:
    """The order `back` places before the newest of instrument `n`, about: leavers shuffle them."""
    return books.live[books.start[n] + books.count[n] - 1 - back]


@jit_inner
def _unlink(books: Exchange, order: int) -> None:
    """Take an order out of its level's queue; find the next best level if that emptied it."""
    gone, levels = books.orders[order], books.levels
    n, side, level = gone.instrument, gone.side, np.int64(gone.level)
    if gone.before != NONE:
        books.orders[gone.before].behind = gone.behind
    else:
        levels[n, side, level, HEAD] = gone.behind
    if gone.behind != NONE:
        books.orders[gone.behind].before = gone.before
    else:
        levels[n, side, level, TAIL] = gone.before
    if levels[n, side, level, HEAD] != NONE or books.best[n, side] != level:
        return
    step = -1 if side == BID else 1
    level += step
    while 0 <= level < levels.shape[2] and levels[n, side, level, HEAD] == NONE:
        level += step
    books.best[n, side] = level if 0 <= level < levels.shape[2] else BEST_EMPTY[side]


@jit_inner
def _leave(books: Exchange, order: int, shares: int) -> None:
    """Take shares off an order; with none left it is gone."""
    gone = books.orders[order]
    n = gone.instrument
    gone.shares -= shares
    books.levels[n, gone.side, gone.level, SHARES] -= shares
    if gone.shares > 0:
        return
    _unlink(books, order)
    books.count[n] -= 1
    last = books.live[books.start[n] + books.count[n]]
    books.live[books.start[n] + gone.place] = last
    books.orders[last].place = gone.place
    books.free[books.numbers[FREE]] = order
    books.numbers[FREE] += 1


@jit_inner
def _rest(books: Exchange, n: int, side: int, level: int, shares: int) -> int:
    """Queue a new order behind all others of its level; returns its place in the pool."""
    books.numbers[FREE] -= 1
    order = books.free[books.numbers[FREE]]
    new, queue = books.orders[order], books.levels[n, side, level]
    new.reference, new.instrument, new.side = books.numbers[NEXT_REFERENCE], n, side
    new.level, new.shares = level, shares
    books.numbers[NEXT_REFERENCE] += 1
    new.before, new.behind = queue[TAIL], NONE
    if queue[TAIL] == NONE:
        queue[HEAD] = order
    else:
        books.orders[queue[TAIL]].behind = order
    queue[TAIL] = order
    queue[SHARES] += shares
    new.place = books.count[n]
    books.live[books.start[n] + books.count[n]] = order
    books.count[n] += 1
    best = books.best[n, side]
    if best == BEST_EMPTY[side] or (level > best and side == BID) or (level < best and side == ASK):
        books.best[n, side] = level
    return order


@jit_inner
def crosses(books: Exchange, n: int, side: int, level: int) -> bool:
    """Whether an order at `level` could trade at once."""
    return level >= books.best[n, ASK] if side == BID else level <= books.best[n, BID]


@jit_inner
def match(
    books: Exchange,
    n: int,
    side: int,
    level: int,
    shares: int,
    now_ns: int,
    most: int,
    out: Records,
    row: int,
) -> tuple[int, int]:
    """Trade an incoming order against what rests, best price first, then first come.

    At most `most` resting orders are met. Returns the shares left over and the next row of `out`.
    """
    while shares > 0 and most > 0 and crosses(books, n, side, level):
        order = np.int64(books.levels[n, 1 - side, books.best[n, 1 - side], HEAD])
        traded = min(shares, np.int64(books.orders[order].shares))
        reference, number = books.orders[order].reference, books.numbers[NEXT_MATCH]
        emit(out[row], ord("E"), now_ns, n, reference, number, traded, 0, 0, 0)
        books.numbers[NEXT_MATCH] += 1
        _leave(books, order, traded)
        shares, most, row = shares - traded, most - 1, row + 1
    return shares, row


@jit_inner
def enter(
    books: Exchange,
    n: int,
    side: int,
    level: int,
    shares: int,
    now_ns: int,
    most: int,
    out: Records,
    row: int,
) -> int:
    """A limit order: it trades, and what is left rests. Returns the next row of `out`."""
    left, row = match(books, n, side, level, shares, now_ns, most, out, row)
    if left > 0 and not crosses(books, n, side, level):
        order = _rest(books, n, side, level, left)
        price, reference = price_of(books, n, level), books.orders[order].reference
        emit(out[row], ord("A"), now_ns, n, reference, 0, left, price, SIDE_LETTER[side], 0)
        row += 1
    return row


@jit_inner
def cancel(books: Exchange, order: int, shares: int, now_ns: int, out: Records, row: int) -> int:
    """Take shares off an order, or all of it. Returns the next row of `out`."""
    gone = books.orders[order]
    reference, n = gone.reference, gone.instrument
    if shares >= gone.shares:
        emit(out[row], ord("D"), now_ns, n, reference, 0, 0, 0, 0, 0)
        _leave(books, order, gone.shares)
    else:
        emit(out[row], ord("X"), now_ns, n, reference, 0, shares, 0, 0, 0)
        _leave(books, order, shares)
    return row + 1


@jit_inner
def replace(
    books: Exchange, order: int, level: int, shares: int, now_ns: int, out: Records, row: int
) -> int:
    """Move an order to the back of another queue, under a new reference, without trading.

    The caller sees to it that the new level does not cross. Returns the next row of `out`.
    """
    old = books.orders[order]
    n, side, reference = np.int64(old.instrument), np.int64(old.side), old.reference
    _leave(books, order, old.shares)
    new = _rest(books, n, side, level, shares)
    price, renamed = price_of(books, n, level), books.orders[new].reference
    emit(out[row], ord("U"), now_ns, n, reference, renamed, shares, price, 0, 0)
    return row + 1


def depth(books: Exchange, n: int, side: int) -> list[tuple[int, int]]:
    """Every level of one side as price in ticks and shares, best first: the oracle's own book."""
    shares = books.levels[n, side, :, SHARES]
    filled = np.flatnonzero(shares)
    ordered = filled[::-1] if side == BID else filled
    return [(int(price_of(books, n, level)), int(shares[level])) for level in ordered]
