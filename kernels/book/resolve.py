"""Entries of a block to changes of levels, through the order store and without a branch.

Both passes stop in front of the first message that breaks a rule, and of one whose order is, or has
to be, in the stash. A replace that breaks one as it enters has left by then: that is taken back.
"""

from typing import Any

import numpy as np

from tapeout.kernels._bits import apart, prefetch, select
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.book.blocks import (
    ENTRY,
    FOUND,
    LEAVES,
    LOTS_AT,
    NEXT,
    NONE,
    OFFSET,
    ONE,
    OP,
    OPS,
    PLACE_AT,
    PRICE_AT,
    SECOND,
    SIDE_AT,
    TWO,
    WHOLE,
    Block,
)
from tapeout.kernels.book.exact import BUY, SELL
from tapeout.kernels.book.window import NEAR, RECIPROCAL, SHIFT, WORDS
from tapeout.kernels.orders.store import ORDERS, Store
from tapeout.kernels.orders.word import (
    ELSEWHERE,
    HALF,
    MOST_LOTS,
    MOST_PRICE,
    SIDE_MASK,
    SIDE_SHIFT,
)
from tapeout.kernels.tape.wire import Bytes, be16, be32

RING, SIDE, WORDS_A_SIDE = np.uint64(NEAR - 1), np.uint64(NEAR), np.uint64(WORDS)
_RECIPROCAL, _SHIFT = np.uint64(RECIPROCAL), np.uint64(SHIFT)
_BUY, _SELL = np.uint64(BUY), np.uint64(SELL)
THREE, FOUR = np.uint64(3), np.uint64(4)
LOCATE_MASK = SIDE_MASK >> ONE
NAMES = ~(ELSEWHERE | MOST_LOTS)  # price and side of an order word


@jit_inner
def _read(wire: Bytes, word: Any, old: Any, before: Any) -> tuple[Any, Any, Any, Any]:
    """What an entry says of an order whose word is `old`, and whether that breaks a rule.

    Returns the word of an order that enters, the lots of one that leaves, and for either whether it
    is at odds. The second half of a replace is on the side of `before`, which left.
    """
    place, moves = word >> PLACE_AT, word & LEAVES
    shares = be32(wire, place + (word >> LOTS_AT & OFFSET))
    price = be32(wire, place + (word >> PRICE_AT & OFFSET))
    locate, letter = be16(wire, place + ONE), np.uint64(wire[place + SIDE_AT])
    asks, bids = np.uint64(letter == _SELL), np.uint64(letter == _BUY)
    side = select(moves, before >> SIDE_SHIFT & SIDE_MASK, locate << ONE | asks)
    sized = (shares - ONE < MOST_LOTS) & (price <= MOST_PRICE)
    entering = np.uint64(not sized) | (moves >> ONE | asks | bids) ^ ONE
    lots = select(word & WHOLE, old & MOST_LOTS, shares)
    same = (old >> SIDE_SHIFT + ONE ^ locate) & LOCATE_MASK == NONE
    leaving = np.uint64(not (same & (lots - ONE < old & MOST_LOTS)))
    return price << HALF | side << SIDE_SHIFT | shares, lots, entering, leaving


@jit_inner
def _emit(
    ops: Any, op: Any, at: Any, word: Any, level: Any, lots: Any, heads: Any, near: Any
) -> None:
    """Note a change of the level an order rests on, and ask for its lines.

    The level's is asked for where it is on a ring of whole pennies.
    """
    last = word & SECOND | (word >> TWO & ONE) ^ ONE
    ops[op], ops[op + ONE] = level & NAMES | at | last, lots
    side, price = level >> SIDE_SHIFT & SIDE_MASK, level >> HALF & MOST_PRICE
    key = price * _RECIPROCAL >> _SHIFT ^ (NONE - (side & ONE))
    prefetch(heads, side * WORDS_A_SIDE)
    prefetch(near, side * SIDE | key & RING)


@jit_lean
def resolve_direct(wire: Bytes, block: Block, store: Store, heads: Any, near: Any) -> None:
    """Resolve entries through a direct store."""
    apart()
    cursor, entries, ops, slots = block.cursor, block.entries, block.ops, store.slots
    born, op, before, earlier = store.live[ORDERS], np.uint64(OP * cursor[OPS]), NONE, NONE
    mask, at, end = (
        store.shape[0],
        np.uint64(ENTRY * cursor[NEXT]),
        np.uint64(ENTRY * cursor[FOUND]),
    )
    while at < end:
        reference, word = entries[at], entries[at + ONE]
        second, replaces = word & SECOND, word >> ONE & word & ONE
        old = slots[reference & mask]
        new, lots, entering, leaving = _read(wire, word, old, before)
        entering |= old | replaces & np.uint64(reference == earlier)
        if select(second, entering, leaving) | np.uint64(reference > mask) != NONE:
            if replaces != NONE:
                slots[earlier & mask] = before
                op, at, born = op - TWO, at - TWO, born + 1
            break
        gone = np.uint64(lots == old & MOST_LOTS)
        slots[reference & mask] = select(second, new, select(gone, NONE, old - lots))
        lots = select(second, new & MOST_LOTS, NONE - lots)
        _emit(ops, op, at, word, select(second, new, old), lots, heads, near)
        born += np.int64(select(second, ONE, NONE - gone))
        before, earlier, op, at = old, reference, op + TWO, at + TWO
    cursor[OPS], cursor[NEXT] = np.int64(op >> ONE), np.int64(at >> ONE)
    store.live[ORDERS] = born


@jit_inner
def _way(slots: Any, bucket: Any, reference: Any) -> tuple[Any, Any]:
    """Which way of a bucket has a key, and whether any has."""
    second = np.uint64(slots[bucket + ONE] == reference)
    third = np.uint64(slots[bucket + TWO] == reference)
    fourth = np.uint64(slots[bucket + THREE] == reference)
    hit = np.uint64(slots[bucket] == reference) | second | third | fourth
    return second | third << ONE | fourth * THREE, hit


@jit_inner
def _room(slots: Any, bucket: Any) -> tuple[Any, Any]:
    """The first free way of a bucket, and whether it is full or has an order in the stash."""
    one, two = slots[bucket + FOUR], slots[bucket + FOUR + ONE]
    three, four = slots[bucket + FOUR + TWO], slots[bucket + FOUR + THREE]
    way = select(three & MOST_LOTS, THREE, TWO)
    way = select(one & MOST_LOTS, select(two & MOST_LOTS, way, ONE), NONE)
    full = select(way ^ THREE, NONE, four & MOST_LOTS)
    return way, full | (one | two | three | four) & ELSEWHERE


@jit_lean
def resolve_ring(wire: Bytes, block: Block, store: Store, heads: Any, near: Any) -> None:
    """Resolve entries through a ring of buckets; for the keys of free places see `clear`."""
    apart()
    cursor, entries, ops, slots = block.cursor, block.entries, block.ops, store.slots
    born, op, before, earlier = store.live[ORDERS], np.uint64(OP * cursor[OPS]), NONE, NONE
    mask, at, end = (
        store.shape[0],
        np.uint64(ENTRY * cursor[NEXT]),
        np.uint64(ENTRY * cursor[FOUND]),
    )
    left = NONE
    while at < end:
        reference, word = entries[at], entries[at + ONE]
        second, replaces = word & SECOND, word >> ONE & word & ONE
        bucket = (reference >> ONE & mask) << THREE
        way, hit = _way(slots, bucket, reference)
        free, full = _room(slots, bucket)
        old = slots[bucket + FOUR + way]
        new, lots, entering, leaving = _read(wire, word, old, before)
        entering |= full | hit | replaces & np.uint64(reference == earlier)
        if select(second, entering, leaving | hit ^ ONE) != NONE:
            if replaces != NONE:
                slots[left], slots[left + FOUR] = earlier, before
                op, at, born = op - TWO, at - TWO, born + 1
            break
        gone = np.uint64(lots == old & MOST_LOTS)
        left = bucket + select(second, free, way)
        slots[left] = select(second, reference, reference ^ (NONE - gone))
        slots[left + FOUR] = select(second, new, select(gone, old & ELSEWHERE, old - lots))
        lots = select(second, new & MOST_LOTS, NONE - lots)
        _emit(ops, op, at, word, select(second, new, old), lots, heads, near)
        born += np.int64(select(second, ONE, NONE - gone))
        before, earlier, op, at = old, reference, op + TWO, at + TWO
    cursor[OPS], cursor[NEXT] = np.int64(op >> ONE), np.int64(at >> ONE)
    store.live[ORDERS] = born
