"""Price levels of all instruments: 64 near ticks a side in a ring, the rest in sorted runs."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import lean
from tapeout.kernels.book.bits import leading_zeros, rotate_left, select, zeros
from tapeout.kernels.book.blocks import DONE, NONE, ONE, OPS, ROWS, TIME
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


@lean
def _best(heads: Heads, near: Heads, at: Any, side: Any) -> tuple[Any, Any]:
    """Rank and lots of the best near level; zeros where there is none."""
    bits, window = heads[at | _BITS], heads[at | _HIGH]
    key = (window & ~PENNIES) - leading_zeros(rotate_left(bits, ~window))
    flip = NONE - (side & ONE) & _ALL_ONES
    rank = ((key ^ flip) * select(window & PENNIES, _PENNY, ONE) ^ flip) + ONE
    return select(bits, rank, NONE), near[side * _NEAR | key & _RING]


@lean
def _best_of_both(
    heads: Heads, near: Heads, runs: Ints, pool: Ints, at: Any, side: int
) -> tuple[Any, Any]:
    """Rank and lots of the best level, near or far; there is one."""
    settle(heads, near, runs, pool, side)
    top, standing = _best(heads, near, at, np.uint64(side))
    if runs[side, LEVELS] > 0:
        best = runs[side, START] + runs[side, LEVELS] - 1
        far = np.uint64((pool[best, PRICE] ^ mirror(side)) + 1)
        if far > top:
            return far, np.uint64(pool[best, LOTS])
    return top, standing


@lean
def _write(
    wire: Bytes, place: int, rows: Any, row: Any, side: Any, top: Any, standing: Any
) -> None:
    """Write what `TOP_DTYPE` says of a side."""
    sign = select(side & ONE, _ALL_ONES, ONE) << _HALF
    price = (top - ONE) ^ (NONE - (side & ONE) & _ALL_ONES)
    rows[row] = be64(wire, place + STAMP_AT) & TIME | side >> ONE << LOCATE_AT
    rows[row + ONE] = standing
    rows[row + _TWO] = select(top, price, NONE) | sign


@lean
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
    row, end, wanted = np.uint64(TOP_WORDS * cursor[ROWS]), cursor[OPS], rows.size > 0
    for index in range(cursor[DONE], end):
        op = np.uint64(4 * index)
        side, last, price, lots = ops[op] >> ONE, ops[op] & ONE, ops[op + ONE], ops[op + _TWO]
        at, flip = side * _WORDS, NONE - (side & ONE) & _ALL_ONES
        window = heads[at | _HIGH]
        pennies = window & PENNIES
        tick = select(pennies, price * _RECIPROCAL >> _SHIFT, price)
        key, even = tick ^ flip, tick * select(pennies, _PENNY, ONE) == price
        if ((window ^ pennies) - key < _NEAR) & even:
            place = side * _NEAR | key & _RING
            level = near[place] + lots
            near[place] = level
            bit = ONE << (key & _RING)
            heads[at | _BITS] = heads[at | _BITS] & ~bit | bit * np.uint64(level != NONE)
        elif not change_far(
            heads, near, runs, pool, used, np.int64(side), np.int64(price), np.int64(lots)
        ):
            cursor[DONE], cursor[ROWS] = index, np.int64(row) // TOP_WORDS
            return False
        top, standing = _best(heads, near, at, side)
        far = heads[at | _TOP] >> FAR_AT
        if far > top >> FAR_DROPS:
            top, standing = _best_of_both(heads, near, runs, pool, at, np.int64(side))
            far = heads[at | _TOP] >> FAR_AT
        before = heads[at | _TOP] & RANK
        if wanted:
            _write(wire, np.int64(ops[op + _THREE]), rows, row, side, top, standing)
            changed = (top != before) | (standing != heads[at | _TOP_LOTS])
            row += select(last & np.uint64(changed), _THREE, NONE)
        heads[at | _TOP] = select(last, top, before) | far << FAR_AT
        heads[at | _TOP_LOTS] = select(last, standing, heads[at | _TOP_LOTS])
        opposite = heads[at ^ _WORDS | _TOP] & RANK
        if last & np.uint64(top + opposite > _CROSSED):
            note(log, Fault.CROSSED, -1, np.int64(ops[op + _THREE]), -1, 1)
    cursor[DONE] = cursor[OPS] = 0
    cursor[ROWS] = np.int64(row) // TOP_WORDS
    return True


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
