"""Level ops applied with every change of a best price written out."""

from typing import Any

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._bits import apart, select
from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.book.blocks import (
    BEGAN,
    BEGAN_LOTS,
    BETWEEN,
    DONE,
    ENTRY,
    FIRST,
    INDEX,
    INDEX_AT,
    NONE,
    OF,
    OF_AT,
    ONE,
    OP,
    OPS,
    PLACE_AT,
    ROWS,
    TWO,
    Block,
)
from tapeout.kernels.book.ladder import CROSSED, Ladder, change, near_best, op_of, stand
from tapeout.kernels.book.window import ALL_ONES, HIGH, TOP, TOP_LOTS, UNSURE, WORDS
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.record import STAMP_BITS
from tapeout.kernels.tape.wire import Bytes, be64

#: The best price of one side from here on; no lots at price zero where the side is empty. `stamp`
#: is as in the record: exchange time, ns since midnight, and from bit 48 the locate. `message` is
#: how many messages of the update came before the one that changed it.
TOP_DTYPE = np.dtype(
    [
        ("stamp", "<u8"),
        ("message", "<i8"),
        ("lots", "<u8"),
        ("price_ticks", "<u4"),
        ("side", "<i4"),
    ]
)
TOP_WORDS = 4

_HIGH, _TOP, _TOP_LOTS, _WORDS = (np.uint64(word) for word in (HIGH, TOP, TOP_LOTS, WORDS))
_ALL_ONES, _HALF, _ROW = np.uint64(ALL_ONES), np.uint64(32), np.uint64(TOP_WORDS)
_THREE, STAMP_AT, LOCATE_AT = np.uint64(3), np.uint64(3), np.uint64(STAMP_BITS)
TIME = np.uint64((1 << STAMP_BITS) - 1)


@jit_inner
def _word_of(block: Block, index: Any) -> Any:
    """Which message an op is of, and where that stands: see `ENTRY`."""
    entry = block.ops[index * np.uint64(OP)] >> OF_AT & OF
    return block.entries[entry * np.uint64(ENTRY) + ONE]


@jit_inner
def _write(
    wire: Bytes, word: Any, first: Any, rows: Any, row: Any, side: Any, top: Any, standing: Any
) -> None:
    """Write what `TOP_DTYPE` says of a side; `first` messages came before the block."""
    sign = select(side & ONE, _ALL_ONES, ONE) << _HALF
    price = (top - ONE) ^ (NONE - (side & ONE) & _ALL_ONES)
    rows[row] = be64(wire, (word >> PLACE_AT) + STAMP_AT) & TIME | side >> ONE << LOCATE_AT
    rows[row + ONE] = first + (word >> INDEX_AT & INDEX)
    rows[row + TWO] = standing
    rows[row + _THREE] = select(top, price, NONE) | sign


@jit_inner
def _stand(
    book: Ladder, side: Any, before: Any, had: Any, rank: Any, level: Any, far: Any
) -> tuple[Any, Any]:
    """Bring the best price of a side up to date after a change; returns its rank and its lots.

    It was of rank `before` and had `had` lots. What changed is the best now, or is not and changes
    nothing. Only where the best itself is gone, or the change was far, the best is looked up.
    """
    heads, at = book.heads, side * _WORDS
    best, none = np.uint64(rank >= before), np.uint64(level == NONE)
    top, lots = select(best, rank, before), select(best, level, had)
    if best & none | far != NONE:
        top, place = near_best(heads, at, side)
        lots = book.near[place]
        if (top == NONE) | (heads[at | _HIGH] & UNSURE | far != NONE):
            stand(book, side)
            return heads[at | _TOP], heads[at | _TOP_LOTS]
    heads[at | _TOP], heads[at | _TOP_LOTS] = top, lots
    return top, lots


@jit_lean
def apply_to_rows(wire: Bytes, block: Block, book: Ladder, rows: Any, log: Ledger) -> bool:
    """Apply the level ops under way; False where the pool is too short for the next.

    After the last of each message the side's best price, if it changed, is written to `rows`,
    which has room for `TOP_WORDS` an op.
    """
    apart()
    cursor, heads = block.cursor, book.heads
    row, last = np.uint64(TOP_WORDS * cursor[ROWS]), cursor[BETWEEN] == 0
    began, began_lots = np.uint64(cursor[BEGAN]), np.uint64(cursor[BEGAN_LOTS])
    first = np.uint64(cursor[FIRST])
    for step in range(cursor[DONE], cursor[OPS]):
        index, fresh = np.uint64(step), np.uint64(last)
        side, price, lots, ends = op_of(block.ops, index)
        at = side * _WORDS
        before, had = heads[at | _TOP], heads[at | _TOP_LOTS]
        began, began_lots = select(fresh, before, began), select(fresh, had, began_lots)
        rank, level, far, fits = change(book, side, price, lots)
        if not fits:
            cursor[DONE], cursor[BETWEEN] = step, not last
            cursor[BEGAN], cursor[BEGAN_LOTS] = np.int64(began), np.int64(began_lots)
            cursor[ROWS] = np.int64(row) // TOP_WORDS
            return False
        top, standing = _stand(book, side, before, had, rank, level, far)
        last, word = ends, _word_of(block, index)
        _write(wire, word, first, rows, row, side, top, standing)
        changed = last & ((top != began) | (standing != began_lots))
        row += select(np.uint64(changed), _ROW, NONE)
        other = heads[(side ^ ONE) * _WORDS | _TOP]
        if select(np.uint64(last), top + other, NONE) > CROSSED:
            note(log, Fault.CROSSED, -1, np.int64(word >> PLACE_AT), -1, 1)
    cursor[DONE] = cursor[OPS] = cursor[BETWEEN] = 0
    cursor[ROWS] = np.int64(row) // TOP_WORDS
    return True
