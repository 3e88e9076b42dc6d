"""Price levels of all instruments: one sorted run a side, best price last, all in one pool."""

import numpy as np

from tapeout.kernels._bits import prefetch
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.tape.record import Ints

FIRST_ROOM = 16  # levels a side starts with room for

#: `runs` is (sides, 3) int64: where a side's run starts in the pool, how many levels it has, how
#: many it has room for. `pool` is (P, 2) int64: price and lots, each run sorted worst to best.
#: `used` is (1,) int64: how much of the pool is given out.
START, LEVELS, ROOM = range(3)
PRICE, LOTS = range(2)


def with_room(pool: Ints, used: int, more: int) -> Ints:
    """The same levels with `more` entries of free pool at least."""
    if used + more <= pool.shape[0]:
        return pool
    larger = np.zeros((max(used + more, 2 * pool.shape[0]), 2), np.int64)
    larger[:used] = pool[:used]
    return larger


@jit_lean
def short_of(runs: Ints, pool: Ints, used: Ints, side: int) -> int:
    """How many more pool entries one insertion on `side` needs than there are; 0 where it fits."""
    if runs[side, LEVELS] < runs[side, ROOM]:
        return 0
    return max(used[0] + max(2 * runs[side, ROOM], FIRST_ROOM) - pool.shape[0], 0)


@jit_lean
def best(runs: Ints, pool: Ints, side: int) -> tuple[int, int]:
    """Price and lots of the best level of a side; zeros where there is none."""
    if runs[side, LEVELS] == 0:
        return 0, 0
    at = runs[side, START] + runs[side, LEVELS] - 1
    return pool[at, PRICE], pool[at, LOTS]


@jit_lean
def ask_runs(runs: Ints, locate: int) -> None:
    """Ask for where the two sides of an instrument are, which will soon be read."""
    prefetch(runs, np.uint64(2 * runs.shape[1] * locate))


@jit_lean
def ask_best(runs: Ints, pool: Ints, locate: int) -> None:
    """Ask for the best levels of both sides."""
    for side in range(2 * locate, 2 * locate + 2):
        prefetch(pool, np.uint64(2 * (runs[side, START] + runs[side, LEVELS])))


@jit_inner
def with_spare(runs: Ints, pool: Ints, used: Ints, side: int, more: int) -> bool:
    """Give a run room for `more` levels; False where the pool is too short, and nothing is done."""
    if runs[side, LEVELS] + more <= runs[side, ROOM]:
        return True
    room = max(2 * runs[side, ROOM], runs[side, LEVELS] + more, FIRST_ROOM)
    if used[0] + room > pool.shape[0]:
        return False
    _widen(runs, pool, used, side, room)
    return True


@jit_inner
def _widen(runs: Ints, pool: Ints, used: Ints, side: int, room: int) -> None:
    """Move a run to the end of the pool, where it has more room."""
    old, new = runs[side, START], used[0]
    for level in range(runs[side, LEVELS]):
        pool[new + level, PRICE] = pool[old + level, PRICE]
        pool[new + level, LOTS] = pool[old + level, LOTS]
    runs[side, START], runs[side, ROOM] = new, room
    used[0] += room


@jit_inner
def _place(runs: Ints, pool: Ints, side: int, price: int) -> int:
    """The pool index of the level at `price`, else of the next better one, else past the best."""
    bids, start = side & 1 == 0, runs[side, START]
    at = start + runs[side, LEVELS]
    while at > start:
        resting = pool[at - 1, PRICE]
        if resting == price:
            return at - 1
        if (resting < price) == bids:
            return at
        at -= 1
    return at


@jit_inner
def put(runs: Ints, pool: Ints, used: Ints, side: int, price: int, lots: int) -> None:
    """Add lots at a price; the level is made if it is not there. `short_of` must be 0."""
    if runs[side, LEVELS] == runs[side, ROOM]:
        _widen(runs, pool, used, side, max(2 * runs[side, ROOM], FIRST_ROOM))
    at, end = _place(runs, pool, side, price), runs[side, START] + runs[side, LEVELS]
    if at < end and pool[at, PRICE] == price:
        pool[at, LOTS] += lots
        return
    for level in range(end, at, -1):
        pool[level, PRICE] = pool[level - 1, PRICE]
        pool[level, LOTS] = pool[level - 1, LOTS]
    pool[at, PRICE], pool[at, LOTS] = price, lots
    runs[side, LEVELS] += 1


@jit_inner
def take(runs: Ints, pool: Ints, side: int, price: int, lots: int) -> None:
    """Take lots off a level that holds at least as many; an emptied level goes."""
    at, end = _place(runs, pool, side, price), runs[side, START] + runs[side, LEVELS]
    pool[at, LOTS] -= lots
    if pool[at, LOTS] == 0:
        for level in range(at, end - 1):
            pool[level, PRICE] = pool[level + 1, PRICE]
            pool[level, LOTS] = pool[level + 1, LOTS]
        runs[side, LEVELS] -= 1


def depth(runs: Ints, pool: Ints, side: int, most: int) -> Ints:
    """The best `most` levels, (L, 2) price and lots, best first, as a copy."""
    end = int(runs[side, START] + runs[side, LEVELS])
    start = max(int(runs[side, START]), end - most)
    return np.ascontiguousarray(pool[start:end][::-1])
