"""One instrument replayed from an op tape: its best quotes as they changed, and its last book."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tapeout.errors import DataError
from tapeout.feed.replay import books
from tapeout.feed.tape import Tape
from tapeout.journal.tape import OpTape, told
from tapeout.kernels.book.digest import side_digest
from tapeout.kernels.outputs import dense
from tapeout.kernels.tape.record import Ints
from tapeout.market.books import Depth, Level
from tapeout.market.events import KINDS

_NO_QUOTES = np.empty((5, 0), np.int64)
_TICKS = ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")


@dataclass(frozen=True)
class Replayed:
    """What one instrument's ops came to.

    Parameters
    ----------
    instrument : int
        Its stock locate.
    symbol : str or None
    ops : int
        How many were replayed.
    quotes : pa.Table or None
        A row for each message that changed the best quote: exchange_ns, arrival_ns (where the tape
        has it), sequence, bid_ticks, bid_lots, ask_ticks, ask_lots; null ticks for an empty side.
    bids, asks : (L, 2) int64
        Ticks and lots of all levels at the end, best first.
    """

    instrument: int
    symbol: str | None
    ops: int
    quotes: pa.Table | None
    bids: Ints
    asks: Ints

    def depth(self, most: int = 10) -> Depth:
        """The best `most` levels of each side."""
        bids, asks = ([Level(*row) for row in s[:most].tolist()] for s in (self.bids, self.asks))
        return Depth(bids, asks)

    @property
    def digest(self) -> int:
        """As `tapeout.Books.digest` of the instrument."""
        return side_digest(2 * self.instrument, self.bids) ^ side_digest(
            2 * self.instrument + 1, self.asks
        )


def replay(tape: str | Path | OpTape, instrument: int | str, *, quotes: bool = True) -> Replayed:
    """Replay one instrument of an op tape.

    Parameters
    ----------
    tape : path or OpTape
        What `tapeout.convert` wrote.
    instrument : int or str
        Stock locate or symbol.
    quotes : bool
        Whether to keep every change of the best quote.

    Raises
    ------
    DataError
        "instrument must be in day.ops.arrow; got 'AAPL'"
        "day.ops.arrow, HYDR: op 7 must change a level and leave 0 lots or more; it adds -300 at
        100100 ticks"
    """
    tape = tape if isinstance(tape, OpTape) else OpTape(tape)
    entry = tape.entry(instrument)
    batches = list(tape.batches(instrument))
    parts = [columns(batch) for batch in batches]
    book, tables = dense.dense(*(part.price_ticks for part in parts)), []
    for batch, part in zip(batches, parts, strict=True):
        found = np.empty((5, part.lots.size), np.int64) if quotes else _NO_QUOTES
        try:
            book, rows = dense.replay(book, part, found)
        except ValueError as reason:
            raise DataError(f"{tape.path}, {entry.symbol or entry.instrument}: {reason}") from None
        tables += [_quotes(batch, found[:, :rows])] if quotes else []
    kept = pa.Table.from_batches(tables) if tables else None
    bids, asks = (dense.levels(book, side) for side in (0, 1))
    return Replayed(entry.instrument, entry.symbol, entry.rows, kept, bids, asks)


def digest(source: str | Path | Tape | OpTape) -> int:
    """One 64-bit number for all books at the end of a capture, or of an op tape.

    It is the same whatever file the day comes in and whoever builds the books: the xor of
    `tapeout.Books.digest` over the instruments. Parameters as for `digests`.
    """
    total = 0
    for _, _, one in digests(source):
        total ^= one
    return total


def digests(source: str | Path | Tape | OpTape) -> Iterator[tuple[int, str | None, int]]:
    """Locate, symbol and digest of every instrument with a book, built or replayed anew.

    Parameters
    ----------
    source : path, Tape or OpTape
        A capture or an op tape: told by content.
    """
    if not isinstance(source, Tape | OpTape):
        source = Tape(Path(source)) if told(Path(source)) is None else OpTape(source)
    if isinstance(source, OpTape):
        for entry in source.entries:
            played = replay(source, entry.instrument, quotes=False)
            if played.bids.size or played.asks.size:
                yield entry.instrument, entry.symbol, played.digest
        return
    for row in books(source).digests().to_pylist():
        yield row["instrument"], row["symbol"], row["digest"]


def columns(batch: pa.RecordBatch) -> dense.Columns:
    """The columns a replay reads, without a copy."""
    names = ("lots", "price_ticks", "side", "sequence")
    lots, prices, sides, sequences = (batch.column(name) for name in names)
    found = (lots, prices, _kinds(batch.column("kind")), sides, sequences)
    return dense.Columns(*(column.to_numpy() for column in found))


def _kinds(column: pa.DictionaryArray) -> pa.Array:
    """The kind of each op as a number, whatever order the file has its words in."""
    words = column.dictionary.to_pylist()
    if words == KINDS[: len(words)]:
        return column.indices
    return pa.array([KINDS.index(word) for word in words], pa.int8()).take(column.indices)


def _quotes(batch: pa.RecordBatch, found: Ints) -> pa.RecordBatch:
    """Quotes as rows, with the clocks of the ops they came with."""
    at = found[dense.OP]
    clocks = [
        name for name in ("exchange_ns", "arrival_ns", "sequence") if name in batch.schema.names
    ]
    columns: dict[str, Any] = {name: pa.array(batch.column(name).to_numpy()[at]) for name in clocks}
    for ticks, lots in ((dense.BID, dense.BID_LOTS), (dense.ASK, dense.ASK_LOTS)):
        empty = found[lots] == 0
        columns[_TICKS[ticks - 1]] = pa.array(found[ticks], mask=empty if empty.any() else None)
        columns[_TICKS[lots - 1]] = pa.array(found[lots])
    return pa.RecordBatch.from_pydict(columns)
