"""Wire bytes to blocks of book messages, each order's line asked for long before it is needed."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.itch.layout import MESSAGES, source
from tapeout.hdl.layout import Fault
from tapeout.kernels._bits import apart, prefetch, select
from tapeout.kernels._jit import jit_lean
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, be64

BLOCK = 64  # messages: enough that a line from memory is there when the next pass wants it

#: What a message does, and where it says so: bits of one word a type, the length from bit `LENGTH`.
#: `LEAVES` and `ENTERS` say whether an order leaves its level or enters one; a replace does both.
#: `WHOLE` takes all that rests.
SECOND, LEAVES, ENTERS, WHOLE = (np.uint64(1 << bit) for bit in range(4))
MOVES = LEAVES | ENTERS
LOTS_AT, PRICE_AT, LENGTH, OFFSET = (np.uint64(low) for low in (4, 10, 16, 63))
NONE, ONE, TWO = (np.uint64(word) for word in range(3))
REFERENCE_AT, SIDE_AT, OTHER_AT = (np.uint64(at) for at in (11, 19, 19))
PREFIX = TWO

#: An *entry* is one half of what a message does: an order leaves, or, with `SECOND`, one enters. It
#: has two words: the order's reference; then the low bits of its type's word, from `INDEX_AT` which
#: message of the block it is, and from `PLACE_AT` where that stands.
ENTRY, LOW, INDEX_AT, PLACE_AT = 2, np.uint64(0xFFFF), np.uint64(16), np.uint64(24)
INDEX = np.uint64(BLOCK - 1)

#: A level op, two words: the price from bit 32, the side from bit 15, from bit 1 which entry of the
#: block it is of, and one for the last of its message; then the lots, to add modulo 2^64.
OP, OF_AT, OF = 2, ONE, np.uint64(2 * BLOCK - 1)


def _traits(kind: str) -> int:
    """The word of one message type."""
    acts = sum(
        bool(kind in kinds) * int(bit)
        for kinds, bit in (("ECXDU", LEAVES), ("AFU", ENTERS), ("DU", WHOLE))
    )
    found = (source(kind, field) for field in ("shares", "price"))
    lots, price = (field.start if field else 0 for field in found)
    where = lots << int(LOTS_AT) | price << int(PRICE_AT)
    return acts | where | MESSAGES[kind].length << int(LENGTH)


UNKNOWN = 1 << 63  # far above every length
TRAITS = np.array(
    [_traits(chr(t)) if chr(t) in MESSAGES else UNKNOWN for t in range(256)], np.uint64
)

#: What a fold knows between two calls. `EXTENT` and `AT` are where it reads, `NEXT` of `FOUND`
#: entries of the block are resolved, `DONE` of `OPS` level ops applied. `SEEN` counts messages,
#: `FIRST` those before this block, `ROWS` the changes of best prices written. `BETWEEN` tells that
#: the next op is the second of a message that found `BEGAN` and `BEGAN_LOTS` as its side's best.
EXTENT, AT, NEXT, FOUND, DONE, OPS, SEEN, FIRST, ROWS, BETWEEN, BEGAN, BEGAN_LOTS = range(12)


class Block(NamedTuple):
    """Messages under way: `cursor` (12,) int64, entries and level ops (uint64), see above."""

    cursor: Ints
    entries: Any
    ops: Any


def block() -> Block:
    """Nothing under way; one more of everything than is ever meant."""
    words = (np.zeros(many * (BLOCK + 1), np.uint64) for many in (2 * ENTRY, 2 * OP))
    return Block(np.zeros(12, np.int64), *words)


@jit_lean
def _odd(wire: Bytes, at: Any, stop: Any, bare: bool, seen: int, log: Ledger) -> int:
    """Count a message whose length is not its type's; returns its length, -1 if it is not whole.

    Only a prefix of zero in a bare file takes its length from the type, see `binary_messages`.
    """
    apart()
    prefix, length = be16(wire, at - PREFIX), TRAITS[wire[at]] >> LENGTH & LOW
    if prefix == NONE and bare:
        if length == NONE or at + length > stop:
            return -1
        note(log, Fault.ZERO_PREFIX, -1, np.int64(at), seen, 1)
        return np.int64(length)
    if at + prefix > stop:
        return -1
    fault = Fault.UNKNOWN_TYPE if length == NONE and prefix > NONE else Fault.WRONG_LENGTH
    note(log, fault, -1, np.int64(at), seen, 1)
    return np.int64(prefix)


@jit_lean
def parse(
    wire: Bytes, extents: Ints, bare: bool, block: Block, shape: Any, slots: Any, log: Ledger
) -> bool:
    """Read the next `BLOCK` messages, or fewer at the end; False where there is none.

    The cache line of each reference's place in the order store, see `Store`, is asked for.
    """
    apart()
    cursor, entries = block.cursor, block.entries
    mask, width, skip = shape[0], shape[1], shape[2]
    extent, at, first = cursor[EXTENT], np.uint64(cursor[AT]), np.uint64(cursor[SEEN])
    stop = np.uint64(extents[extent, 1]) if extent < extents.shape[0] else at
    found, count = NONE, NONE
    while count < np.uint64(BLOCK):
        start, length = at + PREFIX, be16(wire, at)
        traits = TRAITS[wire[start]]
        if (traits >> LENGTH != length) | (start + length > stop):
            if start > stop:
                extent += 1
                if extent >= extents.shape[0]:
                    break
                at, stop = np.uint64(extents[extent, 0]), np.uint64(extents[extent, 1])
                continue
            whole = _odd(wire, start, stop, bare, np.int64(first + count), log)
            if whole < 0:
                stop = at
                continue
            length = np.uint64(whole)
            traits = select(np.uint64(length == traits >> LENGTH), traits, NONE)
        word = traits & LOW | count << INDEX_AT | start << PLACE_AT
        leaves, enters = traits & LEAVES, traits & ENTERS
        subject = be64(wire, start + REFERENCE_AT)
        other = select(leaves & enters >> ONE, be64(wire, start + OTHER_AT), subject)
        entries[found], entries[found + ONE] = subject, word
        found += leaves
        entries[found], entries[found + ONE] = other, word | SECOND
        found += enters >> ONE
        prefetch(slots, ((subject >> skip) & mask) << width)
        prefetch(slots, ((other >> skip) & mask) << width)
        count += ONE
        at = start + length
    cursor[EXTENT], cursor[AT], cursor[FIRST] = extent, np.int64(at), np.int64(first)
    cursor[SEEN] = np.int64(first + count)
    cursor[NEXT], cursor[FOUND] = 0, np.int64(found >> ONE)
    return count != NONE
