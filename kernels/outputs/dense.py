"""One instrument's ops replayed to its book and best quotes, without orders.

The prices of a range are an array of lots a side, with a bit for each that has any; both run from
worst to best, so that the best level is the highest bit. What is outside the range, or between two
of its ticks, is kept in the sorted runs of `kernels.book.levels`: rare, slower, as exact. Nothing
is branched on that a processor cannot foresee, but for the end of a best level.
"""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.book.layout import Kind
from tapeout.kernels._bits import leading_zeros, select
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.book.levels import (
    FIRST_ROOM,
    LEVELS,
    LOTS,
    PRICE,
    ROOM,
    START,
    depth,
    put,
    short_of,
    take,
    with_room,
)
from tapeout.kernels.book.window import ALL_ONES, PENNY, RECIPROCAL, SHIFT
from tapeout.kernels.tape.record import Ints

MOST_TICKS = 1 << 16  # of the range: 1 MiB of lots
SAMPLE = 256  # ops that tell where the range should be
DONE, NO_POOL, UNSOUND = range(3)
LOW, GRID, WIDTH = range(3)
#: Where `Dense.best` has what: bids first, then asks.
TOP, QUOTED, FAR = 0, 2, 6
OP, BID, BID_LOTS, ASK, ASK_LOTS = range(5)

Words = np.ndarray[Any, np.dtype[np.uint64]]
_NONE, _ONE, _TWO, _THREE, _SIX = (np.uint64(word) for word in (0, 1, 2, 3, 6))
_LAST, _REPLACE_OUT = np.uint64(63), int(Kind.REPLACE_OUT)
_QUOTED, _FAR, _ALL_ONES = np.uint64(QUOTED), np.uint64(FAR), np.uint64(ALL_ONES)
_RECIPROCAL, _SHIFT = np.uint64(RECIPROCAL), np.uint64(SHIFT)


class Dense(NamedTuple):
    """The book of one instrument.

    `shape` (3,): first tick of the range, ticks of 1/10,000 dollar between two, how many: a power
    of two. `near` (2 * width,) lots and `bits` (2 * width / 64,): bids, then asks. `best` (8,): the
    places of the best near levels, where there are any; price and lots of the last quote; the ranks
    of the best far levels, or 0. `runs` (2, 3), `pool`, `used`: the far levels.
    """

    shape: Words
    near: Ints
    bits: Words
    best: Words
    runs: Ints
    pool: Ints
    used: Ints


class Columns(NamedTuple):
    """The ops of one instrument, (M,) each, as they stand in the file."""

    lots: Ints
    price_ticks: Any  # uint32
    kind: Any  # int8
    side: Any  # int8
    sequence: Ints


def dense(*prices: Any, most: int = MOST_TICKS) -> Dense:
    """An empty book whose range fits these prices, (M,) each, or the middle one at least."""
    count = sum(some.size for some in prices)
    sample = np.concatenate([some[:: max(1, count // SAMPLE)] for some in prices])
    grid = PENNY if (sample % PENNY == 0).sum() * 2 > sample.size else 1
    low = min((int(some.min()) for some in prices if some.size), default=0)
    high = max((int(some.max()) for some in prices if some.size), default=0)
    width = 1 << max(6, (high // grid - low // grid).bit_length())
    if width > most:
        width, low = most, max(0, int(np.median(sample)) - grid * most // 2)
    near, bits = np.zeros(2 * width, np.int64), np.zeros(width // 32, np.uint64)
    shape, best = np.array([low // grid, grid, width], np.uint64), np.zeros(8, np.uint64)
    runs, pool = np.zeros((2, 3), np.int64), np.zeros((64, 2), np.int64)
    return Dense(shape, near, bits, best, runs, pool, np.zeros(1, np.int64))


@jit_lean
def _change_far(
    runs: Ints, pool: Ints, used: Ints, best: Words, side: int, price: int, lots: int
) -> int:
    """Change a far level, if there is room and it does not become negative; says which."""
    if lots > 0:
        if short_of(runs, pool, used, side) > 0:
            return NO_POOL
        put(runs, pool, used, side, price, lots)
    else:
        at, end = runs[side, START], runs[side, START] + runs[side, LEVELS]
        while at < end and pool[at, PRICE] != price:
            at += 1
        if at == end or pool[at, LOTS] < -lots:
            return UNSOUND
        take(runs, pool, side, price, -lots)
    rank = 0
    if runs[side, LEVELS] > 0:
        top = pool[runs[side, START] + runs[side, LEVELS] - 1, PRICE]
        rank = (top ^ ALL_ONES if side else top) + 1
    best[FAR + side] = np.uint64(rank)
    return DONE


@jit_lean
def _best_of_both(
    best: Words, runs: Ints, pool: Ints, ask: Any, price: Any, lots: Any
) -> tuple[Any, Any]:
    """Price and lots of the best level: the near one given, if it has lots, or the best far."""
    rank = (price ^ select(ask, _ALL_ONES, _NONE)) + _ONE
    if best[_FAR + ask] > select(lots, rank, _NONE):
        far = runs[ask, START] + runs[ask, LEVELS] - 1
        return np.uint64(pool[far, PRICE]), np.uint64(pool[far, LOTS])
    return price, lots


@jit_inner
def _below(bits: Words, word: Any, first: Any) -> Any:
    """The highest place with a bit, from a word down to the first of its side; 0 if none has."""
    while word > first and bits[word] == _NONE:
        word -= _ONE
    return (word - first) << _SIX | (_LAST - leading_zeros(bits[word] | _ONE))


@jit_lean
def _replay(
    lots: Ints,
    price_ticks: Any,
    kind: Any,
    side: Any,
    start: int,
    shape: Words,
    near: Ints,
    bits: Words,
    best: Words,
    runs: Ints,
    pool: Ints,
    used: Ints,
    written: int,
    quotes: Ints,
) -> tuple[int, int, int]:
    """Replay from op `start` on; where it stopped, the quotes written, and why it stopped."""
    low, grid, width = shape[LOW], shape[GRID], shape[WIDTH]
    reciprocal, shift = (_RECIPROCAL, _SHIFT) if grid == PENNY else (_ONE, _NONE)
    wanted, row = quotes.shape[1] > 0, np.uint64(written)
    for index in range(np.uint64(start), np.uint64(lots.size)):
        price, ask = np.uint64(price_ticks[index]), np.uint64(side[index]) >> _LAST
        tick, flip = price * reciprocal >> shift, (width - _ONE) & (_NONE - ask)
        at = tick - low
        if (at < width) & (tick * grid == price):
            at ^= flip
            place = ask * width | at
            level = near[place] + lots[index]
            if (level < 0) | (lots[index] == 0):
                return np.int64(index), np.int64(row), UNSOUND
            near[place] = level
            word, bit = place >> _SIX, at & _LAST
            bits[word] = bits[word] & ~(_ONE << bit) | np.uint64(level != 0) << bit
            top = best[ask]
            best[ask] = select(np.uint64(at > top), at, top)
            if (level == 0) & (at == top):
                best[ask] = _below(bits, word, ask * width >> _SIX)
        else:
            why = _change_far(runs, pool, used, best, np.int64(ask), np.int64(price), lots[index])
            if why != DONE:
                return np.int64(index), np.int64(row), why
        standing = np.uint64(near[ask * width | best[ask]])
        now = select(standing, ((best[ask] ^ flip) + low) * grid, _NONE)
        if best[_FAR + ask] != _NONE:
            now, standing = _best_of_both(best, runs, pool, ask, now, standing)
        own = _QUOTED + _TWO * ask
        was, stood = best[own], best[own + _ONE]
        over = np.uint64(kind[index] != _REPLACE_OUT)
        changed = np.uint64((was != now) | (stood != standing)) & over
        best[own], best[own + _ONE] = select(changed, now, was), select(changed, standing, stood)
        if wanted:
            quotes[OP, row] = index
            quotes[BID, row], quotes[BID_LOTS, row] = best[_QUOTED], best[_QUOTED + _ONE]
            quotes[ASK, row], quotes[ASK_LOTS, row] = best[_QUOTED + _TWO], best[_QUOTED + _THREE]
            row += changed
    return lots.size, np.int64(row), DONE


def replay(book: Dense, ops: Columns, quotes: Ints) -> tuple[Dense, int]:
    """Replay ops on a book.

    Parameters
    ----------
    book : Dense
        The book before them; changed in place.
    ops : Columns
        The ops of one instrument, in order.
    quotes : (5, M) int64, or (5, 0)
        Receives the best quote after each message that changed it: number of the message's last op,
        bid_ticks, bid_lots, ask_ticks, ask_lots; zeros for an empty side. With no room at all, none
        is written.

    Returns
    -------
    book : Dense
        The same, with more room for far levels where it was short.
    rows : int
        How many quotes were written.

    Raises
    ------
    ValueError
        "op 7 must change a level and leave 0 lots or more; it adds -300 at 100100 ticks". Those
        before it are applied.
        "quotes must have room for 100 ops; got 50"
        "columns must be of one size; got [7, 7, 7, 6, 7]"
    """
    size = ops.lots.size
    if any(column.size != size for column in ops):
        raise ValueError(f"columns must be of one size; got {[column.size for column in ops]}")
    if 0 < quotes.shape[1] < size:
        raise ValueError(f"quotes must have room for {size} ops; got {quotes.shape[1]}")
    at = rows = 0
    while True:
        at, rows, why = _replay(*ops[:4], at, *book, rows, quotes)
        if why == DONE:
            return book, rows
        if why == UNSOUND and ops.kind[at] == Kind.RECOVERED:
            book, at, rows = _recover(book, ops, at, rows, quotes)
            continue
        if why == UNSOUND:
            raise ValueError(
                f"op {at} must change a level and leave 0 lots or more; it adds {ops.lots[at]}"
                f" at {ops.price_ticks[at]} ticks"
            )
        more = 2 * int(book.runs[:, ROOM].max()) + FIRST_ROOM
        book = book._replace(pool=with_room(book.pool, int(book.used[0]), more))


def _recover(book: Dense, ops: Columns, at: int, rows: int, quotes: Ints) -> tuple[Dense, int, int]:
    """Begin the book anew with the snapshot at op `at`, which is one message with one quote."""
    last = at + 1
    while last < ops.lots.size and ops.sequence[last] == ops.sequence[at]:
        last += 1
    before = book.best[QUOTED:FAR].copy()
    for array in (book.near, book.bits, book.best, book.runs, book.used):
        array[:] = 0
    added = Columns(*(column[at + 1 : last] for column in ops))
    book, _ = replay(book, added, np.empty((5, 0), np.int64))
    if quotes.shape[1] > 0 and (book.best[QUOTED:FAR] != before).any():
        quotes[OP, rows], quotes[BID:, rows] = last - 1, book.best[QUOTED:FAR]
        rows += 1
    return book, last, rows


def levels(book: Dense, side: int) -> Ints:
    """All levels of a side (0 bids, 1 asks), (L, 2) price and lots, best first."""
    low, grid, width = (int(word) for word in book.shape)
    near = book.near[side * width : (side + 1) * width]
    at = np.flatnonzero(near)
    ticks = (low + (at ^ (width - 1 if side else 0))) * grid
    far = depth(book.runs, book.pool, side, int(book.runs[side, LEVELS]))
    both = np.concatenate([np.stack([ticks, near[at]], axis=1), far])
    return both[np.argsort(both[:, PRICE] * (1 if side else -1))]
