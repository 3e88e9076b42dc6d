"""Books folded straight from the wire, for whoever wants them as they stand at the end."""

import numpy as np

from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.layout import Fault
from tapeout.kernels.book import ladder, quotes, replay
from tapeout.kernels.book.fold import Fold
from tapeout.kernels.book.levels import LEVELS, START
from tapeout.kernels.tape.faults import BYTE, COUNT, NOWHERE, Ledger, ledger, note
from tapeout.kernels.tape.itch import LENGTHS
from tapeout.kernels.tape.moldudp import Messages, extents
from tapeout.kernels.tape.record import QUOTE_DTYPE, Ints, Quotes
from tapeout.kernels.tape.wire import Bytes, be16, be32
from tapeout.market.books import Books

STATE = ord("H")
CODE, REASON = (MESSAGES["H"].fields[name].start for name in ("trading_state", "reason"))
FIRST_ORDERS = 1 << 16
REFERENCES = 1 << 24  # kept by reference up to there, in 128 MiB; beyond in a ring


class Folding:
    """All instruments' books without their events, in less time than `Books.update`.

    What is wrong with the orders is counted in `log`, as `Books` counts it. Messages stand in the
    wire each behind its two-byte length, and `SLACK` readable bytes behind the last; `bare` says
    whether a length of zero there says that the type tells it. `messages` (M,) MESSAGE_DTYPE tells
    where they stand.
    """

    def __init__(self, log: Ledger, *, bare: bool = False) -> None:
        self.ledger, self._bare = log, bare
        self._fold = Fold(store="auto", largest=REFERENCES, orders=FIRST_ORDERS)
        self._states, self._quoted = replay.book().states, quotes.quoted()
        self._quotes = np.empty(0, QUOTE_DTYPE)

    def update(self, wire: Bytes, messages: Messages) -> None:
        """Fold messages in, in order."""
        self._fold.update(wire, _extents(messages), bare=self._bare)
        self._take_faults(self._fold.ledger, messages)
        starts = messages["start"]
        told = (wire[starts] == STATE) & (messages["length"] == LENGTHS[STATE])
        for at in starts[told].tolist():
            self._states[be16(wire, at + 1)] = wire[at + CODE], be32(wire, at + REASON)

    def quotes(self, wire: Bytes, messages: Messages, midnight_ns: int) -> Quotes:
        """As `update`, but for trading states; returns what `Books.update` gives as quotes.

        The messages' clocks count from `midnight_ns`. The rows are overwritten by the next call.
        """
        tops, _ = self._fold.update(wire, _extents(messages), bare=self._bare, tops=True)
        self._take_faults(self._fold.ledger, messages)
        if self._quotes.size < tops.size:
            self._quotes = np.empty(2 * tops.size, QUOTE_DTYPE)
        found = self._quotes[: tops.size]
        quotes.quotes(tops, messages, midnight_ns, self._quoted, found)
        return found

    def books(self) -> Books:
        """The books as they stand: to look at, for the orders behind their levels are not kept."""
        book, levels = replay.book()._replace(states=self._states), self._fold.levels
        sides = np.array(ladder.taken(levels), np.int64)
        rows = [ladder.levels(levels, side)[::-1] for side in sides.tolist()]
        counts = np.array([len(side) for side in rows], np.int64)
        pool = np.concatenate([book.pool[:0], *rows])
        book.runs[sides, START] = np.cumsum(counts) - counts
        book.runs[sides, LEVELS] = counts
        if rows:
            best = pool[np.cumsum(counts) - 1]
            book.quote.reshape(-1, 2)[sides] = best
        book.live[0] = self._fold.live_orders
        return Books(self.ledger, book._replace(pool=pool))

    def _take_faults(self, found: Ledger, messages: Messages) -> None:
        """Move what was wrong with the orders to our ledger; the rest is there already."""
        for fault in Fault:
            if fault >= Fault.UNKNOWN_REFERENCE and found[fault, COUNT]:
                at = np.flatnonzero(messages["start"] == found[fault, BYTE])[0]
                note(self.ledger, fault, NOWHERE, NOWHERE, at, found[fault, COUNT])
        found[...] = ledger()


def _extents(messages: Messages) -> Ints:
    """The stretches of the wire in which messages stand one behind the other, (E, 2)."""
    found = np.empty((messages.size, 2), np.int64)
    return found[: extents(messages, found)]
