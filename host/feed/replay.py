"""A capture played through the books, to whoever listens: events, quotes, bars."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar, overload

import numpy as np
import pyarrow as pa

from tapeout.errors import DataError
from tapeout.feed.recovery import Gap, Recovered, Stretch
from tapeout.feed.tape import Tape
from tapeout.hdl.book.layout import Kind
from tapeout.kernels.tape.faults import BEFORE, MESSAGE, ledger
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import EVENT_DTYPE, Events, Quotes, Records, timestamp
from tapeout.market.activity import ActivityBars, bar_batch
from tapeout.market.bars import BarBuilder, Bars
from tapeout.market.books import Books
from tapeout.market.events import BOOK_EVENTS, event_batch
from tapeout.market.folding import Folding
from tapeout.units import span_ns

T = TypeVar("T")
LARGE = 1 << 24  # bytes of a source that are worth compiling the fold for


class Change(NamedTuple):
    """What one stretch of messages did to the books; views that the next stretch overwrites."""

    stretch: Stretch
    events: Events
    quotes: Quotes


Hear = Callable[[Events, Quotes], object]


class Replay:
    """Reads a tape and keeps the books; iterate once to play it.

    Where messages are lost, a `GAP` event says which, and a `STALE` event stands before the first
    of each instrument that is touched since. Where a snapshot takes over, each instrument begins
    anew with `RECOVERED`, and its orders are added; quotes tell only what changed by that.

    Attributes
    ----------
    tape : Tape
    books : Books
        As they stand after the last stretch, with what is stale; the directory comes at the end.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.books = Books(tape.ledger)
        self._lost = False  # messages, since the books were last whole
        self._said = np.zeros(LOCATES, np.bool_)  # which instruments are said to be stale

    def __iter__(self) -> Iterator[Change]:
        for stretch in self.tape.stretches():
            yield Change(stretch, *self._play(stretch, 0, stretch.records.size, True))
        self.books.directory = self.tape.directory

    def until(
        self, every_ns: int, start_ns: int, end_ns: int, heard: Hear = lambda events, quotes: None
    ) -> Iterator[int]:
        """Play up to each time of a grid in turn; yields that time, ns UTC.

        The grid begins at `start_ns` since midnight, or with the first message after that, and ends
        with the last at `end_ns` at the latest. The books stand then as all messages stamped before
        have left them. A message stamped earlier than one before it counts from where it stands.
        `heard` is told what changed.
        """
        due, latest = start_ns, -1
        for stretch in self.tape.stretches():
            midnight, done = self.tape.midnight_ns, 0
            times = np.maximum.accumulate(np.maximum(timestamp(stretch.records), latest))
            if times.size and latest < 0 and times[0] >= due:
                due += ((int(times[0]) - due) // every_ns + 1) * every_ns
            latest = int(times[-1]) if times.size else latest
            while due <= min(latest, end_ns):
                at = int(np.searchsorted(times, due))
                heard(*self._play(stretch, done, at, False))
                yield midnight + due
                done, due = at, due + every_ns
            heard(*self._play(stretch, done, times.size, True))
        self.books.directory = self.tape.directory

    def _play(self, stretch: Stretch, start: int, stop: int, whole: bool) -> tuple[Events, Quotes]:
        """Fold in records of a stretch, to its end if `whole`; strict, stop at what was wrong."""
        with self.tape.meter.timing("books") as reading:
            if stretch.marks or self._lost:
                changed = self._fold_marked(stretch, start, stop, whole)
                self.books.stale = self.tape.stale
            else:
                changed = self._fold(stretch.records[start:stop], start)
            reading.items += stop - start
        if self.tape.strict:
            self.tape.stop_at_fault()
        return changed

    def _fold(self, records: Records, at: int) -> tuple[Events, Quotes]:
        """Fold in records, before which `at` of the stretch came."""
        self.tape.ledger[BEFORE, MESSAGE] += at
        changed = self.books.update(
            records, midnight_ns=self.tape.midnight_ns, wanted=self.tape.wanted
        )
        self.tape.ledger[BEFORE, MESSAGE] -= at
        return changed

    def _fold_marked(
        self, stretch: Stretch, start: int, stop: int, whole: bool
    ) -> tuple[Events, Quotes]:
        """Fold in piece by piece, with an event for each mark and each stale book."""
        parts, quotes, at, records = list[Events](), list[Quotes](), start, stretch.records
        inside = (one for one in stretch.marks if start <= one.at < stop + whole)
        for mark in (*inside, None):
            until = mark.at if mark else stop
            events, quoted = self._fold(records[at:until], at)
            parts.append(self._with_stale(events) if self._lost else events.copy())
            quotes.append(quoted.copy())
            at = until
            if isinstance(mark, Gap):
                parts.append(self._gap(mark, records))
                self._lost = True
            elif mark:
                events, quoted = self._recover(mark, records)
                parts.append(events)
                quotes.append(quoted)
        return np.concatenate(parts), np.concatenate(quotes)

    def _with_stale(self, events: Events) -> Events:
        """The events, with one before the first of each instrument that is stale from there on."""
        named, first = np.unique(events["instrument"], return_index=True)
        fresh = ~self._said[named] & (named > 0)
        self._said[named[fresh]] = True
        rows = events[np.sort(first[fresh])]
        said = np.zeros(rows.size, EVENT_DTYPE)
        for name in ("exchange_ns", "arrival_ns", "sequence", "instrument"):
            said[name] = rows[name]
        said["kind"] = Kind.STALE
        return np.insert(events, np.sort(first[fresh]), said)

    def _gap(self, gap: Gap, records: Records) -> Events:
        """The event of a gap, at the time of the message behind it."""
        event = np.zeros(1, EVENT_DTYPE)
        event["kind"], event["sequence"], event["lots"] = Kind.GAP, gap.sequence, gap.count
        event["exchange_ns"], event["arrival_ns"] = self._clock(records, gap.at)
        event["arrival_ns"] = gap.arrival_ns or event["arrival_ns"]
        return event

    def _recover(self, mark: Recovered, records: Records) -> tuple[Events, Quotes]:
        """The snapshot's books instead of ours."""
        faults, wanted = ledger(), self.tape.wanted
        clock = self._clock(records if records.size else mark.snapshot.records, mark.at)
        changed = self.books.restart(
            mark.snapshot.records,
            mark.stale[wanted[mark.stale]],
            clock=(*clock, mark.snapshot.sequence),
            wanted=wanted,
            log=faults,
        )
        self.tape.blame(mark.snapshot.path, faults)
        self._lost, self._said[:] = False, False
        return changed

    def _clock(self, records: Records, at: int) -> tuple[int, int]:
        """Exchange and arrival time of message `at`, or of the last one."""
        if not records.size:
            return 0, 0
        row = records[min(at, records.size - 1) :][:1]
        return self.tape.midnight_ns + int(timestamp(row)[0]), int(row["arrival_ns"][0])


def opened(source: str | Path | Tape) -> Tape:
    """A capture by its path, or the tape itself."""
    return source if isinstance(source, Tape) else Tape(Path(source))


def events(source: str | Path | Tape) -> pa.RecordBatchReader:
    """Every book event of a capture, streaming: see `tapeout.market.events.BOOK_EVENTS`.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    """
    replay = Replay(opened(source))
    batches = (event_batch(change.events, replay.tape.directory) for change in replay)
    return pa.RecordBatchReader.from_batches(BOOK_EVENTS, batches)


def books(source: str | Path | Tape) -> Books:
    """Every instrument's book at the end of a capture; parameters as for `events`."""
    tape = opened(source)
    if folds(tape):
        return folded_books(tape)
    replay = Replay(tape)
    for _ in replay:
        pass
    return replay.books


def best_quotes(tape: Tape) -> Iterator[Quotes]:
    """Every change of a best quote, a stretch at a time: views that the next overwrites."""
    return folded_quotes(tape) if folds(tape) else (change.quotes for change in Replay(tape))


def folds(tape: Tape) -> bool:
    """Whether the fold can read the tape, and saves more than it takes to compile."""
    return tape.plain and tape.source.container != "soup" and tape.source.size >= LARGE


def folded_books(tape: Tape) -> Books:
    """The books straight from the wire."""
    folding = Folding(tape.ledger, bare=tape.source.container == "itch")
    for _ in _folded(tape, lambda one: folding.update(one.wire, one.messages)):
        pass
    books = folding.books()
    books.directory, books.stale = tape.directory, tape.stale
    return books


def folded_quotes(tape: Tape) -> Iterator[Quotes]:
    """The best quotes straight from the wire."""
    folding = Folding(tape.ledger, bare=tape.source.container == "itch")
    return _folded(tape, lambda one: folding.quotes(one.wire, one.messages, tape.midnight_ns))


def _folded(tape: Tape, fold: Callable[[Stretch], T]) -> Iterator[T]:
    """What folding each stretch of the wire gives; strict, stop at what was wrong."""
    for stretch in tape.stretches(records=False):
        with tape.meter.timing("books") as reading:
            found = fold(stretch)
            reading.items += stretch.messages.size
        if tape.strict:
            tape.stop_at_fault()
        yield found


@overload
def bars(source: str | Path | Tape, every: str | int = "1min") -> Bars: ...


@overload
def bars(source: str | Path | Tape, *, by: str, size: float) -> pa.Table: ...


def bars(
    source: str | Path | Tape,
    every: str | int = "1min",
    *,
    by: str = "time",
    size: float | None = None,
) -> Bars | pa.Table:
    """Bars over regular trading hours, 09:30 to 16:00 New York.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    every : str or int
        Length of a bar of time: "1min", "30s", or nanoseconds.
    by : str
        "time" gives the grid of `Bars`. "trades", "volume" and "dollars" give bars of so many
        trades, lots or dollars, "trade_imbalance", "volume_imbalance" and "dollar_imbalance" those
        of `tapeout.market.activity.ActivityBars`: a table, a row a bar, as they were filled.
    size : float
        What fills a bar, if it is not by time: trades, lots, dollars; of imbalance bars the trades
        of the first.

    Raises
    ------
    DataError
        If nothing in the capture falls into these hours.
        "bars by volume need a size; got none"
        "bars must be by one of time, trades, volume, ...; got 'luck'"
        "size must be more than 0; got 0"
    """
    if by != "time" or size is not None:
        return activity_bars(source, by, size)
    replay, builder = Replay(opened(source)), BarBuilder(span_ns(every))
    for change in replay:
        builder.update(change.events, change.quotes, replay.tape.midnight_ns)
    return builder.bars(replay.tape.directory)


def activity_bars(source: str | Path | Tape, by: str, size: float | None) -> pa.Table:
    """What `bars` gives if it is not by time."""
    if by == "time":
        raise DataError(f"bars by time take no size, but every; got size {size}")
    builder = ActivityBars(by, 1 if size is None else size)
    if size is None:
        raise DataError(f"bars by {by} need a size; got none")
    replay = Replay(opened(source))
    found = [builder.update(change.events, replay.tape.midnight_ns) for change in replay]
    full = np.concatenate([*found, builder.rest()])
    if not full.size:
        raise DataError("no trade falls into the hours asked for")
    return pa.Table.from_batches([bar_batch(full, replay.tape.directory)])
