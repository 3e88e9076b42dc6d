"""Live orders moved to a store that has room for them."""

import numpy as np

from tapeout.kernels._jit import jit_lean
from tapeout.kernels.orders import stash
from tapeout.kernels.orders.store import (
    MASK,
    SKIP,
    WAYS,
    Store,
    direct,
    has_room,
    insert,
    ring,
)
from tapeout.kernels.orders.word import MOST_LOTS, NONE, ONE, resting_in, side_in

_BUCKET, _WAYS, _WAY = np.uint64(8), np.uint64(WAYS), np.uint64(3)


@jit_lean
def move(old: Store, new: Store) -> bool:
    """Insert the orders of one store into another; False where one has no room, or no place."""
    is_ring = old.shape[SKIP] != NONE
    for at in range(np.int64(old.shape[MASK] + ONE) * (8 if is_ring else 1)):
        index = np.uint64(at)
        word = old.slots[index]
        if (is_ring and index & _WAYS == NONE) or word & MOST_LOTS == NONE:
            continue
        reference = old.slots[index - _WAYS] if is_ring else index
        if not has_room(new, reference, resting_in(word)):
            return False
        insert(new, reference, resting_in(word), np.int64(side_in(word)))
    for place in range(old.stash.size // 3):
        at_place = np.uint64(3 * place)
        owner, reference = old.stash[at_place], old.stash[at_place + stash.REFERENCE]
        if owner != NONE:
            resting = old.stash[at_place + stash.RESTING]
            if not has_room(new, reference, resting):
                return False
            insert(new, reference, resting, np.int64(owner - ONE))
    return True


def larger_direct(store: Store, reference: int) -> Store:
    """The same orders where `reference` has a place, or, if it has one, with twice the stash."""
    references, places = int(store.shape[MASK]) + 1, store.stash.size // int(stash.PLACE)
    larger = reference >= references
    new = direct(max(references, reference + 1), places if larger else 2 * places)
    move(store, new)
    return new


def larger_ring(store: Store, orders: int) -> Store:
    """The same orders in a ring for `orders`, or for as many more as it takes."""
    while not move(store, new := ring(orders)):
        orders *= 2
    return new
