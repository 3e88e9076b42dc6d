"""One message resolved with every check: what the fast passes leave aside.

The rules are those of `hdl/book/model.py`; the fast passes are right about every message in which
none of them is broken, and stop in front of the others.
"""

from typing import Any

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._bits import apart
from tapeout.kernels._jit import jit_lean
from tapeout.kernels.book.blocks import (
    ENTERS,
    ENTRY,
    FIRST,
    INDEX,
    INDEX_AT,
    LEAVES,
    LOTS_AT,
    MOVES,
    NEXT,
    NONE,
    OF_AT,
    OFFSET,
    OP,
    OPS,
    OTHER_AT,
    PLACE_AT,
    PRICE_AT,
    REFERENCE_AT,
    SIDE_AT,
    WHOLE,
    Block,
)
from tapeout.kernels.orders.stash import ABSENT
from tapeout.kernels.orders.store import (
    Store,
    find,
    has_room,
    insert,
    remove,
    resting_at,
    shrink,
    side_at,
)
from tapeout.kernels.orders.word import HALF, LOW_HALF, SIDE_SHIFT
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.wire import Bytes, be16, be32, be64

BUY, SELL = ord("B"), ord("S")
SOUND = -1


@jit_lean
def _emit(block: Block, side: int, resting: Any, lots: int, last: bool) -> None:
    """Note a change of the level that an order of the next message rests on; see `OP`."""
    apart()
    cursor, at = block.cursor, OP * block.cursor[OPS]
    level = resting >> HALF << HALF | np.uint64(side) << SIDE_SHIFT
    block.ops[at] = level | np.uint64(cursor[NEXT]) << OF_AT | np.uint64(last)
    block.ops[at + 1] = np.uint64(lots)
    cursor[OPS] += 1


@jit_lean
def entering(wire: Bytes, place: int, traits: Any) -> Any:
    """The reference a new order goes by."""
    return be64(wire, place + (OTHER_AT if traits & MOVES == MOVES else REFERENCE_AT))


@jit_lean
def _judge(wire: Bytes, place: Any, traits: Any, lots: int, at: Any, store: Store) -> int:
    """The first rule a message about the order at `at` breaks, or SOUND."""
    apart()
    if traits & LEAVES == NONE:
        side = wire[place + SIDE_AT]
        if side != BUY and side != SELL:
            return Fault.BAD_SIDE
    elif at == ABSENT:
        return Fault.UNKNOWN_REFERENCE
    if traits & ENTERS != NONE and find(store, entering(wire, place, traits)) != ABSENT:
        return Fault.REPEATED_REFERENCE
    if lots == 0 and traits & (WHOLE | ENTERS) != WHOLE:
        return Fault.ZERO_SHARES
    if traits & (LEAVES | WHOLE) == LEAVES and lots > np.int64(resting_at(store, at) & LOW_HALF):
        return Fault.TOO_MANY_SHARES
    return SOUND


@jit_lean
def _leave(block: Block, store: Store, reference: Any, at: Any, lots: int, last: bool) -> None:
    """Take lots off the order at `at`, all of them if it has fewer, and off the book."""
    apart()
    side, resting = side_at(store, at), resting_at(store, at)
    lots = min(lots, np.int64(resting & LOW_HALF))
    if lots == np.int64(resting & LOW_HALF):
        remove(store, reference, at)
    else:
        shrink(store, at, np.uint64(lots))
    _emit(block, side, resting, -lots, last)


@jit_lean
def resolve_exactly(wire: Bytes, block: Block, store: Store, log: Ledger) -> bool:
    """Resolve the next message of the block; False if its new order has no room: nothing is done.

    The order's own instrument and side are taken, whatever the message names.
    """
    apart()
    cursor = block.cursor
    traits = block.entries[ENTRY * cursor[NEXT] + 1]
    place = traits >> PLACE_AT
    lots = np.int64(be32(wire, place + (traits >> LOTS_AT & OFFSET)))
    side = 2 * np.int64(be16(wire, place + 1)) + (wire[place + SIDE_AT] == SELL)
    leaves, enters = traits & LEAVES != NONE, traits & ENTERS != NONE
    subject, reference = be64(wire, place + REFERENCE_AT), entering(wire, place, traits)
    at = find(store, subject) if leaves else ABSENT
    fault = _judge(wire, place, traits, lots, at, store)
    price = be32(wire, place + (traits >> PRICE_AT & OFFSET))
    resting = price << HALF | np.uint64(lots)
    if enters and fault == SOUND and not has_room(store, reference, resting):
        return False
    seen = cursor[FIRST] + np.int64(traits >> INDEX_AT & INDEX)
    if fault != SOUND:
        note(log, fault, -1, np.int64(place), seen, 1)
    if at != ABSENT:
        if side_at(store, at) >> 1 != side >> 1:
            note(log, Fault.WRONG_INSTRUMENT, -1, np.int64(place), seen, 1)
        side = side_at(store, at)
    if fault == SOUND or fault == Fault.TOO_MANY_SHARES:
        if leaves:
            taken = np.int64(LOW_HALF) if traits & WHOLE != NONE else lots
            _leave(block, store, subject, at, taken, not enters)
        if enters:
            insert(store, reference, resting, side)
            _emit(block, side, resting, lots, True)
    cursor[NEXT] += 2 if leaves and enters else 1
    return True
