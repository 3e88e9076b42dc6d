"""Messages of a block to changes of levels, through the order store and without a branch."""

from typing import Any

import numpy as np

from tapeout.kernels._jit import jit_inner
from tapeout.kernels.book.bits import prefetch, select
from tapeout.kernels.book.blocks import (
    BYTE,
    ENTERS,
    FOUND,
    LEAVES,
    LOTS_AT,
    MOVES,
    NEXT,
    NONE,
    ONE,
    OPS,
    OTHER_AT,
    PRICE_AT,
    REFERENCE_AT,
    SIDE_AT,
    WHOLE,
)
from tapeout.kernels.book.exact import BUY, SELL
from tapeout.kernels.book.store import HALF, LOW_HALF, OWNED
from tapeout.kernels.book.window import NEAR, RECIPROCAL, SHIFT, WORDS
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, be32, be64

TWO, THREE = np.uint64(2), np.uint64(3)
RING, LAST, WORDS_A_SIDE = np.uint64(NEAR - 1), np.uint64(NEAR), np.uint64(WORDS)
_RECIPROCAL, _SHIFT = np.uint64(RECIPROCAL), np.uint64(SHIFT)
_BUY, _SELL = np.uint64(BUY), np.uint64(SELL)


@jit_inner
def _ask(near: Any, side: Any, price: Any) -> None:
    """Ask for the line of a level as it is on a ring of whole pennies."""
    key = price * _RECIPROCAL >> _SHIFT ^ (NONE - (side & ONE))
    prefetch(near, side * LAST | key & RING)


@jit_inner
def resolve(
    wire: Bytes,
    cursor: Ints,
    messages: Any,
    ops: Any,
    shape: Any,
    slots: Any,
    live: Ints,
    heads: Any,
    near: Any,
) -> None:
    """Resolve messages up to the first that breaks a rule, or all of the block.

    Every reference in the block must have a slot.
    """
    count, born, nowhere = np.uint64(4 * cursor[OPS]), live[0], shape[0] + ONE << ONE
    index, end = np.uint64(2 * cursor[NEXT]), np.uint64(2 * cursor[FOUND])
    while index < end:
        traits, place = messages[index], np.int64(messages[index + ONE])
        leaves, enters = traits & LEAVES, (traits & ENTERS) >> ONE
        locate = be16(wire, place + 1)
        first = be64(wire, place + REFERENCE_AT)
        other = select(traits & MOVES, be64(wire, place + OTHER_AT), first)
        shares = be32(wire, place + np.int64(traits >> LOTS_AT & BYTE))
        price = be32(wire, place + np.int64(traits >> PRICE_AT & BYTE))
        letter = np.uint64(wire[place + SIDE_AT])
        old, target = first << ONE, other << ONE
        resting, owner = slots[old], slots[old + ONE]
        held = resting & LOW_HALF
        lots = select(traits & WHOLE, held, shares)
        left = (owner >> ONE != locate + ONE) | (lots - ONE >= held)
        entered = (slots[target + ONE] != NONE) | (shares == NONE)
        sided = (letter == _BUY) | (letter == _SELL) | (leaves != NONE)
        if (leaves != NONE) & left | (enters != NONE) & entered | (not sided):
            break
        slots[old] = resting - select(leaves, lots, NONE)
        gone = leaves & np.uint64(lots == held)
        slots[old + ONE] = select(gone, NONE, owner)
        side = select(leaves, owner - OWNED, locate << ONE | np.uint64(letter == _SELL))
        target = select(enters, target, nowhere)
        slots[target], slots[target + ONE] = price << HALF | shares, side + OWNED
        ops[count], ops[count + ONE] = side << ONE | enters ^ ONE, resting >> HALF
        ops[count + TWO], ops[count + THREE] = NONE - lots, np.uint64(place)
        prefetch(heads, side * WORDS_A_SIDE)
        _ask(near, side, select(leaves, resting >> HALF, price))
        count += leaves << TWO
        ops[count], ops[count + ONE] = side << ONE | ONE, price
        ops[count + TWO], ops[count + THREE] = shares, np.uint64(place)
        _ask(near, side, price)
        count += enters << TWO
        born += np.int64(enters) - np.int64(gone)
        index += TWO
    cursor[OPS], cursor[NEXT], live[0] = np.int64(count >> TWO), np.int64(index >> ONE), born
