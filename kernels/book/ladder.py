"""Price levels of all instruments: 64 near ticks a side in a ring, the rest in sorted runs."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.book.bits import leading_zeros, rotate_left, select, zeros
from tapeout.kernels.book.blocks import BEGAN, BEGAN_LOTS, BETWEEN, DONE, NONE, ONE, OPS, ROWS, TIME
from tapeout.kernels.book.levels import LEVELS, LOTS, PRICE, START, depth
from tapeout.kernels.book.window import (
    ALL_ONES,
    BITS,
    FAR_AT,
    FAR_AWAY,
    FAR_DROPS,
    HIGH,
    NEAR,
    PENNIES,
    PENNY,
    RANK,
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
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import STAMP_BITS, Ints
from tapeout.kernels.tape.wire import Bytes, be64

#: The best price of one side from here on; no lots at price zero where the side is empty. `stamp`
#: is as in the record: exchange time, ns since midnight, and from bit 48 the locate.
TOP_DTYPE = np.dtype([("stamp", "<u8"), ("lots", "<u8"), ("price_ticks", "<u4"), ("side", "<i4")])
TOP_WORDS = 3

_BITS, _HIGH, _TOP, _TOP_LOTS = (np.uint64(word) for word in (BITS, HIGH, TOP, TOP_LOTS))
_WORDS, _NEAR, _RING, _TWO, _THREE = (np.uint64(word) for word in (WORDS, NEAR, NEAR - 1, 2, 3))
_ALL_ONES, _CROSSED, _HALF = np.uint64(ALL_ONES), np.uint64(1 << 32), np.uint64(32)
_RECIPROCAL, _SHIFT, _PENNY = np.uint64(RECIPROCAL), np.uint64(SHIFT), np.uint64(PENNY)
STAMP_AT, LOCATE_AT = 3, np.uint64(STAMP_BITS)


class Ladder(NamedTuple):
    """All levels: the near as in `window`, the far as in `levels`."""

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
    return Ladder(heads, near, runs, pool, np.zeros(1, np.int64))


@jit_inner
def _best(heads: Heads, at: Any, side: Any) -> tuple[Any, Any]:
    """Rank of the best near level, 0 where there is none, and its place."""
    bits, window = heads[at | _BITS], heads[at | _HIGH]
    key = (window & ~PENNIES) - leading_zeros(rotate_left(bits, ~window))
    flip = NONE - (side & ONE) & _ALL_ONES
    rank = ((key ^ flip) * select(window & PENNIES, _PENNY, ONE) ^ flip) + ONE
    return select(bits, rank, NONE), side * _NEAR | key & _RING


@jit_lean
def _best_of_both(
    heads: Heads, near: Heads, runs: Ints, pool: Ints, at: Any, side: int
) -> tuple[Any, Any]:
    """Rank and lots of the best level, near or far; there is one."""
    settle(heads, near, runs, pool, side)
    top, place = _best(heads, at, np.uint64(side))
    if runs[side, LEVELS] > 0:
        best = runs[side, START] + runs[side, LEVELS] - 1
        far = np.uint64((pool[best, PRICE] ^ mirror(side)) + 1)
        if far > top:
            return far, np.uint64(pool[best, LOTS])
    return top, near[place]


@jit_inner
def _write(
    wire: Bytes, place: int, rows: Any, row: Any, side: Any, top: Any, standing: Any
) -> None:
    """Write what `TOP_DTYPE` says of a side."""
    sign = select(side & ONE, _ALL_ONES, ONE) << _HALF
    price = (top - ONE) ^ (NONE - (side & ONE) & _ALL_ONES)
    rows[row] = be64(wire, place + STAMP_AT) & TIME | side >> ONE << LOCATE_AT
    rows[row + ONE] = standing
    rows[row + _TWO] = select(top, price, NONE) | sign


@jit_inner
def _change(
    heads: Heads, near: Heads, runs: Ints, pool: Ints, used: Ints, side: Any, price: Any, lots: Any
) -> tuple[Any, Any, bool]:
    """Change a level; returns its rank and lots if it is near, and False if the pool is short."""
    at, flip = side * _WORDS, NONE - (side & ONE) & _ALL_ONES
    window = heads[at | _HIGH]
    pennies = window & PENNIES
    tick = select(pennies, price * _RECIPROCAL >> _SHIFT, price)
    key, even = tick ^ flip, tick * select(pennies, _PENNY, ONE) == price
    if ((window ^ pennies) - key < _NEAR) & even:
        place, bit = side * _NEAR | key & _RING, ONE << (key & _RING)
        level = near[place] + lots
        near[place] = level
        heads[at | _BITS] = heads[at | _BITS] & ~bit | bit * np.uint64(level != NONE)
        return (price ^ flip) + ONE, level, True
    where = np.int64(side), np.int64(price)
    return NONE, NONE, change_far(heads, near, runs, pool, used, *where, np.int64(lots))


@jit_inner
def _stand(
    heads: Heads, near: Heads, runs: Ints, pool: Ints, side: Any, rank: Any, level: Any
) -> tuple[Any, Any]:
    """Bring the best price up to date after a change of the level of `rank`; returns it.

    Its lots are mostly known: those of the level itself, or unchanged. They are looked up only
    where another level became the best.
    """
    at = side * _WORDS
    top, place = _best(heads, at, side)
    before, far = heads[at | _TOP] & RANK, heads[at | _TOP] >> FAR_AT
    standing = select(np.uint64(rank == top), level, heads[at | _TOP_LOTS])
    if (top != before) & (rank != top):
        standing = near[place]
    if far > top >> FAR_DROPS:
        top, standing = _best_of_both(heads, near, runs, pool, at, np.int64(side))
        far = heads[at | _TOP] >> FAR_AT
    heads[at | _TOP], heads[at | _TOP_LOTS] = top | far << FAR_AT, standing
    return top, standing


@jit_inner
def apply(
    wire: Bytes,
    cursor: Ints,
    ops: Any,
    heads: Heads,
    near: Heads,
    runs: Ints,
    pool: Ints,
    used: Ints,
    rows: Any,
    log: Ledger,
) -> bool:
    """Apply the level ops under way; False where the pool is too short for the next.

    After the last of each message the side's best price, if it changed, is written to `rows`,
    which has room for three words an op or is empty: then nothing is written.
    """
    row, wanted, last = np.uint64(TOP_WORDS * cursor[ROWS]), rows.size > 0, cursor[BETWEEN] == 0
    began, began_lots = np.uint64(cursor[BEGAN]), np.uint64(cursor[BEGAN_LOTS])
    for index in range(cursor[DONE], cursor[OPS]):
        op = np.uint64(4 * index)
        side, price, lots = ops[op] >> ONE, ops[op + ONE], ops[op + _TWO]
        if wanted:
            at, fresh = side * _WORDS, np.uint64(last)
            began = select(fresh, heads[at | _TOP] & RANK, began)
            began_lots = select(fresh, heads[at | _TOP_LOTS], began_lots)
        rank, level, fits = _change(heads, near, runs, pool, used, side, price, lots)
        if not fits:
            cursor[DONE], cursor[BETWEEN] = index, not last
            cursor[BEGAN], cursor[BEGAN_LOTS] = np.int64(began), np.int64(began_lots)
            cursor[ROWS] = np.int64(row) // TOP_WORDS
            return False
        top, standing = _stand(heads, near, runs, pool, side, rank, level)
        last = ops[op] & ONE != NONE
        if wanted:
            _write(wire, np.int64(ops[op + _THREE]), rows, row, side, top, standing)
            changed = last & ((top != began) | (standing != began_lots))
            row += select(np.uint64(changed), _THREE, NONE)
        if last & (top + (heads[(side ^ ONE) * _WORDS | _TOP] & RANK) > _CROSSED):
            note(log, Fault.CROSSED, -1, np.int64(ops[op + _THREE]), -1, 1)
    cursor[DONE] = cursor[OPS] = cursor[BETWEEN] = 0
    cursor[ROWS] = np.int64(row) // TOP_WORDS
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
