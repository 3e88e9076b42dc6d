"""Where a reference's order is: a direct store, a ring of buckets, and what is the same in both.

The direct store has a word for each reference. The ring has buckets of one cache line, four keys
and their four words, and a reference's bucket is (reference >> 1) modulo their number: references
ascend, so the oldest have mostly left when the ring comes round. Both keep what fits no word, or no
bucket, in a stash.
"""

from typing import Any, NamedTuple

import numpy as np

from tapeout.kernels._bits import apart, zeros
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.orders import stash
from tapeout.kernels.orders.stash import ABSENT, Stash
from tapeout.kernels.orders.word import (
    ELSEWHERE,
    MOST_LOTS,
    NONE,
    ONE,
    fits,
    packed,
    resting_in,
    side_in,
)
from tapeout.kernels.tape.record import Ints

#: One word a place, or eight a bucket. What must be nowhere goes behind the last.
Slots = np.ndarray[Any, np.dtype[np.uint64]]

MASK, WIDTH, SKIP = range(3)
ORDERS, STASHED = range(2)
BUCKET, WAYS = 8, 4
IN_STASH = np.uint64(1 << 63)  # so marked, a position is one of the stash
ALL_ONES = np.uint64((1 << 64) - 1)
_WAYS, _TOP_BIT = np.uint64(WAYS), np.uint64(63)
MOST_COUNTED = 15


class Store(NamedTuple):
    """Live orders.

    A reference's place is the 2^`WIDTH` words at ((reference >> `SKIP`) & `MASK`) << `WIDTH`, all
    of `shape` (3,) uint64: one word in a direct store, a bucket in a ring. `live` (2,) int64 counts
    the orders and those of them in the stash.
    """

    shape: Any
    slots: Slots
    stash: Stash
    live: Ints

    @property
    def is_ring(self) -> bool:
        """Whether places are shared."""
        return bool(self.shape[SKIP])

    @property
    def bytes(self) -> int:
        """Memory taken."""
        return self.slots.nbytes + self.stash.nbytes


def direct(references: int, stashed: int = 64) -> Store:
    """An empty store for references below `references`, rounded up to a power of two."""
    capacity = 1 << max(references - 1, 1).bit_length()
    shape = np.array([capacity - 1, 0, 0], np.uint64)
    return Store(shape, zeros(capacity + 1), stash.stash(stashed), np.zeros(2, np.int64))


def ring(orders: int, stashed: int | None = None) -> Store:
    """An empty store with a bucket or more for each of so many orders, whatever references.

    One order in 22 has room in the stash, too, unless told otherwise.
    """
    buckets = 1 << max(orders - 1, 1).bit_length()
    shape = np.array([buckets - 1, 3, 1], np.uint64)
    places = stash.stash(max(buckets // 16, 16) if stashed is None else stashed)
    empty = Store(shape, zeros(BUCKET * (buckets + 1)), places, np.zeros(2, np.int64))
    clear(empty)
    return empty


def clear(store: Store) -> None:
    """Forget every order.

    A free place of a ring has a key of another bucket, so that nothing is found there: zero, and
    all ones in bucket zero.
    """
    for array in (store.slots, store.stash, store.live):
        array[...] = 0
    if store.is_ring:
        store.slots[:WAYS] = ALL_ONES


@jit_lean
def has_slot(store: Store, reference: Any) -> Any:
    """Whether a reference has a place, as any has in a ring."""
    return (store.shape[SKIP] != NONE) | (reference <= store.shape[MASK])


@jit_inner
def _place(store: Store, reference: Any) -> Any:
    return ((reference >> store.shape[SKIP]) & store.shape[MASK]) << store.shape[WIDTH]


@jit_lean
def _count(store: Store, reference: Any, more: int) -> None:
    """Note in a reference's place that the stash has one more, or one less, that belongs there.

    The four top bits of a bucket's words count them. Fifteen may be more and stays.
    """
    apart()
    place = _place(store, reference)
    if store.shape[SKIP] == NONE:
        store.slots[place] = ELSEWHERE if more > 0 else NONE
        return
    held = np.int64(0)
    for way in range(WAYS):
        at = place + _WAYS + np.uint64(way)
        held += np.int64(store.slots[at] >> _TOP_BIT) << way
    held += np.int64(more if held < MOST_COUNTED else 0)
    for way in range(WAYS):
        at = place + _WAYS + np.uint64(way)
        store.slots[at] = store.slots[at] & ~ELSEWHERE | np.uint64(held >> way & 1) << _TOP_BIT


@jit_lean
def _free(store: Store, reference: Any, resting: Any) -> Any:
    """The word where a new order goes, or ABSENT if there is none or it fits no word."""
    apart()
    place = _place(store, reference)
    if not fits(resting):
        return ABSENT
    if store.shape[SKIP] == NONE:
        return place
    for way in range(WAYS):
        at = place + _WAYS + np.uint64(way)
        if store.slots[at] & MOST_LOTS == NONE:
            return at
    return ABSENT


@jit_lean
def find(store: Store, reference: Any) -> Any:
    """Where a live order is, or ABSENT."""
    apart()
    if not has_slot(store, reference):
        return ABSENT
    place, elsewhere = _place(store, reference), NONE
    if store.shape[SKIP] == NONE:
        if store.slots[place] & MOST_LOTS != NONE:
            return place
        elsewhere = store.slots[place]
    else:
        for way in range(WAYS):
            at = place + np.uint64(way)
            if store.slots[at] == reference:
                return at + _WAYS
            elsewhere |= store.slots[at + _WAYS]
    if elsewhere & ELSEWHERE == NONE:
        return ABSENT
    at = stash.look_up(store.stash, reference)
    return at if at == ABSENT else at | IN_STASH


@jit_lean
def resting_at(store: Store, at: Any) -> Any:
    """Price << 32 | lots of the order at `at`."""
    if at & IN_STASH != NONE:
        return store.stash[(at ^ IN_STASH) + stash.RESTING]
    return resting_in(store.slots[at])


@jit_lean
def side_at(store: Store, at: Any) -> Any:
    """The side of the order at `at`."""
    if at & IN_STASH != NONE:
        return np.int64(store.stash[at ^ IN_STASH] - ONE)
    return np.int64(side_in(store.slots[at]))


@jit_lean
def has_room(store: Store, reference: Any, resting: Any) -> bool:
    """Whether an order that is not there can be."""
    if not has_slot(store, reference):
        return False
    stashes = _free(store, reference, resting) == ABSENT
    return not (stashes and stash.is_full(store.stash, store.live[STASHED]))


@jit_lean
def insert(store: Store, reference: Any, resting: Any, side: Any) -> None:
    """Store an order that there is room for and that is not there."""
    apart()
    at = _free(store, reference, resting)
    store.live[ORDERS] += 1
    if at == ABSENT:
        store.live[STASHED] += 1
        stash.put(store.stash, reference, resting, np.uint64(side))
        _count(store, reference, 1)
        return
    store.slots[at] = store.slots[at] & ELSEWHERE | packed(resting, np.uint64(side))
    if store.shape[SKIP] != NONE:
        store.slots[at - _WAYS] = reference


@jit_lean
def shrink(store: Store, at: Any, lots: Any) -> None:
    """Take lots, not all, off the order at `at`."""
    if at & IN_STASH != NONE:
        store.stash[(at ^ IN_STASH) + stash.RESTING] -= lots
    else:
        store.slots[at] -= lots


@jit_lean
def remove(store: Store, reference: Any, at: Any) -> None:
    """Take away the order of a reference, which is at `at`."""
    apart()
    store.live[ORDERS] -= 1
    if at & IN_STASH != NONE:
        store.live[STASHED] -= 1
        stash.drop(store.stash, at ^ IN_STASH)
        _count(store, reference, -1)
        return
    store.slots[at] &= ELSEWHERE
    if store.shape[SKIP] != NONE:
        store.slots[at - _WAYS] = ~reference
