"""Price levels of all instruments: 64 near ticks a side in a ring, the rest in sorted runs."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit
from tapeout.kernels.book.bits import leading_zeros, rotate_left, select
from tapeout.kernels.book.blocks import DONE, NONE, ONE, OPS, ROWS, TIME
from tapeout.kernels.book.levels import LEVELS, LOTS, START, depth
from tapeout.kernels.book.window import (
    ALL_ONES,
    BITS,
    DOWN,
    FAR,
    FAR_AWAY,
    GRID,
    HIGH,
    MULTIPLIER,
    NEAR,
    TOP,
    TOP_LOTS,
    WORDS,
    Heads,
    change_far,
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

_BITS, _HIGH, _MULTIPLIER, _DOWN, _GRID, _TOP, _TOP_LOTS, _FAR = (
    np.uint64(word) for word in (BITS, HIGH, MULTIPLIER, DOWN, GRID, TOP, TOP_LOTS, FAR)
)
_WORDS, _NEAR, _RING, _TWO, _THREE = (np.uint64(word) for word in (WORDS, NEAR, NEAR - 1, 2, 3))
_ALL_ONES, _CROSSED, _HALF = np.uint64(ALL_ONES), np.uint64(1 << 32), np.uint64(32)
STAMP_AT, LOCATE_AT = 3, np.uint64(STAMP_BITS)


class Ladder(NamedTuple):
    """All levels: heads and lots of the near ones (see `window`), runs of the far (see `levels`)."""

    heads: Heads
    near: Heads
    runs: Ints
    pool: Ints
    used: Ints


def ladder() -> Ladder:
    """No level on any side."""
    heads = np.zeros((2 * LOCATES, WORDS), np.uint64)
    heads[:, HIGH] = FAR_AWAY
    runs, pool = np.zeros((2 * LOCATES, 3), np.int64), np.zeros((1 << 14, 2), np.int64)
    near = np.zeros(2 * LOCATES * NEAR, np.uint64)
    return Ladder(heads.reshape(-1), near, runs, pool, np.zeros(1, np.int64))


@jit
def _best(heads: Heads, near: Heads, at: Any, side: Any) -> tuple[Any, Any]:
    """Rank and lots of the best near level; zeros where there is none."""
    bits, high = heads[at | _BITS], heads[at | _HIGH]
    key = high - leading_zeros(rotate_left(bits, ~high))
    flip = NONE - (side & ONE) & _ALL_ONES
    rank = ((key ^ flip) * heads[at | _GRID] ^ flip) + ONE
    return select(bits, rank, NONE), near[side * _NEAR | key & _RING]


@jit
def _best_of_both(
    heads: Heads, near: Heads, runs: Ints, pool: Ints, at: Any, side: Any
) -> tuple[Any, Any]:
    """Rank and lots of the best level, near or far."""
    top, standing = _best(heads, near, at, side)
    if heads[at | _FAR] > top:
        best = runs[side, START] + runs[side, LEVELS] - 1
        return heads[at | _FAR], np.uint64(pool[best, LOTS])
    return top, standing


@jit
def _write(
    wire: Bytes, place: int, rows: Any, row: Any, side: Any, top: Any, standing: Any
) -> None:
    """Write what `TOP_DTYPE` says of a side."""
    sign = select(side & ONE, _ALL_ONES, ONE) << _HALF
    price = (top - ONE) ^ (NONE - (side & ONE) & _ALL_ONES)
    rows[row] = be64(wire, place + STAMP_AT) & TIME | side >> ONE << LOCATE_AT
    rows[row + ONE] = standing
    rows[row + _TWO] = select(top, price, NONE) | sign


@jit
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
        tick = price * heads[at | _MULTIPLIER] >> heads[at | _DOWN]
        key = tick ^ flip
        if (heads[at | _HIGH] - key < _NEAR) & (tick * heads[at | _GRID] == price):
            place = side * _NEAR | key & _RING
            level = near[place] + lots
            near[place] = level
            bit = ONE << (key & _RING)
            heads[at | _BITS] = heads[at | _BITS] & ~bit | select(level, bit, NONE)
        elif not change_far(heads, near, runs, pool, used, side, price, np.int64(lots)):
            cursor[DONE], cursor[ROWS] = index, np.int64(row) // TOP_WORDS
            return False
        top, standing = _best(heads, near, at, side)
        if heads[at | _FAR] > top:
            settle(heads, near, runs, pool, side)
            top, standing = _best_of_both(heads, near, runs, pool, at, side)
        if wanted:
            _write(wire, np.int64(ops[op + _THREE]), rows, row, side, top, standing)
            changed = (top != heads[at | _TOP]) | (standing != heads[at | _TOP_LOTS])
            row += select(last & np.uint64(changed), _THREE, NONE)
        heads[at | _TOP] = select(last, top, heads[at | _TOP])
        heads[at | _TOP_LOTS] = select(last, standing, heads[at | _TOP_LOTS])
        if last & np.uint64(top + heads[at ^ _WORDS | _TOP] > _CROSSED):
            note(log, Fault.CROSSED, -1, np.int64(ops[op + _THREE]), -1, 1)
    cursor[DONE] = cursor[OPS] = 0
    cursor[ROWS] = np.int64(row) // TOP_WORDS
    return True


def levels(book: Ladder, side: int) -> Ints:
    """All levels of a side, (L, 2) price and lots, best first."""
    words = book.heads[side * WORDS : (side + 1) * WORDS]
    bits, high, grid = int(words[BITS]), int(words[HIGH]), int(words[GRID])
    keys = [key for key in range(high, high - NEAR, -1) if bits >> key % NEAR & 1]
    lots = book.near[side * NEAR : (side + 1) * NEAR]
    ring = [((key ^ mirror(side)) * grid, int(lots[key % NEAR])) for key in keys]
    far = depth(book.runs, book.pool, side, int(book.runs[side, LEVELS]))
    both = np.array(ring, np.int64).reshape(-1, 2)
    merged = np.concatenate([both, far])
    return merged[np.argsort(merged[:, 0] ^ mirror(side))[::-1]]
