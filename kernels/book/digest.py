"""One number for a whole book: equal for equal levels, whoever keeps them.

The xor over all levels of a mix of side (2 * locate, one more for asks), price and lots. Levels may
come in any order, and one that changes is taken out as it was put in. Twin of `hdl/book/digest.py`.
"""

from typing import Any

import numpy as np

from tapeout.kernels._jit import jit, jit_inner
from tapeout.kernels.book.ladder import Ladder, levels, taken
from tapeout.kernels.book.levels import LEVELS, LOTS, PRICE, START
from tapeout.kernels.tape.record import Ints

Words = np.ndarray[Any, np.dtype[np.uint64]]
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _32 = (np.uint64(bits) for bits in (30, 27, 31, 32))


@jit_inner
def _mix(word: Any) -> Any:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, figure 17)."""
    word = (word ^ word >> _30) * _FIRST
    word = (word ^ word >> _27) * _SECOND
    return word ^ word >> _31


@jit
def level_digest(side: int, price: int, lots: int) -> int:
    """What one level adds to the digest."""
    return _mix(_mix(np.uint64(side) << _32 | np.uint64(price)) ^ np.uint64(lots))


@jit
def side_digest(side: int, rows: Ints) -> int:
    """What the levels of a side, (L, 2) price and lots, add to the digest."""
    total = np.uint64(0)
    for row in range(rows.shape[0]):
        total ^= level_digest(side, rows[row, PRICE], rows[row, LOTS])
    return total


@jit
def levels_digest(runs: Ints, pool: Ints, locate: int) -> int:
    """The digest of one instrument whose levels are as `kernels.book.levels` keeps them."""
    total = np.uint64(0)
    for side in range(2 * locate, 2 * locate + 2):
        start = runs[side, START]
        total ^= side_digest(side, pool[start : start + runs[side, LEVELS]])
    return total


@jit
def run_digests(runs: Ints, pool: Ints, found: Words) -> None:
    """Fill in the digest of each instrument, by locate: as many as `found` (N,) has room for."""
    for locate in range(found.size):
        found[locate] = levels_digest(runs, pool, locate)


def digests(book: Ladder) -> Words:
    """The digest of each instrument, by locate."""
    found = np.zeros(book.runs.shape[0] // 2, np.uint64)
    for side in taken(book):
        found[side >> 1] ^= np.uint64(side_digest(side, levels(book, side)))
    return found


def digest(book: Ladder) -> int:
    """The digest of all books."""
    return int(np.bitwise_xor.reduce(digests(book)))
