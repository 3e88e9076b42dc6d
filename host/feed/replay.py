"""A capture played through the books, to whoever listens: events, quotes, bars."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from tapeout.feed.tape import Stretch, Tape
from tapeout.kernels.tape.record import Events, Quotes
from tapeout.market.bars import BarBuilder, Bars
from tapeout.market.books import Books
from tapeout.market.events import BOOK_EVENTS, event_batch
from tapeout.units import span_ns


class Change(NamedTuple):
    """What one stretch of messages did to the books; views that the next stretch overwrites."""

    stretch: Stretch
    events: Events
    quotes: Quotes


class Replay:
    """Reads a tape and keeps the books; iterate once to play it.

    Attributes
    ----------
    tape : Tape
    books : Books
        As they stand after the last stretch.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.books = Books(tape.ledger)

    def __iter__(self) -> Iterator[Change]:
        for stretch in self.tape.stretches():
            with self.tape.meter.timing("books") as reading:
                events, quotes = self.books.update(
                    stretch.records, midnight_ns=self.tape.midnight_ns, wanted=self.tape.wanted
                )
                reading.items += stretch.records.size
            if self.tape.strict:
                self.tape.stop_at_fault()
            yield Change(stretch, events, quotes)


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
    replay = Replay(_opened(source))
    for _ in replay:
        pass
    replay.books.directory = replay.tape.directory
    return replay.books


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
