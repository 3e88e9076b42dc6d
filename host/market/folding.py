"""Books folded straight from the wire, for whoever wants them as they stand at the end."""

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels.book import ladder, replay
from tapeout.kernels.book.fold import Fold
from tapeout.kernels.book.levels import LEVELS, START
from tapeout.kernels.tape.faults import BYTE, COUNT, NOWHERE, Ledger, ledger, note
from tapeout.kernels.tape.moldudp import Messages
from tapeout.kernels.tape.record import WELL_FORMED, Ints, Records, locate
from tapeout.kernels.tape.wire import Bytes
from tapeout.market.books import Books

STATE = ord("H")
PREFIX = 2
FIRST_ORDERS = 1 << 16


class Folding:
    """All instruments' books without their events, in less time than `Books.update`.

    What is wrong with the orders is counted in `log`, as `Books` counts it.
    """

    def __init__(self, log: Ledger) -> None:
        self.ledger = log
        self._fold = Fold(store="ring", orders=FIRST_ORDERS, grows=True)
        self._states = replay.book().states

    def update(
        self, wire: Bytes, messages: Messages, records: Records, *, bare: bool = False
    ) -> None:
        """Fold messages in, in order.

        Parameters
        ----------
        wire : (B,) uint8
            Bytes, with `SLACK` readable ones behind the last message.
        messages : (M,) MESSAGE_DTYPE
            Where they stand, each behind its two-byte length.
        records : (M,) RECORD_DTYPE
            The records of them: where trading states are read.
        bare : bool
            Whether a length of zero says that the type tells it.
        """
        self._fold.update(wire, _extents(messages), bare=bare)
        self._take_faults(self._fold.ledger, messages)
        told = records[(records["type"] == STATE) & (records["flags"] & WELL_FORMED != 0)]
        self._states[locate(told)] = np.stack([told["code"], told["mpid"]], axis=1)

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
    starts, stops = messages["start"] - PREFIX, messages["start"] + messages["length"]
    apart = starts[1:] != stops[:-1]
    ends = np.ones(min(messages.size, 1), np.bool_)
    return np.stack([starts[np.append(ends, apart)], stops[np.append(apart, ends)]], axis=1)
