"""Every instrument's order book, folded from records."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tapeout.errors import DataError
from tapeout.hdl.book.layout import Kind
from tapeout.kernels.book import levels, orders, replay
from tapeout.kernels.book.digest import Words, levels_digest, run_digests
from tapeout.kernels.outputs.snapshot import snapshot
from tapeout.kernels.tape.faults import Ledger, ledger
from tapeout.kernels.tape.record import EVENT_DTYPE, QUOTE_DTYPE, Events, Ints, Quotes, Records
from tapeout.market.events import state_name, text

EVERYTHING = np.ones(1 << 16, np.bool_)


class Level(NamedTuple):
    """One price with all its lots."""

    ticks: int
    lots: int


class Depth(NamedTuple):
    """The best levels of one instrument, best first."""

    bids: list[Level]
    asks: list[Level]


class TradingState(NamedTuple):
    """Whether an instrument trades: "halted", "paused", "quotation" or "trading", and why.

    An instrument that no message told of has neither.
    """

    name: str = ""
    reason: str = ""


class Books:
    """All instruments at once; `update` folds records in and returns what changed.

    Prices are ticks of 1/10,000 dollar, sizes lots of one share. Grows with the live orders and
    price levels it is given; what is wrong with them is counted in `ledger`. `directory` is stock
    locate to symbol, for whoever asks by symbol; `stale` are the symbols whose books may be wrong,
    each with the first sequence number lost.
    """

    def __init__(self, log: Ledger | None = None, book: replay.Book | None = None) -> None:
        self.ledger = ledger() if log is None else log
        self.directory: dict[int, str] = {}
        self.stale: dict[str, int] = {}
        self._book = replay.book() if book is None else book
        self._events = np.empty(0, EVENT_DTYPE)
        self._quotes = np.empty(0, QUOTE_DTYPE)

    @property
    def live_orders(self) -> int:
        """How many orders rest, over all instruments."""
        return int(self._book.live[0])

    def update(
        self,
        records: Records,
        *,
        midnight_ns: int = 0,
        wanted: np.ndarray[Any, np.dtype[np.bool_]] = EVERYTHING,
    ) -> tuple[Events, Quotes]:
        """Fold records in, in order.

        Parameters
        ----------
        records : (M,) RECORD_DTYPE
            Decoded messages.
        midnight_ns : int
            What the records' clocks count from, ns UTC.
        wanted : (65536,) bool
            Which locates to follow.

        Returns
        -------
        events : (E,) EVENT_DTYPE, quotes : (Q,) QUOTE_DTYPE
            What changed, in order. Both are views that the next call overwrites.
        """
        if self._quotes.size < records.size:
            self._events = np.empty(2 * records.size, EVENT_DTYPE)
            self._quotes = np.empty(records.size, QUOTE_DTYPE)
        state = self._book
        slots = orders.with_room(state.slots, self.live_orders, records.size)
        state = state._replace(slots=slots)
        taken, rows, quoted = replay.replay(
            records, 0, midnight_ns, wanted, *state, self._events, self._quotes, self.ledger, 0, 0
        )
        while taken < records.size:
            deepest = int(state.runs[:, levels.ROOM].max())
            more = 4 * max(deepest, levels.FIRST_ROOM)
            state = state._replace(pool=levels.with_room(state.pool, int(state.used[0]), more))
            taken, rows, quoted = replay.replay(
                records,
                taken,
                midnight_ns,
                wanted,
                *state,
                self._events,
                self._quotes,
                self.ledger,
                rows,
                quoted,
            )
        self._book = state
        return self._events[:rows], self._quotes[:quoted]

    def restart(
        self,
        records: Records,
        stale: Ints,
        *,
        clock: tuple[int, int, int],
        wanted: np.ndarray[Any, np.dtype[np.bool_]] = EVERYTHING,
        log: Ledger | None = None,
    ) -> tuple[Events, Quotes]:
        """Forget every order, then fold in a snapshot.

        Parameters
        ----------
        records : (M,) RECORD_DTYPE
            The adds of every live order; trading states that they do not tell stay.
        stale : (S,) int64
            Locates to say `RECOVERED` of besides those that had levels, or have now.
        clock : exchange_ns, arrival_ns, sequence
            Of what is returned.
        log : Ledger, optional
            Where to count what is wrong with the records.

        Returns
        -------
        As for `update`, in new arrays: `RECOVERED` of each instrument and its orders; and one quote
        of each instrument whose quote is another now.
        """
        before, quote = self.active(), self._book.quote
        self._book = replay.book()._replace(states=self._book.states)
        kept, self.ledger = self.ledger, ledger() if log is None else log
        added, _ = self.update(records, wanted=wanted)
        self.ledger = kept
        anew = np.unique(np.concatenate([before, self.active(), stale]))
        events = np.concatenate([np.zeros(anew.size, EVENT_DTYPE), added])
        events["kind"][: anew.size], events["instrument"][: anew.size] = Kind.RECOVERED, anew
        changed = np.flatnonzero((quote != self._book.quote).any(axis=1))
        quotes = np.zeros(changed.size, QUOTE_DTYPE)
        quotes["instrument"] = changed
        for at, name in enumerate(("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")):
            quotes[name] = self._book.quote[changed, at]
        for rows in (events, quotes):
            rows["exchange_ns"], rows["arrival_ns"], rows["sequence"] = clock
        return events[np.argsort(events["instrument"], kind="stable")], quotes

    def depth(self, instrument: int | str, most: int = 10) -> Depth:
        """The best `most` levels of each side of one instrument, by locate or by symbol.

        Raises
        ------
        DataError
            "instrument must be in the directory; got 'AAPL'"
        """
        locate = self._locate(instrument) if isinstance(instrument, str) else instrument
        sides = (
            levels.depth(self._book.runs, self._book.pool, 2 * locate + side, most)
            for side in (0, 1)
        )
        bids, asks = ([Level(int(t), int(n)) for t, n in side] for side in sides)
        return Depth(bids, asks)

    def state(self, instrument: int | str) -> TradingState:
        """The newest trading state of one instrument; asked and refused as for `depth`."""
        locate = self._locate(instrument) if isinstance(instrument, str) else instrument
        code, reason = (int(word) for word in self._book.states[locate])
        return TradingState(state_name(code), text(reason)) if code else TradingState()

    def snapshot(self, most: int) -> Quotes:
        """The best `most` levels of every instrument that has any: (R,) LEVEL_DTYPE."""
        return snapshot(self._book.runs, self._book.pool, self.active(), most)

    def _locate(self, symbol: str) -> int:
        for at, name in self.directory.items():
            if name == symbol:
                return at
        raise DataError(f"instrument must be in the directory; got {symbol!r}")

    def active(self) -> Ints:
        """The locates with any level on either side, ascending."""
        count = self._book.runs[:, levels.LEVELS].reshape(-1, 2).sum(axis=1)
        return np.flatnonzero(count)

    def digest(self, instrument: int | str | None = None) -> int:
        """One 64-bit number for a book, or for all: see `tapeout.hdl.book.digest`.

        Equal books have equal digests, whoever built them; that of all is the xor of each.
        """
        if instrument is None:
            return int(np.bitwise_xor.reduce(self._digests()))
        locate = self._locate(instrument) if isinstance(instrument, str) else instrument
        return levels_digest(self._book.runs, self._book.pool, locate)

    def digests(self) -> pa.Table:
        """The digest of every active instrument: `instrument`, `symbol`, `digest` (uint64)."""
        active = self.active()
        return pa.table(
            {
                "instrument": pa.array(active, pa.uint16()),
                "symbol": pa.array([self.directory.get(int(at)) for at in active], pa.string()),
                "digest": pa.array(self._digests()[active]),
            }
        )

    def _digests(self) -> Words:
        found = np.empty(self._book.runs.shape[0] // 2, np.uint64)
        run_digests(self._book.runs, self._book.pool, found)
        return found

    def quotes(self) -> pa.Table:
        """The best quote and the trading state of every active instrument.

        Null where a side is empty, or where no message told the state.
        """
        active = self.active()
        bid, bid_lots, ask, ask_lots = self._book.quote[active].T
        return pa.table(
            {
                "instrument": pa.array(active, pa.uint16()),
                "symbol": pa.array([self.directory.get(int(at)) for at in active], pa.string()),
                "bid_ticks": pa.array(bid, mask=bid_lots == 0),
                "bid_lots": pa.array(bid_lots),
                "ask_ticks": pa.array(ask, mask=ask_lots == 0),
                "ask_lots": pa.array(ask_lots),
                "trading_state": pa.array(
                    [self.state(int(at)).name or None for at in active], pa.string()
                ),
            }
        )
