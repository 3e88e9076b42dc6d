"""Where a reference's order is: in a slot of its own, in an array indexed by reference."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.kernels._jit import jit_lean
from tapeout.kernels.book.bits import zeros
from tapeout.kernels.tape.record import Ints

#: Two words a slot: price << 32 | lots, and the side (2 * locate, one more for asks) plus two. A
#: free slot is zero. The slot behind the last belongs to nobody: what must be nowhere goes there.
Slots = np.ndarray[Any, np.dtype[np.uint64]]

RESTING, OWNER = range(2)
SLOT = 2
NOWHERE = -1
HALF, LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
NONE, OWNED = np.uint64(0), np.uint64(2)
LARGEST = 1 << 31  # references a direct store takes unless told otherwise; 32 GiB, used as filled


class Store(NamedTuple):
    """Live orders: `shape` (2,) uint64 as `parse` wants it, the slots, and how many are live."""

    shape: Any
    slots: Slots
    live: Ints


def direct(references: int) -> Store:
    """An empty store for references below `references`, rounded up to a power of two."""
    capacity = 1 << max(references - 1, 1).bit_length()
    shape = np.array([capacity - 1, 1], np.uint64)
    return Store(shape, zeros(SLOT * (capacity + 1)), np.zeros(1, np.int64))


def with_reference(store: Store, reference: int, largest: int, place: int) -> Store:
    """The same orders in a store where `reference` has a slot.

    Raises
    ------
    ValueError
        "reference must be below 64 for the direct store; got 64 at byte 2"
    """
    if reference >= largest:
        raise ValueError(
            f"reference must be below {largest} for the direct store; got {reference}"
            f" at byte {place}"
        )
    larger = direct(reference + 1)
    larger.slots[: store.slots.size - SLOT] = store.slots[:-SLOT]
    return larger._replace(live=store.live)


@jit_lean
def has_room(shape: Any, reference: Any) -> bool:
    """Whether a reference has a slot."""
    return reference <= shape[0]


@jit_lean
def find(shape: Any, slots: Slots, reference: Any) -> int:
    """Where in `slots` a live order is, or NOWHERE."""
    if not has_room(shape, reference):
        return NOWHERE
    at = np.int64(reference) * SLOT
    return at if slots[at + OWNER] != NONE else NOWHERE


@jit_lean
def side_of(slots: Slots, at: int) -> int:
    """The side of the order at `at`."""
    return np.int64(slots[at + OWNER] - OWNED)


@jit_lean
def insert(slots: Slots, reference: Any, resting: Any, side: int) -> None:
    """Store an order under a reference that has a slot and is not live."""
    at = np.int64(reference) * SLOT
    slots[at + RESTING], slots[at + OWNER] = resting, np.uint64(side) + OWNED


@jit_lean
def remove(slots: Slots, at: int) -> None:
    """Free a slot."""
    slots[at + RESTING], slots[at + OWNER] = NONE, NONE
