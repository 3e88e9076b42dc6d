"""Orders that fit no word or no bucket: open addressing, with nothing left where one was removed.

Three words a place: the side plus one, 0 where nobody is; the reference; price << 32 | lots. A
reference is looked for from its home on, up to the first free place (Knuth, The Art of Computer
Programming 3, section 6.4, algorithms L and R).
"""

from typing import Any

import numpy as np

from tapeout.kernels._bits import apart
from tapeout.kernels._jit import jit_inner, jit_lean

OWNER, REFERENCE, RESTING = (np.uint64(word) for word in range(3))
PLACE = np.uint64(3)  # words
NONE, ONE = np.uint64(0), np.uint64(1)
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
SHIFT_1, SHIFT_2, SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
ABSENT = np.uint64((1 << 64) - 1)

#: (3 * places,) uint64, a power of two of places.
Stash = np.ndarray[Any, np.dtype[np.uint64]]


def stash(places: int) -> Stash:
    """An empty one; three quarters of a power of two of `places` or more are ever filled."""
    return np.zeros(int(PLACE) << max(places - 1, 1).bit_length(), np.uint64)


def room(words: Stash) -> int:
    """How many orders it takes."""
    return words.size // int(PLACE) * 3 // 4


@jit_inner
def _mask(words: Stash) -> Any:
    return np.uint64(words.size) // PLACE - ONE


@jit_inner
def _home(words: Stash, reference: Any) -> Any:
    """Where a reference would be alone: SplitMix64's finalizer, so that every bit matters."""
    mixed = (reference ^ reference >> SHIFT_1) * MIX_1
    mixed = (mixed ^ mixed >> SHIFT_2) * MIX_2
    return (mixed ^ mixed >> SHIFT_3) & _mask(words)


@jit_inner
def is_full(words: Stash, held: int) -> Any:
    """Whether there is no room for one more beside the `held`."""
    return np.int64(held) >= np.int64(_mask(words) + ONE) * 3 // 4


@jit_lean
def look_up(words: Stash, reference: Any) -> Any:
    """Index of the first word of a reference's place, or ABSENT."""
    apart()
    place = _home(words, reference)
    while words[place * PLACE] != NONE:
        if words[place * PLACE + REFERENCE] == reference:
            return place * PLACE
        place = place + ONE & _mask(words)
    return ABSENT


@jit_lean
def put(words: Stash, reference: Any, resting: Any, side: Any) -> None:
    """Add an order that is not there; there must be room."""
    apart()
    place = _home(words, reference)
    while words[place * PLACE] != NONE:
        place = place + ONE & _mask(words)
    at = place * PLACE
    words[at], words[at + REFERENCE], words[at + RESTING] = side + ONE, reference, resting


@jit_lean
def drop(words: Stash, at: Any) -> None:
    """Remove the order at `at`; those behind that would not be found any more move up."""
    apart()
    hole, mask = at // PLACE, _mask(words)
    place = hole + ONE & mask
    while words[place * PLACE] != NONE:
        home = _home(words, words[place * PLACE + REFERENCE])
        if (place - home & mask) >= (place - hole & mask):
            for word in range(3):
                words[hole * PLACE + np.uint64(word)] = words[place * PLACE + np.uint64(word)]
            hole = place
        place = place + ONE & mask
    words[hole * PLACE] = NONE
