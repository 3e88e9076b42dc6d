"""What a capture comes to, streaming: best quotes, trades, and depth on a grid of time."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tapeout.clock import read_time
from tapeout.feed.replay import Replay, best_quotes, opened
from tapeout.feed.tape import Tape
from tapeout.kernels.tape.record import Quotes
from tapeout.market.depth import DEPTH, check_levels, depth_batch
from tapeout.market.quotes import QUOTES, TRADES, quote_batch, trade_batch
from tapeout.units import span_ns

REGULAR = ("09:30", "16:00")
BATCH_ROWS = 1 << 16  # of depth, about


def quotes(source: str | Path | Tape) -> pa.RecordBatchReader:
    """Every change of a best quote, streaming: see `tapeout.market.quotes.QUOTES`.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    """
    tape = opened(source)
    batches = (quote_batch(found, tape.directory) for found in best_quotes(tape))
    return pa.RecordBatchReader.from_batches(QUOTES, batches)


def trades(source: str | Path | Tape) -> pa.RecordBatchReader:
    """Every trade, streaming: see `tapeout.market.quotes.TRADES`; parameters as for `quotes`."""
    replay = Replay(opened(source))
    batches = (trade_batch(change.events, replay.tape.directory) for change in replay)
    return pa.RecordBatchReader.from_batches(TRADES, batches)


def depth(
    source: str | Path | Tape,
    every: str | int = "1s",
    levels: int = 10,
    hours: tuple[str, str] = REGULAR,
) -> pa.RecordBatchReader:
    """The best levels of every instrument on a grid of time, streaming: see `DEPTH`.

    A row is one level, bid and ask side by side: what a data frame filters, pivots and compresses
    well. The book at a time is as all messages stamped before it have left it, so the first level
    at the end of a bar is the bar's closing quote. The grid begins at the first of `hours`, or
    after the first message, and ends at the second, or before the last message.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    every : str or int
        From one time to the next: "1s", "100ms", or nanoseconds.
    levels : int
        Of each side, 1 to 1,000.
    hours : (str, str)
        From when to when in New York, like ("04:00", "20:00").

    Raises
    ------
    DataError
        "levels must be from 1 to 1,000; got 0"
        "span must be like 1min, 30s or 250ms; got 'soon'"
        "time must be like 09:30 or 09:30:05; got 'noon'"
    """
    check_levels(levels)
    grid = span_ns(every), read_time(hours[0]), read_time(hours[1])
    batches = _depths(Replay(opened(source)), grid, levels)
    return pa.RecordBatchReader.from_batches(DEPTH, batches)


def _depths(replay: Replay, grid: tuple[int, int, int], levels: int) -> Iterator[pa.RecordBatch]:
    held: list[tuple[int, Quotes]] = []
    rows = 0
    for time_ns in replay.until(*grid):
        found = replay.books.snapshot(levels)
        held.append((time_ns, found))
        rows += found.size
        if rows >= BATCH_ROWS:
            yield depth_batch(held, replay.tape.directory)
            held, rows = [], 0
    if held:
        yield depth_batch(held, replay.tape.directory)
