"""Wire bytes straight to all books: three passes a block of messages, exact whatever they say.

A block is parsed while its order slots are asked for (`blocks`), resolved through the order store
while its levels are asked for (`resolve`), and applied to the levels (`ladder`). A message that
breaks a rule is taken by itself (`exact`), in its place. The books are those of
`hdl/book/model.py`, which the tests hold them to.
"""

from typing import Any

import numpy as np

from tapeout.kernels._jit import jit_inner, jit_lean
from tapeout.kernels.book.blocks import (
    AT,
    BLOCK,
    FOUND,
    NEXT,
    REFERENCES,
    ROWS,
    SEEN,
    block,
    parse,
)
from tapeout.kernels.book.exact import entering, resolve_exactly
from tapeout.kernels.book.ladder import TOP_DTYPE, TOP_WORDS, apply, clear, ladder
from tapeout.kernels.book.levels import FIRST_ROOM, ROOM, with_room
from tapeout.kernels.book.resolve import resolve
from tapeout.kernels.book.store import LARGEST, direct, has_room, with_reference
from tapeout.kernels.book.window import NEAR
from tapeout.kernels.tape.faults import Ledger, ledger
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes

ENDED, NO_POOL, NO_SLOT, NO_ROWS = range(4)
NO_ROWS_WANTED = np.zeros(0, np.uint64)
FIRST_ROWS = 1 << 12
Tops = np.ndarray[Any, np.dtype[np.void]]


@jit_inner
def _resolve(
    wire: Bytes,
    cursor: Ints,
    messages: Any,
    ops: Any,
    shape: Any,
    slots: Any,
    live: Ints,
    heads: Any,
    near: Any,
    log: Ledger,
) -> bool:
    """Resolve the rest of the block; False where the next new order has no slot."""
    slotted = has_room(shape, np.uint64(cursor[REFERENCES]))
    while cursor[NEXT] < cursor[FOUND]:
        if slotted:
            resolve(wire, cursor, messages, ops, shape, slots, live, heads, near)
        if cursor[NEXT] < cursor[FOUND] and not resolve_exactly(
            wire, cursor, messages, ops, shape, slots, live, log
        ):
            return False
    return True


@jit_lean
def _fold(
    wire: Bytes,
    extents: Ints,
    bare: bool,
    shape: Any,
    slots: Any,
    live: Ints,
    heads: Any,
    near: Any,
    runs: Ints,
    pool: Ints,
    used: Ints,
    cursor: Ints,
    messages: Any,
    ops: Any,
    rows: Any,
    log: Ledger,
) -> int:
    """Fold until the wire ends or room is short; says which."""
    while True:
        slotted = _resolve(wire, cursor, messages, ops, shape, slots, live, heads, near, log)
        if not apply(wire, cursor, ops, heads, near, runs, pool, used, rows, log):
            return NO_POOL
        if not slotted:
            return NO_SLOT
        if rows.size > 0 and cursor[ROWS] + BLOCK > rows.size // TOP_WORDS:
            return NO_ROWS
        parse(wire, extents, bare, cursor, messages, shape, slots, log)
        if cursor[FOUND] == 0:
            return ENDED


class Fold:
    """All books, folded from wire bytes; grows with the references and levels it is given.

    Parameters
    ----------
    references : int
        The first references to have room for.
    largest : int
        The first reference to refuse.
    log : Ledger, optional
        Where faults are counted, with byte and message of the first of each within its `update`.
    """

    def __init__(
        self, references: int = 1 << 20, largest: int = LARGEST, log: Ledger | None = None
    ) -> None:
        self.store, self.levels, self.largest = direct(references), ladder(), largest
        self.ledger = ledger() if log is None else log
        self._block, self._rows = block(), np.zeros(0, np.uint64)

    @property
    def live_orders(self) -> int:
        """How many orders rest, over all instruments."""
        return int(self.store.live[0])

    @property
    def seen(self) -> int:
        """How many messages the last `update` read."""
        return int(self._block.cursor[SEEN])

    def clear(self) -> None:
        """Forget every order and level, and keep the memory."""
        self.store.slots[:], self.store.live[:] = 0, 0
        clear(self.levels)
        self.ledger[...] = ledger()

    def update(
        self, wire: Bytes, extents: Ints, *, bare: bool = False, tops: bool = False
    ) -> tuple[Tops, int]:
        """Fold in length-prefixed messages, in order.

        Parameters
        ----------
        wire : (B,) uint8
            The messages, and `SLACK` bytes more.
        extents : (E, 2) int64
            Where each stretch of whole messages starts and stops: the whole of a file, or the
            payload of each datagram behind its header. What is not whole at its end is left.
        bare : bool
            Whether a length of zero says that the type tells it, as in some published files.
        tops : bool
            Whether to write out the changes of best prices.

        Returns
        -------
        tops : (R,) TOP_DTYPE
            One row for each message that changed its side's best price or the lots there, in
            order; a view that the next call overwrites.
        at : int
            Where the last stretch was left: its end, or the message that is not whole.

        Raises
        ------
        ValueError
            "extents must stop 64 bytes before the wire's end; got 100 of 128"
        ValueError
            "reference must be below 2147483648 for the direct store; got ... at byte 2". The
            messages before it are applied.
        """
        _check(wire, extents)
        cursor = self._block.cursor
        cursor[:] = 0
        cursor[AT] = extents[0, 0] if len(extents) else 0
        if tops and not self._rows.size:
            self._rows = np.empty(TOP_WORDS * FIRST_ROWS, np.uint64)
        while True:
            rows = self._rows if tops else NO_ROWS_WANTED
            short = _fold(
                wire, extents, bare, *self.store, *self.levels, *self._block, rows, self.ledger
            )
            if short == ENDED:
                return rows[: TOP_WORDS * cursor[ROWS]].view(TOP_DTYPE), int(cursor[AT])
            self._grow(short, wire)

    def _grow(self, short: int, wire: Bytes) -> None:
        """Make the room that was missing."""
        cursor, messages, _ = self._block
        if short == NO_ROWS:
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        elif short == NO_POOL:
            levels, used = self.levels, int(self.levels.used[0])
            more = 2 * (int(levels.runs[:, ROOM].max()) + FIRST_ROOM + NEAR)
            self.levels = levels._replace(pool=with_room(levels.pool, used, more))
        else:
            place = int(messages[2 * cursor[NEXT] + 1])
            reference = entering(wire, place, messages[2 * cursor[NEXT]])
            self.store = with_reference(self.store, int(reference), self.largest, place)


def _check(wire: Bytes, extents: Ints) -> None:
    """Refuse stretches that are not within the wire."""
    last = int(extents[:, 1].max(initial=0))
    if last + SLACK > wire.size:
        raise ValueError(
            f"extents must stop {SLACK} bytes before the wire's end; got {last} of {wire.size}"
        )
    if (extents[:, 0] < 0).any() or (extents[:, 0] > extents[:, 1]).any():
        raise ValueError("extents must start at 0 or later and before they stop")
