"""Columns filled straight from the wire: one pass counts, one fills block by block."""

from typing import Any

import numpy as np

from tapeout.kernels._bits import leading_zeros, select
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.columns.arena import (
    ARRIVAL_AT,
    CLOCK_AT,
    END,
    FILL,
    FINE_PRICE,
    HEAD,
    INT,
    LETTER,
    LOCATE_AT,
    LONG,
    PLACES,
    PRICE,
    SEQUENCE_AT,
    SHORT,
    SOURCES,
    SPARE,
    START,
    STEP,
    TEXTS,
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
def _sorted(found: Found, first: int, last: int, at: Ints, order: Ints, counts: Any) -> None:
    """Put where the messages `first` to `last` start, and which they are, by slot."""
    counts[:] = 0
    for index in range(np.uint64(first), np.uint64(last)):
        slot = np.uint64(found.slots[index])
        place = slot * BLOCK + counts[slot]
        at[place], order[place] = found.starts[index], index
        counts[slot] += ONE


@jit_inner
def _heads(
    places: Any, wire: Bytes, found: Found, at: Ints, order: Ints, base: Any, count: Any,
    done: Any, midnight_ns: int, twos: Any, eights: Any,
) -> None:  # fmt: skip
    """The columns of the head of `count` messages, behind the `done` rows they have."""
    clock, number = (places[CLOCK_AT] >> THREE) + done, (places[SEQUENCE_AT] >> THREE) + done
    locate, tracking = (places[LOCATE_AT] >> ONE) + done, (places[TRACKING_AT] >> ONE) + done
    for row in range(count):
        start = at[base + row]
        word = be64(wire, start + TRACKING_START)
        eights[clock + row] = midnight_ns + np.int64(word & CLOCK_MASK)
        eights[number + row] = found.numbers[np.uint64(order[base + row])]
        twos[locate + row] = be16(wire, start + LOCATE_START)
        twos[tracking + row] = word >> CLOCK_BITS
    if found.arrivals.size > 0:
        arrival = (places[ARRIVAL_AT] >> THREE) + done
        for row in range(count):
            eights[arrival + row] = found.arrivals[np.uint64(order[base + row])]


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
    at: Ints, order: Ints, counts: Any, done: Any, seen: Any,
) -> None:  # fmt: skip
    """Fill the arena of a `Layout` made for what was found.

    `twos`, `fours` and `eights` are views of the arena, uint16, int32 and int64. The first offset
    of every text must be 0. `seen` (S, C) uint64 receives, for columns of text, a word that is not
    0 if there are bytes beyond ASCII. `at`, `order` ((S + 1) * BLOCK,), `counts` and `done` (S + 1,
    zeros) are room to work in.
    """
    for first in range(0, found.starts.size, STEP):
        last = min(first + STEP, found.starts.size)
        _sorted(found, first, last, at, order, counts)
        for slot in range(np.uint64(plan.shape[0])):
            some, base = counts[slot], slot * BLOCK
            if some == ZERO:
                continue
            _heads(
                plan[slot, :, PLACES], wire, found, at, order, base, some, done[slot], midnight_ns,
                twos, eights,
            )  # fmt: skip
            for column in range(FIELDS, plan.shape[1]):
                what = plan[slot, column]
                if what[FILL] == END:
                    break
                seen[slot, column] |= _column(
                    what[FILL], np.int64(what[START]), what[SPARE], what[PLACES],
                    np.int64(what[TEXTS]),
                    wire, at, base, some, done[slot], arena, twos, fours, eights,
                )  # fmt: skip
            done[slot] += some
