"""What a capture comes to, streaming: best quotes, trades, and depth on a grid of time."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tapeout.feed.replay import Replay, opened
from tapeout.feed.tape import Tape
from tapeout.kernels.tape.record import Quotes
from tapeout.market.depth import DEPTH, check_levels, depth_batch
from tapeout.market.quotes import QUOTES, TRADES, quote_batch, trade_batch
from tapeout.units import span_ns

BATCH_ROWS = 1 << 16  # of depth, about


def quotes(source: str | Path | Tape) -> pa.RecordBatchReader:
    """Every change of a best quote, streaming: see `tapeout.market.quotes.QUOTES`.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    """
    replay = Replay(opened(source))
    batches = (quote_batch(change.quotes, replay.tape.directory) for change in replay)
    return pa.RecordBatchReader.from_batches(QUOTES, batches)


def trades(source: str | Path | Tape) -> pa.RecordBatchReader:
    """Every trade, streaming: see `tapeout.market.quotes.TRADES`; parameters as for `quotes`."""
    replay = Replay(opened(source))
    batches = (trade_batch(change.events, replay.tape.directory) for change in replay)
    return pa.RecordBatchReader.from_batches(TRADES, batches)


def depth(
    source: str | Path | Tape, every: str | int = "1s", levels: int = 10
) -> pa.RecordBatchReader:
    """The best levels of every instrument on a grid of time, streaming: see `DEPTH`.

    A row is one level, bid and ask side by side: what a data frame filters, pivots and compresses
    well. The book at a time is as all messages stamped before it have left it, so the first level
    at the end of a bar is the bar's closing quote. The grid counts from midnight and reaches from
    the first message to the last.

    Parameters
    ----------
    source : path or Tape
        A capture, or one opened by `tapeout.read` with its options.
    every : str or int
        From one time to the next: "1s", "100ms", or nanoseconds.
    levels : int
        Of each side, 1 to 1,000.

    Raises
    ------
    DataError
        "levels must be from 1 to 1,000; got 0"
        "span must be like 1min, 30s or 250ms; got 'soon'"
    """
    check_levels(levels)
    every_ns, replay = span_ns(every), Replay(opened(source))
    return pa.RecordBatchReader.from_batches(DEPTH, _depths(replay, every_ns, levels))


def _depths(replay: Replay, every_ns: int, levels: int) -> Iterator[pa.RecordBatch]:
    held: list[tuple[int, Quotes]] = []
    rows = 0
    for time_ns in replay.until(every_ns):
        found = replay.books.snapshot(levels)
        held.append((time_ns, found))
        rows += found.size
        if rows >= BATCH_ROWS:
            yield depth_batch(held, replay.tape.directory)
            held, rows = [], 0
    if held:
        yield depth_batch(held, replay.tape.directory)
