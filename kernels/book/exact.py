"""One message resolved with every check: what the fast pass leaves aside.

The rules are those of `hdl/book/model.py`; the fast pass is right about every message in which
none of them is broken, and stops in front of the others.
"""

from typing import Any

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit_lean
from tapeout.kernels.book.blocks import (
    BYTE,
    ENTERS,
    LEAVES,
    LOTS_AT,
    MOVES,
    NEXT,
    NONE,
    OPS,
    OTHER_AT,
    PRICE_AT,
    REFERENCE_AT,
    SEEN_AT,
    SIDE_AT,
    WHOLE,
)
from tapeout.kernels.book.store import (
    HALF,
    LOW_HALF,
    NOWHERE,
    find,
    has_room,
    insert,
    remove,
    side_of,
)
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, be32, be64

BUY, SELL = ord("B"), ord("S")
SOUND = -1


@jit_lean
def _emit(
    cursor: Ints, ops: Any, side: int, resting: Any, lots: int, place: int, last: bool
) -> None:
    """Note a change of the level that an order rests on; see `Block`."""
    at = 4 * cursor[OPS]
    ops[at], ops[at + 1] = 2 * side + last, resting >> HALF
    ops[at + 2], ops[at + 3] = np.uint64(lots), place
    cursor[OPS] += 1


@jit_lean
def entering(wire: Bytes, place: int, traits: Any) -> Any:
    """The reference a new order goes by."""
    return be64(wire, place + (OTHER_AT if traits & MOVES != NONE else REFERENCE_AT))


@jit_lean
def _judge(wire: Bytes, place: int, traits: Any, lots: int, at: int, shape: Any, slots: Any) -> int:
    """The first rule a message about the order at `at` breaks, or SOUND."""
    if traits & LEAVES == NONE:
        side = wire[place + SIDE_AT]
        if side != BUY and side != SELL:
            return Fault.BAD_SIDE
    elif at == NOWHERE:
        return Fault.UNKNOWN_REFERENCE
    if traits & ENTERS != NONE and find(shape, slots, entering(wire, place, traits)) != NOWHERE:
        return Fault.REPEATED_REFERENCE
    if lots == 0 and traits & (WHOLE | ENTERS) != WHOLE:
        return Fault.ZERO_SHARES
    if traits & (LEAVES | WHOLE) == LEAVES and lots > np.int64(slots[at] & LOW_HALF):
        return Fault.TOO_MANY_SHARES
    return SOUND


@jit_lean
def _leave(
    place: int, at: int, lots: int, last: bool, cursor: Ints, ops: Any, slots: Any, live: Ints
) -> None:
    """Take lots off the order at `at`, all of them if it has fewer, and off the book."""
    side, resting = side_of(slots, at), slots[at]
    lots = min(lots, np.int64(resting & LOW_HALF))
    if lots == np.int64(resting & LOW_HALF):
        remove(slots, at)
        live[0] -= 1
    else:
        slots[at] = resting - np.uint64(lots)
    _emit(cursor, ops, side, resting, -lots, place, last)


@jit_lean
def resolve_exactly(
    wire: Bytes,
    cursor: Ints,
    messages: Any,
    ops: Any,
    shape: Any,
    slots: Any,
    live: Ints,
    log: Ledger,
) -> bool:
    """Resolve the next message of the block; False if its new order has no slot: nothing is done.

    The order's own instrument and side are taken, whatever the message names.
    """
    traits, place = messages[2 * cursor[NEXT]], np.int64(messages[2 * cursor[NEXT] + 1])
    lots = np.int64(be32(wire, place + np.int64(traits >> LOTS_AT & BYTE)))
    side = 2 * np.int64(be16(wire, place + 1)) + (wire[place + SIDE_AT] == SELL)
    leaves, enters = traits & LEAVES != NONE, traits & ENTERS != NONE
    at = find(shape, slots, be64(wire, place + REFERENCE_AT)) if leaves else NOWHERE
    fault = _judge(wire, place, traits, lots, at, shape, slots)
    reference = entering(wire, place, traits)
    if enters and fault == SOUND and not has_room(shape, reference):
        return False
    seen = np.int64(traits >> SEEN_AT)
    if fault != SOUND:
        note(log, fault, -1, place, seen, 1)
    if at != NOWHERE:
        if side_of(slots, at) >> 1 != side >> 1:
            note(log, Fault.WRONG_INSTRUMENT, -1, place, seen, 1)
        side = side_of(slots, at)
    cursor[NEXT] += 1
    if fault != SOUND and fault != Fault.TOO_MANY_SHARES:
        return True
    if leaves:
        taken = np.int64(LOW_HALF) if traits & WHOLE != NONE else lots
        _leave(place, at, taken, not enters, cursor, ops, slots, live)
    if enters:
        price = be32(wire, place + np.int64(traits >> PRICE_AT & BYTE))
        resting = price << HALF | np.uint64(lots)
        insert(slots, reference, resting, side)
        live[0] += 1
        _emit(cursor, ops, side, resting, lots, place, True)
    return True
