"""Wire bytes straight to all books: three passes a block of messages, exact whatever they say.

A block is parsed while its order slots are asked for (`blocks`), resolved through the order store
while its levels are asked for (`resolve`), and applied to the levels (`ladder`). A message that
breaks a rule is taken by itself (`exact`), in its place. The books are those of
`hdl/book/model.py`, which the tests hold them to.
"""

from typing import Any

import numpy as np

from tapeout.kernels._jit import jit_lean
from tapeout.kernels.book.blocks import (
    AT,
    BLOCK,
    ENTRY,
    FOUND,
    NEXT,
    PLACE_AT,
    ROWS,
    SEEN,
    Block,
    block,
    parse,
)
from tapeout.kernels.book.exact import entering, resolve_exactly
from tapeout.kernels.book.ladder import Ladder, apply, clear, ladder, stand_all
from tapeout.kernels.book.levels import FIRST_ROOM, ROOM, with_room
from tapeout.kernels.book.resolve import resolve_direct, resolve_ring
from tapeout.kernels.book.tops import TOP_DTYPE, TOP_WORDS, apply_to_rows
from tapeout.kernels.book.window import NEAR
from tapeout.kernels.orders import stash
from tapeout.kernels.orders import store as orders
from tapeout.kernels.orders.moving import larger_direct, larger_ring
from tapeout.kernels.orders.store import MASK, ORDERS, SKIP, STASHED, Store, direct, ring
from tapeout.kernels.tape.faults import Ledger, ledger
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes

ENDED, NO_POOL, NO_SLOT, NO_ROWS = range(4)
NO_ROWS_WANTED = np.zeros(0, np.uint64)
FIRST_ROWS = 1 << 12
LARGEST = 1 << 31  # references a direct store takes unless told otherwise; 16 GiB, used as filled
STORES = ("direct", "ring", "auto")
Tops = np.ndarray[Any, np.dtype[np.void]]


@jit_lean
def _resolve(wire: Bytes, block: Block, store: Store, heads: Any, near: Any, log: Ledger) -> bool:
    """Resolve the rest of the block; False where there is no room for the next new order."""
    cursor, ring = block.cursor, store.shape[SKIP] != 0
    while cursor[NEXT] < cursor[FOUND]:
        if ring:
            resolve_ring(wire, block, store, heads, near)
        else:
            resolve_direct(wire, block, store, heads, near)
        if cursor[NEXT] < cursor[FOUND] and not resolve_exactly(wire, block, store, log):
            return False
    return True


@jit_lean
def _fold(
    wire: Bytes,
    extents: Ints,
    bare: bool,
    store: Store,
    book: Ladder,
    block: Block,
    rows: Any,
    log: Ledger,
) -> int:
    """Fold until the wire ends or room is short; says which."""
    cursor, wanted = block.cursor, rows.size > 0
    while True:
        slotted = _resolve(wire, block, store, book.heads, book.near, log)
        if wanted:
            if not apply_to_rows(wire, block, book, rows, log):
                return NO_POOL
        elif not apply(block, book, log):
            return NO_POOL
        if not slotted:
            return NO_SLOT
        if wanted and cursor[ROWS] + BLOCK > rows.size // TOP_WORDS:
            return NO_ROWS
        if not parse(wire, extents, bare, block, store.shape, store.slots, log):
            return ENDED


class Fold:
    """All books, folded from wire bytes.

    Parameters
    ----------
    references : int
        The first references a direct store has room for; it grows with what it is given.
    largest : int
        The first reference a direct store refuses.
    log : Ledger, optional
        Where faults are counted, with byte and message of the first of each within its `update`.
    store : "direct", "ring" or "auto"
        Where live orders are kept. "direct": 8 bytes for each reference up to the largest.
        "ring": of fixed size, whatever the references. "auto": direct, and from the first
        reference it would refuse a ring that grows.
    orders : int
        How many live orders a ring has buckets of four for.
    grows : bool
        Whether a full ring is doubled, or refuses.

    Raises
    ------
    ValueError
        "store must be direct, ring or auto; got 'hash'"
    """

    def __init__(
        self,
        references: int = 1 << 20,
        largest: int = LARGEST,
        log: Ledger | None = None,
        *,
        store: str = "direct",
        orders: int = 1 << 20,
        grows: bool = False,
    ) -> None:
        if store not in STORES:
            raise ValueError(f"store must be direct, ring or auto; got {store!r}")
        self.store = ring(orders) if store == "ring" else direct(min(references, largest))
        self.levels, self.largest, self.orders = ladder(), largest, orders
        self._moves, self._grows = store == "auto", grows or store == "auto"
        self.ledger = ledger() if log is None else log
        self._block, self._rows, self._tops = block(), np.zeros(0, np.uint64), False

    @property
    def live_orders(self) -> int:
        """How many orders rest, over all instruments."""
        return int(self.store.live[ORDERS])

    @property
    def seen(self) -> int:
        """How many messages the last `update` read."""
        return int(self._block.cursor[SEEN])

    def clear(self) -> None:
        """Forget every order and level, and keep the memory."""
        orders.clear(self.store)
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
        ValueError
            "reference must have room in a ring for 4 orders; got 7 at byte 192 with 5 live, 1 of
            them in a stash for 1". The messages before it are applied.
        """
        _check(wire, extents)
        cursor = self._block.cursor
        cursor[:] = 0
        cursor[AT] = extents[0, 0] if len(extents) else 0
        if tops and not self._rows.size:
            self._rows = np.empty(TOP_WORDS * FIRST_ROWS, np.uint64)
        if tops != self._tops:
            stand_all(self.levels)
        self._tops = tops
        while True:
            rows = self._rows if tops else NO_ROWS_WANTED
            short = _fold(
                wire, extents, bare, self.store, self.levels, self._block, rows, self.ledger
            )
            if short == ENDED:
                return rows[: TOP_WORDS * cursor[ROWS]].view(TOP_DTYPE), int(cursor[AT])
            self._grow(short, wire)

    def _grow(self, short: int, wire: Bytes) -> None:
        """Make the room that was missing."""
        cursor, entries = self._block[:2]
        if short == NO_ROWS:
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        elif short == NO_POOL:
            levels, used = self.levels, int(self.levels.used[0])
            more = 2 * (int(levels.runs[:, ROOM].max()) + FIRST_ROOM + NEAR)
            self.levels = levels._replace(pool=with_room(levels.pool, used, more))
        else:
            traits = int(entries[ENTRY * cursor[NEXT] + 1])
            place = traits >> int(PLACE_AT)
            reference = int(entering(wire, place, np.uint64(traits)))
            self.store = self._with_room(reference, place)

    def _with_room(self, reference: int, place: int) -> Store:
        """The same orders where a new one has room."""
        store, live = self.store, self.live_orders
        if store.is_ring and self._grows:
            return larger_ring(store, 2 * (int(store.shape[MASK]) + 1))
        if store.is_ring:
            raise ValueError(
                f"reference must have room in a ring for {self.orders} orders; got {reference} at"
                f" byte {place} with {live} live, {store.live[STASHED]} of them in a stash for"
                f" {stash.room(store.stash)}"
            )
        if reference < self.largest:
            return larger_direct(store, reference)
        if self._moves:
            return larger_ring(store, max(self.orders, 2 * live))
        raise ValueError(
            f"reference must be below {self.largest} for the direct store; got {reference}"
            f" at byte {place}"
        )


def _check(wire: Bytes, extents: Ints) -> None:
    """Refuse stretches that are not within the wire."""
    last = int(extents[:, 1].max(initial=0))
    if last + SLACK > wire.size:
        raise ValueError(
            f"extents must stop {SLACK} bytes before the wire's end; got {last} of {wire.size}"
        )
    if (extents[:, 0] < 0).any() or (extents[:, 0] > extents[:, 1]).any():
        raise ValueError("extents must start at 0 or later and before they stop")
