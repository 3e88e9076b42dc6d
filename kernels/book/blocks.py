"""Wire bytes to blocks of book messages, each order's line asked for long before it is needed."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.itch.layout import MESSAGES, source
from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.book.bits import prefetch, select
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, be64

BLOCK = 64  # messages: enough that a line from memory is there when the next pass wants it

#: What a message does to the order store, and where it says so: bits of one word a type.
#: `WHOLE` takes all that rests; `MOVES` enters under a reference of its own.
LEAVES, ENTERS, WHOLE, MOVES = (np.uint64(1 << bit) for bit in range(4))
LOTS_AT, PRICE_AT, LENGTH = (np.uint64(low) for low in (8, 16, 24))
BYTE = np.uint64(255)
NONE, ONE = np.uint64(0), np.uint64(1)
REFERENCE_AT, SIDE_AT, OTHER_AT = 11, 19, 19
PREFIX = 2


def _traits(kind: str) -> int:
    """The word of one message type."""
    acts = sum(
        bool(kind in kinds) * int(bit)
        for kinds, bit in (("ECXDU", LEAVES), ("AFU", ENTERS), ("DU", WHOLE), ("U", MOVES))
    )
    found = (source(kind, field) for field in ("shares", "price"))
    lots, price = (field.start if field else 0 for field in found)
    return acts | lots << int(LOTS_AT) | price << int(PRICE_AT) | MESSAGES[kind].length << 24


UNKNOWN = 1 << 63  # far above every length
TRAITS = np.array(
    [_traits(chr(t)) if chr(t) in MESSAGES else UNKNOWN for t in range(256)], np.uint64
)

#: What a fold knows between two calls. `EXTENT` and `AT` are where it reads, `NEXT` of `FOUND`
#: messages of the block are resolved, `DONE` of `OPS` level ops applied. `SEEN` counts messages,
#: `ROWS` the changes of best prices written; `REFERENCES` is the bitwise or of those in the block.
#: `BETWEEN` tells that the next op is the second of a message that found `BEGAN` and `BEGAN_LOTS`
#: as the best of its side.
EXTENT, AT, NEXT, FOUND, DONE, OPS, SEEN, ROWS, REFERENCES, BETWEEN, BEGAN, BEGAN_LOTS = range(12)
SEEN_AT, TIME = np.uint64(32), np.uint64((1 << 48) - 1)


class Block(NamedTuple):
    """Messages under way.

    `cursor` is (12,) int64, see above. `messages` has two words each: traits and, from bit 32, the
    message's number; its place. `ops` has four words for each change of a level: side << 1, plus
    one for the last of its message; price; lots, to add modulo 2^64; place of the message.
    """

    cursor: Ints
    messages: Any
    ops: Any


def block() -> Block:
    """Nothing under way."""
    words = (np.zeros(many * (BLOCK + 1), np.uint64) for many in (2, 8))
    return Block(np.zeros(12, np.int64), *words)


@jit_lean
def _odd(wire: Bytes, at: int, stop: int, bare: bool, seen: int, log: Ledger) -> int:
    """Count a message whose length is not its type's; returns its length, -1 if it is not whole.

    Only a prefix of zero in a bare file takes its length from the type, see `binary_messages`.
    """
    prefix, length = np.int64(be16(wire, at - PREFIX)), np.int64(TRAITS[wire[at]] >> LENGTH & BYTE)
    if prefix == 0 and bare:
        if length == 0 or at + length > stop:
            return -1
        note(log, Fault.ZERO_PREFIX, -1, at, seen, 1)
        return length
    if at + prefix > stop:
        return -1
    unknown = length == 0 and prefix > 0
    note(log, Fault.UNKNOWN_TYPE if unknown else Fault.WRONG_LENGTH, -1, at, seen, 1)
    return prefix


@jit_inner
def parse(
    wire: Bytes,
    extents: Ints,
    bare: bool,
    cursor: Ints,
    messages: Any,
    shape: Any,
    slots: Any,
    log: Ledger,
) -> None:
    """Find the next `BLOCK` book messages, or fewer at the end.

    A slot of the order store is asked for at (reference & shape[0]) << shape[1].
    """
    mask, width = shape[0], shape[1]
    extent, at, found, seen = cursor[EXTENT], cursor[AT], 0, cursor[SEEN]
    stop = extents[extent, 1] if extent < extents.shape[0] else at
    references = NONE
    while found < BLOCK:
        start = at + PREFIX
        if start > stop:
            extent += 1
            if extent >= extents.shape[0]:
                break
            at, stop = extents[extent, 0], extents[extent, 1]
            continue
        traits, length = TRAITS[wire[start]], np.int64(be16(wire, at))
        if np.int64(traits >> LENGTH) != length or start + length > stop:
            length = _odd(wire, start, stop, bare, seen, log)
            if length < 0:
                stop = at
                continue
            traits = select(np.uint64(length == np.int64(traits >> LENGTH)), traits, NONE)
        messages[2 * found] = traits | np.uint64(seen) << SEEN_AT
        messages[2 * found + 1] = start
        first = be64(wire, start + REFERENCE_AT)
        other = select(traits & MOVES, be64(wire, start + OTHER_AT), first)
        prefetch(slots, (first & mask) << width)
        prefetch(slots, (other & mask) << width)
        acts = traits & (LEAVES | ENTERS)
        references |= select(acts, first | other, NONE)
        found += acts != NONE
        seen += 1
        at = start + length
    cursor[EXTENT], cursor[AT], cursor[SEEN] = extent, at, seen
    cursor[NEXT], cursor[FOUND], cursor[REFERENCES] = 0, found, np.int64(references)
