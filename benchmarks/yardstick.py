"""The book as a plain loop: what the fold of `kernels/book` is measured against, and agrees with.

One message after the other: an order array indexed by reference, and for each side a sorted run of
levels, best last, searched from the best. This is how the fastest published C++ builders work. It
does the same work as the fold: every fault is seen and counted, and every crossed book.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tapeout import hdl, kernels
from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import forget_stale, jit_inner, jit_lean
from tapeout.kernels.book.blocks import (
    ENTERS,
    LEAVES,
    LENGTH,
    LOTS_AT,
    MOVES,
    NONE,
    OFFSET,
    OTHER_AT,
    PREFIX,
    PRICE_AT,
    REFERENCE_AT,
    SIDE_AT,
    TRAITS,
    WHOLE,
)
from tapeout.kernels.book.digest import level_digest
from tapeout.kernels.book.exact import BUY, SELL
from tapeout.kernels.orders.word import HALF, LOW_HALF
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, be32, be64

SHORT = -1000  # no fault: a side has more levels than there is room for
ROOM = 264  # levels a side; no power of two, so that the best levels do not share a cache set
ALL_ONES = np.uint64(0xFFFFFFFF)


#: What this file keeps on disk is made of those rooms' tables, too.
forget_stale([Path(room.__path__[0]) for room in (kernels, hdl)] + [Path(__file__).parent])

RESTING, OWNER, NOWHERE, OWNED = 0, 1, -1, np.uint64(2)


@jit_lean
def find(shape: Any, slots: Any, reference: Any) -> int:
    """Where in `slots` a live order is, or NOWHERE."""
    if reference > shape[0]:
        return NOWHERE
    at = np.int64(reference) * 2
    return at if slots[at + OWNER] != NONE else NOWHERE


@jit_lean
def side_of(slots: Any, at: int) -> int:
    """The side of the order at `at`."""
    return np.int64(slots[at + OWNER] - OWNED)


@jit_lean
def insert(slots: Any, reference: Any, resting: Any, side: int) -> None:
    """Store an order under a reference that has a slot and is not live."""
    at = np.int64(reference) * 2
    slots[at + RESTING], slots[at + OWNER] = resting, np.uint64(side) + OWNED


@jit_lean
def remove(slots: Any, at: int) -> None:
    """Free a slot."""
    slots[at + RESTING], slots[at + OWNER] = NONE, NONE


class Yardstick:
    """All books, with all the memory they will ever have.

    `runs` (sides, ROOM) holds rank << 32 | lots, worst to best, where a rank is the price of a bid
    and the complement of an ask's; `counts` (sides,) how many. A level has fewer than 2^32 lots.
    """

    def __init__(self, references: int, instruments: int, log: Ledger) -> None:
        capacity = 1 << references.bit_length()
        self.shape = np.array([capacity - 1, 1], np.uint64)
        self.slots = np.zeros(2 * capacity, np.uint64)
        self.runs = np.zeros(2 * (instruments + 1) * ROOM, np.uint64)
        self.counts = np.zeros(2 * (instruments + 1), np.int64)
        self.ledger = log

    def clear(self) -> None:
        """No order in any book; the memory is touched."""
        for array in (self.slots, self.runs, self.counts, self.ledger):
            array[...] = 0

    def update(self, wire: Bytes, start: int, stop: int) -> None:
        """Fold in the length-prefixed messages of `wire[start:stop]`."""
        state = (self.shape, self.slots, self.runs, self.counts)
        end = fold(wire, start, stop, *state, self.ledger)
        assert end == stop, f"a side has more than {ROOM} levels at byte {end}"

    def digest(self) -> int:
        """As `tapeout.kernels.book.digest`."""
        total = 0
        for side in np.flatnonzero(self.counts).tolist():
            for word in self.runs[side * ROOM :][: self.counts[side]].tolist():
                price = word >> 32 ^ (0xFFFFFFFF if side & 1 else 0)
                total ^= level_digest(side, price, word & 0xFFFFFFFF)
        return total


@jit_inner
def _level(runs: Any, counts: Ints, side: int, rank: Any) -> int:
    """Where the level of a rank is, or the worst better one, searched from the best."""
    at = side * ROOM + counts[side]
    while at > side * ROOM and runs[at - 1] >> HALF >= rank:
        at -= 1
    return at


@jit_inner
def _rank(side: int, price: Any) -> Any:
    return price ^ ALL_ONES if side & 1 else price


@jit_inner
def _put(runs: Any, counts: Ints, side: int, price: Any, lots: Any) -> None:
    """Add lots to a level, which may be new."""
    rank = _rank(side, price)
    at, end = _level(runs, counts, side, rank), side * ROOM + counts[side]
    if at < end and runs[at] >> HALF == rank:
        runs[at] += lots
        return
    for level in range(end, at, -1):
        runs[level] = runs[level - 1]
    runs[at] = rank << HALF | lots
    counts[side] += 1


@jit_inner
def _take(runs: Any, counts: Ints, side: int, price: Any, lots: Any) -> None:
    """Take lots off a level; an emptied one goes."""
    at = _level(runs, counts, side, _rank(side, price))
    runs[at] -= lots
    if runs[at] & LOW_HALF == NONE:
        counts[side] -= 1
        for level in range(at, side * ROOM + counts[side]):
            runs[level] = runs[level + 1]


@jit_inner
def _leave(
    place: int, at: int, lots: Any, slots: Any, runs: Any, counts: Ints, log: Ledger
) -> None:
    """Take lots off an order and off its level."""
    resting, side = slots[at], side_of(slots, at)
    held = resting & LOW_HALF
    if lots > held:
        note(log, Fault.TOO_MANY_SHARES, -1, place, -1, 1)
        lots = held
    _take(runs, counts, side, resting >> HALF, lots)
    if lots == held:
        remove(slots, at)
    else:
        slots[at] = resting - lots


@jit_inner
def _apply(
    wire: Bytes,
    place: int,
    traits: Any,
    shape: Any,
    slots: Any,
    runs: Any,
    counts: Ints,
    log: Ledger,
) -> int:
    """Apply one book message; returns the side it changed, or a fault below zero."""
    lots = be32(wire, place + np.int64(traits >> LOTS_AT & OFFSET))
    side = 2 * np.int64(be16(wire, place + 1)) + (wire[place + SIDE_AT] == SELL)
    if traits & LEAVES != NONE:
        at = find(shape, slots, be64(wire, place + REFERENCE_AT))
        if at == NOWHERE:
            return -np.int64(Fault.UNKNOWN_REFERENCE)
        if side_of(slots, at) >> 1 != side >> 1:
            note(log, Fault.WRONG_INSTRUMENT, -1, place, -1, 1)
        side = side_of(slots, at)
    elif wire[place + SIDE_AT] != BUY and wire[place + SIDE_AT] != SELL:
        return -np.int64(Fault.BAD_SIDE)
    reference = be64(wire, place + (OTHER_AT if traits & MOVES == MOVES else REFERENCE_AT))
    if traits & ENTERS != NONE and find(shape, slots, reference) != NOWHERE:
        return -np.int64(Fault.REPEATED_REFERENCE)
    if lots == NONE and traits & (WHOLE | ENTERS) != WHOLE:
        return -np.int64(Fault.ZERO_SHARES)
    if traits & LEAVES != NONE:
        taken = slots[at] & LOW_HALF if traits & WHOLE != NONE else lots
        _leave(place, at, taken, slots, runs, counts, log)
    if traits & ENTERS != NONE:
        price = be32(wire, place + np.int64(traits >> PRICE_AT & OFFSET))
        if side >= counts.size or counts[side] == ROOM:
            return SHORT
        insert(slots, reference, price << HALF | lots, side)
        _put(runs, counts, side, price, lots)
    return side


@jit_lean
def fold(
    wire: Bytes,
    at: int,
    stop: int,
    shape: Any,
    slots: Any,
    runs: Any,
    counts: Ints,
    log: Ledger,
) -> int:
    """Fold whole messages; returns where it stopped: at the end, or a side has no room."""
    while at + PREFIX <= stop:
        start, length = at + PREFIX, np.int64(be16(wire, at))
        traits = TRAITS[wire[start]]
        at = start + length
        if np.int64(traits >> LENGTH) != length or traits & (LEAVES | ENTERS) == NONE:
            continue
        side = _apply(wire, start, traits, shape, slots, runs, counts, log)
        if side == SHORT:
            return start
        if side < 0:
            note(log, -side, -1, start, -1, 1)
            continue
        bids, asks = side & ~1, side | 1
        if counts[bids] > 0 and counts[asks] > 0:
            bid = runs[bids * ROOM + counts[bids] - 1] >> HALF
            if bid >= runs[asks * ROOM + counts[asks] - 1] >> HALF ^ ALL_ONES:
                note(log, Fault.CROSSED, -1, start, -1, 1)
    return at
