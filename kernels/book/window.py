"""Where the 64 near ticks of a side stand, and the levels that are far from them.

A side is 2 * locate, one more for asks. Its *key* counts ticks so that a larger one is better: the
tick itself for bids, its complement for asks. Keys in (high - 64, high] are near, at `key % 64` of
a ring; all other levels, and prices between two ticks, are far, in the sorted runs of `levels`.
"""

from typing import Any

import numpy as np

from tapeout.kernels._bits import apart, leading_zeros, rotate_left
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.book.levels import LEVELS, LOTS, PRICE, START, put, take, with_spare
from tapeout.kernels.tape.record import Ints

NEAR = 64
AHEAD = 16  # ticks kept free above the best price when the window moves
IDLE = 40  # the window comes down when the best price is further below its top
FAR_AWAY = 1 << 40  # no key is near this
PENNY, DOLLAR = 100, 10_000  # ticks of 1/10,000 dollar; below a dollar a tick is one of them
RECIPROCAL, SHIFT = 1_374_389_535, 37  # price * RECIPROCAL >> SHIFT is price // PENNY (u32)
ALL_ONES = 0xFFFFFFFF

#: Four words a side, so one cache line an instrument. `BITS` tells the taken places of the ring.
#: `HIGH` is the best near key, with `PENNIES` where a tick is a penny, and `UNSURE` where a far
#: level, between two ticks, may be better than all near. `TOP` is the best price as a *rank*, one
#: more than the price or its complement, 0 of an empty side, and `TOP_LOTS` what rests there.
#: Who wants no best prices lets `TOP` be too high, and `TOP_LOTS` be anything.
BITS, HIGH, TOP, TOP_LOTS = range(4)
WORDS = 4
PENNIES, UNSURE = np.uint64(1 << 63), np.uint64(1 << 62)
FLAGS = PENNIES | UNSURE

#: (sides * 4,) and (sides * 64,) uint64: the words, and the lots at each near tick.
Heads = np.ndarray[Any, np.dtype[np.uint64]]


@jit_lean
def mirror(side: int) -> int:
    """What turns a price or tick into one of which the larger is better, and back: by xor."""
    return ALL_ONES if side & 1 else 0


@jit_lean
def grid(heads: Heads, side: int) -> int:
    """How far a side's ticks are apart."""
    return PENNY if heads[side * WORDS + HIGH] & PENNIES else 1


@jit_lean
def high(heads: Heads, side: int) -> int:
    """The best near key of a side."""
    return np.int64(heads[side * WORDS + HIGH] & ~FLAGS)


@jit_inner
def _move(heads: Heads, side: int, key: int) -> None:
    """Let the window end at a key."""
    heads[side * WORDS + HIGH] = np.uint64(key) | heads[side * WORDS + HIGH] & FLAGS


@jit_inner
def _key(heads: Heads, side: int, price: int) -> int:
    """The key of a price; that of the tick below where it stands between two."""
    pennies = heads[side * WORDS + HIGH] & PENNIES
    return (price * RECIPROCAL >> SHIFT if pennies else price) ^ mirror(side)


@jit_inner
def _on_grid(heads: Heads, side: int, price: int) -> bool:
    return (_key(heads, side, price) ^ mirror(side)) * grid(heads, side) == price


@jit_inner
def _open(heads: Heads, side: int, price: int) -> None:
    """Choose ticks and window for the first level of a side."""
    pennies = price >= DOLLAR or price % PENNY == 0
    heads[side * WORDS + HIGH] = PENNIES if pennies else np.uint64(0)
    _move(heads, side, _key(heads, side, price) + AHEAD)


@jit_inner
def _set_near(heads: Heads, near: Heads, side: int, key: int, lots: int) -> None:
    """Put a level where the ring has none."""
    near[side * NEAR + key % NEAR] = lots
    heads[side * WORDS + BITS] |= np.uint64(1) << np.uint64(key % NEAR)


@jit_lean
def _raise(
    heads: Heads, near: Heads, runs: Ints, pool: Ints, used: Ints, side: int, top: int
) -> None:
    """Move the window up to `top`; levels that fall out of it go far, worst first."""
    apart()
    at, old = side * WORDS, high(heads, side)
    for key in range(old - NEAR + 1, min(old, top - NEAR) + 1):
        bit = np.uint64(1) << np.uint64(key % NEAR)
        if heads[at + BITS] & bit != np.uint64(0):
            price = (key ^ mirror(side)) * grid(heads, side)
            put(runs, pool, used, side, price, np.int64(near[side * NEAR + key % NEAR]))
            near[side * NEAR + key % NEAR] = 0
            heads[at + BITS] ^= bit
    _move(heads, side, top)


@jit_lean
def _lower(heads: Heads, near: Heads, runs: Ints, pool: Ints, side: int, top: int) -> None:
    """Move the window down to `top`; far levels on its ticks come in."""
    apart()
    start, end = runs[side, START], runs[side, START] + runs[side, LEVELS]
    kept = end
    while kept > start and _key(heads, side, pool[kept - 1, PRICE]) > top - NEAR:
        kept -= 1
    for level in range(kept, end):
        price, lots = pool[level, PRICE], pool[level, LOTS]
        if _on_grid(heads, side, price):
            _set_near(heads, near, side, _key(heads, side, price), lots)
        else:
            pool[kept, PRICE], pool[kept, LOTS] = price, lots
            kept += 1
    runs[side, LEVELS] = kept - start
    _move(heads, side, top)


@jit_lean
def _mark(heads: Heads, runs: Ints, pool: Ints, side: int) -> None:
    """Note whether the best far level stands among the near ticks or above them."""
    apart()
    best, at = runs[side, START] + runs[side, LEVELS] - 1, side * WORDS + HIGH
    unsure = False
    if runs[side, LEVELS] > 0:
        unsure = _key(heads, side, pool[best, PRICE]) > high(heads, side) - NEAR
    heads[at] = heads[at] & ~UNSURE | (UNSURE if unsure else np.uint64(0))


@jit_lean
def change_far(
    heads: Heads, near: Heads, runs: Ints, pool: Ints, used: Ints, side: int, price: int, lots: int
) -> bool:
    """Add lots at a price that is not near, or take (below 0) lots off one that is there.

    False where the pool is too short: then nothing is done.
    """
    apart()
    at = side * WORDS
    if lots < 0:
        take(runs, pool, side, price, -lots)
        _mark(heads, runs, pool, side)
        return True
    if heads[at + BITS] == np.uint64(0) and runs[side, LEVELS] == 0:
        _open(heads, side, price)
    key, on_grid = _key(heads, side, price), _on_grid(heads, side, price)
    if not with_spare(runs, pool, used, side, NEAR + 1 if key > high(heads, side) else 1):
        return False
    if on_grid and key > high(heads, side):
        _raise(heads, near, runs, pool, used, side, key + AHEAD)
    top = high(heads, side)
    if on_grid and top - key < NEAR:
        _set_near(heads, near, side, key, lots)
    else:
        put(runs, pool, used, side, price, lots)
        best = top - np.int64(leading_zeros(rotate_left(heads[at + BITS], np.uint64(~top))))
        if heads[at + BITS] != np.uint64(0) and top - best > IDLE:
            _lower(heads, near, runs, pool, side, best + AHEAD)
    _mark(heads, runs, pool, side)
    return True


@jit_lean
def settle(heads: Heads, near: Heads, runs: Ints, pool: Ints, side: int) -> None:
    """Bring the window to the best far level on a tick if nothing is near."""
    apart()
    if heads[side * WORDS + BITS] != np.uint64(0):
        return
    for level in range(runs[side, START] + runs[side, LEVELS] - 1, runs[side, START] - 1, -1):
        if _on_grid(heads, side, pool[level, PRICE]):
            top = _key(heads, side, pool[level, PRICE]) + AHEAD
            _lower(heads, near, runs, pool, side, top)
            _mark(heads, runs, pool, side)
            return
