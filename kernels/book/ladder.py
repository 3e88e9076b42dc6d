"""Price levels of all instruments: 64 near ticks a side in a ring, the rest in sorted runs."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._bits import apart, leading_zeros, rotate_left, select, zeros
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.book.blocks import (
    DONE,
    ENTRY,
    NONE,
    OF,
    OF_AT,
    ONE,
    OP,
    OPS,
    PLACE_AT,
    Block,
)
from tapeout.kernels.book.levels import LEVELS, LOTS, PRICE, START, depth
from tapeout.kernels.book.window import (
    ALL_ONES,
    BITS,
    FAR_AWAY,
    FLAGS,
    HIGH,
    NEAR,
    PENNIES,
    PENNY,
    RECIPROCAL,
    SHIFT,
    TOP,
    TOP_LOTS,
    WORDS,
    Heads,
    change_far,
    grid,
    high,
    mirror,
    settle,
)
from tapeout.kernels.orders.word import HALF, SIDE_MASK, SIDE_SHIFT
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import Ints

MET = 1
_BITS, _HIGH, _TOP, _TOP_LOTS = (np.uint64(word) for word in (BITS, HIGH, TOP, TOP_LOTS))
_WORDS, _NEAR, _RING = (np.uint64(word) for word in (WORDS, NEAR, NEAR - 1))
_ALL_ONES, CROSSED = np.uint64(ALL_ONES), np.uint64(1 << 32)
_RECIPROCAL, _SHIFT, _PENNY = np.uint64(RECIPROCAL), np.uint64(SHIFT), np.uint64(PENNY)


class Ladder(NamedTuple):
    """All levels: the near as in `window`, the far as in `levels`.

    `used` (2,) int64 has how much of the pool is given out, and of how many instruments the `TOP`s
    meet.
    """

    heads: Heads
    near: Heads
    runs: Ints
    pool: Ints
    used: Ints


def ladder() -> Ladder:
    """No level on any side."""
    heads = zeros(2 * LOCATES * WORDS)
    heads[HIGH::WORDS] = FAR_AWAY
    runs, pool = np.zeros((2 * LOCATES, 3), np.int64), np.zeros((1 << 14, 2), np.int64)
    near = zeros(2 * LOCATES * NEAR)
    return Ladder(heads, near, runs, pool, np.zeros(2, np.int64))


@jit_inner
def op_of(ops: Any, index: Any) -> tuple[Any, Any, Any, Any]:
    """Side, price, lots, and whether it is the last of its message: see `OP`."""
    word = ops[index * np.uint64(OP)]
    side, price = word >> SIDE_SHIFT & SIDE_MASK, word >> HALF
    return side, price, ops[index * np.uint64(OP) + ONE], word & ONE != NONE


@jit_inner
def place_of(block: Block, index: Any) -> Any:
    """Where the message of an op stands."""
    entry = block.ops[index * np.uint64(OP)] >> OF_AT & OF
    return block.entries[entry * np.uint64(ENTRY) + ONE] >> PLACE_AT


@jit_inner
def change(book: Ladder, side: Any, price: Any, lots: Any) -> tuple[Any, Any, Any, bool]:
    """Change a level; returns the price's rank, its lots, and False if the pool is short.

    Third comes whether it is far, where its lots are not told. A window that has become empty comes
    to the levels that are left.
    """
    heads, near, at, flip = book.heads, book.near, side * _WORDS, NONE - (side & ONE) & _ALL_ONES
    window = heads[at | _HIGH]
    pennies = window & PENNIES
    tick = select(pennies, price * _RECIPROCAL >> _SHIFT, price)
    key, even = tick ^ flip, tick * select(pennies, _PENNY, ONE) == price
    rank = (price ^ flip) + ONE
    if ((window & ~FLAGS) - key < _NEAR) & even:
        place = key & _RING
        level = near[side * _NEAR | place] + lots
        near[side * _NEAR | place] = level
        bits = heads[at] & ~(ONE << place) | np.uint64(level != NONE) << place
        heads[at] = bits
        if bits == NONE and book.runs[side, LEVELS] > 0:
            settle(heads, near, book.runs, book.pool, np.int64(side))
        return rank, level, NONE, True
    where = np.int64(side), np.int64(price)
    fits = change_far(heads, near, book.runs, book.pool, book.used, *where, np.int64(lots))
    return rank, NONE, ONE, fits


@jit_inner
def near_best(heads: Heads, at: Any, side: Any) -> tuple[Any, Any]:
    """Rank of the best near level, 0 where there is none, and its place."""
    bits, window = heads[at], heads[at | _HIGH]
    key = (window & ~FLAGS) - leading_zeros(rotate_left(bits, ~window))
    flip = NONE - (side & ONE) & _ALL_ONES
    rank = ((key ^ flip) * select(window & PENNIES, _PENNY, ONE) ^ flip) + ONE
    return select(bits, rank, NONE), side * _NEAR | key & _RING


@jit_lean
def stand(book: Ladder, side: Any) -> Any:
    """Look up the best level of a side, near or far, and note it; returns its rank."""
    apart()
    at, best = side * _WORDS, book.runs[side, START] + book.runs[side, LEVELS] - 1
    top, place = near_best(book.heads, at, side)
    lots = select(top, book.near[place], NONE)
    if book.runs[side, LEVELS] > 0:
        far = np.uint64((book.pool[best, PRICE] ^ mirror(side)) + 1)
        if far > top:
            top, lots = far, np.uint64(book.pool[best, LOTS])
    book.heads[at | _TOP], book.heads[at | _TOP_LOTS] = top, lots
    return top


@jit_lean
def stand_all(book: Ladder) -> None:
    """As `stand`, for every side; and count the crossed books."""
    book.used[MET] = 0
    for bids in range(0, book.runs.shape[0], 2):
        side = np.uint64(bids)
        book.used[MET] += stand(book, side) + stand(book, side ^ ONE) > CROSSED


@jit_inner
def meet(book: Ladder, side: Any, rank: Any) -> bool:
    """Let `TOP` be no lower than a rank; whether the instrument's book is crossed.

    Where the tops of both sides have met they are looked up, which mostly parts them.
    """
    heads, at = book.heads, side * _WORDS | _TOP
    top, other = heads[at], heads[(side ^ ONE) * _WORDS | _TOP]
    met = top + other > CROSSED
    heads[at] = select(np.uint64(rank > top), rank, top)
    crossed = heads[at] + other > CROSSED
    if crossed:
        crossed = stand(book, side) + stand(book, side ^ ONE) > CROSSED
    book.used[MET] += np.int64(crossed) - np.int64(met)
    return crossed


@jit_lean
def apply(block: Block, book: Ladder, log: Ledger) -> bool:
    """Apply the level ops under way; False where the pool is too short for the next.

    `TOP` becomes no lower than the best price, and only an order better than it can cross a book.
    """
    apart()
    heads, cursor = book.heads, block.cursor
    for step in range(cursor[DONE], cursor[OPS]):
        index = np.uint64(step)
        side, price, lots, last = op_of(block.ops, index)
        rank, _, _, fits = change(book, side, price, lots)
        if not fits:
            cursor[DONE] = step
            return False
        better = rank > heads[side * _WORDS | _TOP]
        if (better | (book.used[MET] != 0)) and meet(book, side, rank) & last:
            note(log, Fault.CROSSED, -1, np.int64(place_of(block, index)), -1, 1)
    cursor[DONE] = cursor[OPS] = 0
    return True


def clear(book: Ladder) -> None:
    """Take every level off, and keep the memory."""
    for array in book:
        array[...] = 0
    book.heads[HIGH::WORDS] = FAR_AWAY


def taken(book: Ladder) -> list[int]:
    """The sides with any level, ascending."""
    near, far = book.heads[BITS::WORDS] != 0, book.runs[:, LEVELS] > 0
    return [int(side) for side in np.flatnonzero(near | far)]


def levels(book: Ladder, side: int) -> Ints:
    """All levels of a side, (L, 2) price and lots, best first."""
    bits, best = int(book.heads[side * WORDS + BITS]), high(book.heads, side)
    keys = [key for key in range(best, best - NEAR, -1) if bits >> key % NEAR & 1]
    lots = book.near[side * NEAR : (side + 1) * NEAR]
    ring = [((key ^ mirror(side)) * grid(book.heads, side), int(lots[key % NEAR])) for key in keys]
    far = depth(book.runs, book.pool, side, int(book.runs[side, LEVELS]))
    both = np.array(ring, np.int64).reshape(-1, 2)
    merged = np.concatenate([both, far])
    return merged[np.argsort(merged[:, 0] ^ mirror(side))[::-1]]
