"""The order store: reference number to what rests, by open addressing that grows between blocks."""

from typing import Any

import numpy as np

from tapeout.kernels._bits import leading_zeros, prefetch
from tapeout.kernels._jit import jit_lean

#: (S, 3) uint64, S a power of two. A slot is the reference, price << 32 | shares, and attribution
#: << 32 | one more than the side index (2 * locate for bids, one more for asks): a free slot has
#: zero there.
Orders = np.ndarray[Any, np.dtype[np.uint64]]

REFERENCE, RESTING, SIDE = range(3)
FREE, ONE, THREE = np.uint64(0), np.uint64(1), np.uint64(3)
FULLEST = 0.5  # share of slots taken; linear probing stays short below it
MISSING = -1
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
HALF = np.uint64(32)
LOW_HALF = np.uint64(0xFFFFFFFF)


def orders(capacity: int = 1 << 16) -> Orders:
    """An empty store of `capacity` slots, a power of two from 2 on."""
    return np.zeros((capacity, 3), np.uint64)


@jit_lean
def _home(slots: Orders, reference: Any) -> int:
    """The slot a reference would like best: Fibonacci hashing (Knuth vol. 3, 6.4), twice.

    The highest bits of a product are those that every bit of the reference reaches; once alone
    would still put the multiples of some powers of two close together.
    """
    mixed = reference * GOLDEN
    mixed = (mixed ^ mixed >> HALF) * GOLDEN
    return np.int64(mixed >> leading_zeros(np.uint64(slots.shape[0] - 1)))


@jit_lean
def find(slots: Orders, reference: int) -> int:
    """The slot of a live order, or MISSING."""
    wanted, mask = np.uint64(reference), slots.shape[0] - 1
    slot = _home(slots, wanted)
    while slots[slot, SIDE] != FREE:
        if slots[slot, REFERENCE] == wanted:
            return slot
        slot = (slot + 1) & mask
    return MISSING


@jit_lean
def ask_order(slots: Orders, reference: Any) -> None:
    """Ask for the slot of a reference, which will soon be looked for."""
    prefetch(slots, THREE * np.uint64(_home(slots, reference)))


@jit_lean
def side_of(slots: Orders, slot: int) -> int:
    """The side index of the order in a taken slot."""
    return np.int64((slots[slot, SIDE] & LOW_HALF) - ONE)


@jit_lean
def attribution_of(slots: Orders, slot: int) -> Any:
    """The market participant of the order in a taken slot, as in its record; 0 for none."""
    return slots[slot, SIDE] >> HALF


@jit_lean
def insert(slots: Orders, reference: int, resting: int, side: int, attribution: Any) -> None:
    """Store an order whose reference is not live; there must be room."""
    slot, mask = _home(slots, np.uint64(reference)), slots.shape[0] - 1
    while slots[slot, SIDE] != FREE:
        slot = (slot + 1) & mask
    slots[slot, REFERENCE] = reference
    slots[slot, RESTING] = resting
    slots[slot, SIDE] = np.uint64(attribution) << HALF | np.uint64(side) + ONE


@jit_lean
def remove(slots: Orders, slot: int) -> None:
    """Free a slot and close the run behind it (Knuth vol. 3, 6.4, Algorithm R)."""
    mask = slots.shape[0] - 1
    hole, slot = slot, (slot + 1) & mask
    while slots[slot, SIDE] != FREE:
        home = _home(slots, slots[slot, REFERENCE])
        if (slot - home) & mask >= (slot - hole) & mask:
            for word in range(3):
                slots[hole, word] = slots[slot, word]
            hole = slot
        slot = (slot + 1) & mask
    slots[hole, SIDE] = FREE


@jit_lean
def _move(old: Orders, new: Orders) -> None:
    for slot in range(old.shape[0]):
        if old[slot, SIDE] != FREE:
            attribution = attribution_of(old, slot)
            insert(new, old[slot, REFERENCE], old[slot, RESTING], side_of(old, slot), attribution)


def with_room(slots: Orders, live: int, more: int) -> Orders:
    """The same `live` orders in a store where `more` still fit."""
    capacity = slots.shape[0]
    while live + more > FULLEST * capacity:
        capacity *= 2
    if capacity == slots.shape[0]:
        return slots
    larger = orders(capacity)
    _move(slots, larger)
    return larger
