"""Columns filled straight from the wire: one pass counts, one fills block by block."""

from typing import Any

import numpy as np

from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.book.bits import leading_zeros, select
from tapeout.kernels.columns.arena import (
    ARRIVAL_AT,
    CLOCK_AT,
    END,
    FINE_PRICE,
    HEAD,
    INT,
    LETTER,
    LOCATE_AT,
    LONG,
    PRICE,
    SEQUENCE_AT,
    SHORT,
    SOURCES,
    STEP,
    TRACKING_AT,
)  # fmt: skip
from tapeout.kernels.columns.find import Found
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, be32, be64, put64

ZERO, ONE, TWO, THREE, WORD = (np.uint64(n) for n in (0, 1, 2, 3, 64))
FIELDS = len(HEAD)
CLOCK_START, LOCATE_START, TRACKING_START = (
    SOURCES["S"][column].start for column in (CLOCK_AT, LOCATE_AT, TRACKING_AT)
)
assert TRACKING_START + 2 == CLOCK_START  # one word holds both
CLOCK_BITS = np.uint64(48)
CLOCK_MASK = (ONE << CLOCK_BITS) - ONE
BLANKS = np.uint64(0x2020202020202020)
OVER_ASCII = np.uint64(0x8080808080808080)
BLOCK = np.uint64(STEP)


@jit_inner
def _text(wire: Bytes, at: int, spare: Any, arena: Bytes, end: int) -> tuple[Any, Any]:
    """Store a text without the blanks behind it; its bytes, and what of it is no blank.

    `spare` is how many bits of a word it does not fill.
    """
    word = be64(wire, at)
    put64(arena, end, word)
    ink = (word ^ BLANKS) >> spare
    blank = WORD - ONE - leading_zeros(ink & (~ink + ONE)) >> THREE  # all ones where ink is 0
    size = (WORD - spare >> THREE) - blank
    return np.int64(select(ink, size, ZERO)), ink


@jit_inner
def _heads(
    wire: Bytes, found: Found, first: int, last: int, midnight_ns: int, at: Ints, behind: Any,
    to: Any, twos: Any, eights: Any,
) -> None:  # fmt: skip
    """Write the heads of the messages `first` to `last` into the columns of their slots.

    Where each message starts goes to `at`, at the place `behind[slot]`, which moves on. `to` says
    what that place must be raised by to be a row of each column of `HEAD`.
    """
    arrived = found.arrivals.size
    for index in range(np.uint64(first), np.uint64(last)):
        start, slot = found.starts[index], np.uint64(found.slots[index])
        place = behind[slot]
        behind[slot] = place + ONE
        at[place] = start
        word = be64(wire, start + TRACKING_START)
        eights[to[slot, CLOCK_AT] + place] = midnight_ns + np.int64(word & CLOCK_MASK)
        eights[to[slot, SEQUENCE_AT] + place] = found.numbers[index]
        twos[to[slot, LOCATE_AT] + place] = be16(wire, start + LOCATE_START)
        twos[to[slot, TRACKING_AT] + place] = word >> CLOCK_BITS
        if arrived != 0:
            eights[to[slot, ARRIVAL_AT] + place] = found.arrivals[index]


@jit_inner
def _column(
    fill: Any, start: int, spare: Any, place: Any, text: int,
    wire: Bytes, at: Ints, base: Any, count: Any, done: Any,
    arena: Bytes, twos: Any, fours: Any, eights: Any,
) -> Any:  # fmt: skip
    """One field of `count` messages, behind the `done` rows it has; they start at `at[base:]`.

    Returns what of its text is beyond ASCII, as a word that is 0 if nothing is.
    """
    seen = ZERO
    to8, to4, to2 = (place >> THREE) + done, (place >> TWO) + done, (place >> ONE) + done
    if fill == LONG or fill == FINE_PRICE:
        for row in range(count):
            eights[to8 + row] = be64(wire, at[base + row] + start)
    elif fill == PRICE:
        for row in range(count):
            eights[to8 + row] = be32(wire, at[base + row] + start)
    elif fill == INT:
        for row in range(count):
            fours[to4 + row] = be32(wire, at[base + row] + start)
    elif fill == SHORT:
        for row in range(count):
            twos[to2 + row] = be16(wire, at[base + row] + start)
    elif fill == LETTER:
        for row in range(count):
            letter = wire[np.uint64(at[base + row] + start)]
            arena[place + done + row] = letter
            seen |= np.uint64(letter)
    else:
        end = np.int64(fours[to4])
        for row in range(count):
            size, ink = _text(wire, at[base + row] + start, spare, arena, text + end)
            end += size
            seen |= ink
            fours[to4 + row + ONE] = end
    return seen & OVER_ASCII


@jit_lean
def fill(
    wire: Bytes, found: Found, midnight_ns: int, plan: Any,
    arena: Bytes, twos: Any, fours: Any, eights: Any,
    at: Ints, behind: Any, done: Any, to: Any, seen: Any,
) -> None:  # fmt: skip
    """Fill the arena of a `Layout` made for what was found.

    `twos`, `fours` and `eights` are views of the arena, uint16, int32 and int64. The first offset
    of every text must be 0. `seen` (S, C) uint64 receives, for columns of text, a word that is
    not 0 if there are bytes beyond ASCII. `at` ((S + 1) * BLOCK,), `behind` and `done` (S + 1,),
    zeros, and `to` (S + 1, 5) are room to work in.
    """
    for first in range(0, found.starts.size, STEP):
        last = min(first + STEP, found.starts.size)
        for slot in range(np.uint64(plan.shape[0])):
            behind[slot] = slot * BLOCK
            for column in range(FIELDS):
                shift = ONE if column == LOCATE_AT or column == TRACKING_AT else THREE
                to[slot, column] = (plan[slot, column, 3] >> shift) + done[slot] - behind[slot]
        _heads(wire, found, first, last, midnight_ns, at, behind, to, twos, eights)
        for slot in range(np.uint64(plan.shape[0] - 1)):
            base = slot * BLOCK
            some = behind[slot] - base
            if some == ZERO:
                continue
            for column in range(FIELDS, plan.shape[1]):
                how = plan[slot, column, 0]
                if how == END:
                    break
                seen[slot, column] |= _column(
                    how, np.int64(plan[slot, column, 1]), plan[slot, column, 2],
                    plan[slot, column, 3], np.int64(plan[slot, column, 4]),
                    wire, at, base, some, done[slot], arena, twos, fours, eights,
                )  # fmt: skip
            done[slot] += some
