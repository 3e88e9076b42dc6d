"""A capture played through the books, to whoever listens: events, quotes, bars."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tapeout.feed.recovery import Gap, Recovered, Stretch
from tapeout.feed.tape import Tape
from tapeout.hdl.book.layout import Kind
from tapeout.kernels.tape.faults import BEFORE, MESSAGE, ledger
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import EVENT_DTYPE, Events, Quotes, Records, timestamp
from tapeout.market.bars import BarBuilder, Bars
from tapeout.market.books import Books
from tapeout.market.events import BOOK_EVENTS, event_batch
from tapeout.units import span_ns

LARGE = 1 << 28  # bytes of a source that are worth compiling the fold for


class Change(NamedTuple):
    """What one stretch of messages did to the books; views that the next stretch overwrites."""

    stretch: Stretch
    events: Events
    quotes: Quotes


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
            with self.tape.meter.timing("books") as reading:
                if stretch.marks or self._lost:
                    events, quotes = self._fold_marked(stretch)
                    self.books.stale = self.tape.stale
                else:
                    events, quotes = self._fold(stretch.records, 0)
                reading.items += stretch.records.size
            if self.tape.strict:
                self.tape.stop_at_fault()
            yield Change(stretch, events, quotes)
        self.books.directory = self.tape.directory

    def _fold(self, records: Records, at: int) -> tuple[Events, Quotes]:
        """Fold in records, before which `at` of the stretch came."""
        self.tape.ledger[BEFORE, MESSAGE] += at
        changed = self.books.update(
            records, midnight_ns=self.tape.midnight_ns, wanted=self.tape.wanted
        )
        self.tape.ledger[BEFORE, MESSAGE] -= at
        return changed

    def _fold_marked(self, stretch: Stretch) -> tuple[Events, Quotes]:
        """Fold in a stretch piece by piece, with an event for each mark and each stale book."""
        parts, quotes, at, records = list[Events](), list[Quotes](), 0, stretch.records
        for mark in (*stretch.marks, None):
            until = mark.at if mark else records.size
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


def _opened(source: str | Path | Tape) -> Tape:
    return source if isinstance(source, Tape) else Tape(Path(source))


def events(source: str | Path | Tape) -> pa.RecordBatchReader:
    """Every book event of a capture, streaming: see `tapeout.market.events.BOOK_EVENTS`.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    """
    replay = Replay(_opened(source))
    batches = (event_batch(change.events, replay.tape.directory) for change in replay)
    return pa.RecordBatchReader.from_batches(BOOK_EVENTS, batches)


def books(source: str | Path | Tape) -> Books:
    """Every instrument's book at the end of a capture; parameters as for `events`."""
    tape = _opened(source)
    if tape.plain and tape.source.container != "soup" and tape.source.size >= LARGE:
        return _folded(tape)
    replay = Replay(tape)
    for _ in replay:
        pass
    return replay.books


def _folded(tape: Tape) -> Books:
    """The same, straight from the wire: takes longer to compile, and half the time to run."""
    books, bare = Books(tape.ledger), tape.source.container == "itch"
    for stretch in tape.stretches():
        with tape.meter.timing("books") as reading:
            books.fold(stretch.wire, stretch.messages, stretch.records, bare=bare)
            reading.items += stretch.messages.size
        if tape.strict:
            tape.stop_at_fault()
    books.directory, books.stale = tape.directory, tape.stale
    return books


def bars(source: str | Path | Tape, every: str | int = "1min") -> Bars:
    """Bars over regular trading hours, 09:30 to 16:00 New York.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    every : str or int
        Length of a bar: "1min", "30s", or nanoseconds.

    Raises
    ------
    DataError
        If nothing in the capture falls into these hours.
    """
    replay, builder = Replay(_opened(source)), BarBuilder(span_ns(every))
    for change in replay:
        builder.update(change.events, change.quotes, replay.tape.midnight_ns)
    return builder.bars(replay.tape.directory)
