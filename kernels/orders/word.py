"""A resting order in one word of 64 bits, as nearly every order fits it.

    bit 63      ELSEWHERE: some order of this place is in the stash
    62 .. 32    price, ticks of 1/10,000 dollar
    31 .. 15    side: 2 * locate, one more for asks
    14 .. 0     lots; none says that nobody is here

A larger price or more lots do not fit: such an order goes to the stash, and so does what does not
fit its bucket. There an order is a *resting*, price << 32 | lots in full, and its side.
"""

from typing import Any

import numpy as np

from tapeout.kernels._jit import jit_inner

NONE, ONE = np.uint64(0), np.uint64(1)
ELSEWHERE = np.uint64(1 << 63)
HALF, LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
SIDE_SHIFT, SIDE_MASK = np.uint64(15), np.uint64((1 << 17) - 1)
MOST_LOTS, MOST_PRICE = np.uint64((1 << 15) - 1), np.uint64((1 << 31) - 1)
PRICE_BITS = np.uint64(31)


@jit_inner
def fits(resting: Any) -> Any:
    """Whether an order fits a word."""
    return (resting >> HALF <= MOST_PRICE) & (resting & LOW_HALF <= MOST_LOTS)


@jit_inner
def packed(resting: Any, side: Any) -> Any:
    """The word of an order that fits one."""
    return resting >> HALF << HALF | side << SIDE_SHIFT | resting & LOW_HALF


@jit_inner
def resting_in(word: Any) -> Any:
    """Price << 32 | lots."""
    return (word & ~ELSEWHERE) >> HALF << HALF | word & MOST_LOTS


@jit_inner
def side_in(word: Any) -> Any:
    """The side, 2 * locate, one more for asks."""
    return word >> SIDE_SHIFT & SIDE_MASK
