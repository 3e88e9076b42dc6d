"""A capture read into records: packets, datagrams, messages in sequence, and what was wrong."""

import datetime
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tapeout.clock import midnight_ns, read_date, session_date
from tapeout.errors import DataError, FeedError
from tapeout.feed.capture import CHUNK_BYTES, Block, Capture
from tapeout.feed.findings import Finding, findings
from tapeout.feed.source import Source
from tapeout.hdl.layout import Fault
from tapeout.kernels.tape import frames, itch, moldudp, sequence
from tapeout.kernels.tape.faults import BEFORE, BYTE, MESSAGE, PACKET, ledger, note
from tapeout.kernels.tape.moldudp import MESSAGE_DTYPE, Messages
from tapeout.kernels.tape.record import RECORD_DTYPE, Records, locate
from tapeout.kernels.tape.wire import Bytes
from tapeout.log import log
from tapeout.meter import Meter
from tapeout.progress import Progress, Silent

BACKWARDS = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Stretch:
    """Consecutive messages: their bytes in `wire`, where they stand, and the records of them."""

    wire: Bytes
    messages: Messages
    records: Records


def read(
    path: str | Path,
    *,
    symbols: str | Sequence[str] = (),
    strict: bool = False,
    date: str | datetime.date | None = None,
) -> "Tape":
    """Open a capture for reading; see `Tape`. One symbol may come as it is, a date as text."""
    names = (symbols,) if isinstance(symbols, str) else symbols
    day = read_date(date) if isinstance(date, str) else date
    return Tape(Path(path), symbols=names, strict=strict, date=day)


class Tape:
    """The messages of a capture in sequence, as 64-byte records (`tapeout.hdl.itch.layout`).

    Parameters
    ----------
    path : Path
        pcap, pcapng or length-prefixed ITCH, plain, gz or zst: told by content.
    symbols : sequence of str
        Keep only these instruments (and messages about none); empty keeps all.
    strict : bool
        Stop with `FeedError` at the first fault that a clean feed never has. Otherwise faults are
        treated as `tapeout.hdl.layout.TREATMENTS` says, counted, and kept in `findings`.
    date : datetime.date, optional
        The session's day in New York. If it is not given, the first packet's arrival tells it; a
        file without packets then counts from 1970-01-01.
    meter, progress : optional
        Told how long each stage takes, and how much of the file is read.
    chunk_bytes : int
        How much is read at a time; memory is bounded by a few times that.

    Raises
    ------
    FeedError
        If the file is none of these, or is broken in a way that nothing behind it can be read.
    DataError
        If a symbol is not in the capture: known only at its end.
    """

    def __init__(
        self,
        path: Path,
        *,
        symbols: Sequence[str] = (),
        strict: bool = False,
        date: datetime.date | None = None,
        meter: Meter | None = None,
        progress: Progress | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self.path = path
        self.strict = strict
        self.date = date
        self.meter = meter or Meter()
        self.ledger = ledger()
        self.types = np.zeros(256, np.int64)
        self._wanted = sorted({symbol.strip().upper() for symbol in symbols})
        self._progress = progress or Silent()
        self._chunk_bytes = chunk_bytes
        self._names = np.zeros(itch.LOCATES, np.uint64)
        self._latest = np.full(moldudp.SESSIONS, BACKWARDS)
        self._sessions = moldudp.sessions()
        self._last_arrival = BACKWARDS
        self.source = Source(path)
        self._begun = False
        self._bare = self.source.container == "itch"
        log.info(
            "capture opened",
            extra={"container": self.source.container, "compression": self.source.compression},
        )

    @property
    def packets(self) -> int:
        """Packets read so far; none where the file has bare messages."""
        return 0 if self._bare else int(self.ledger[BEFORE, PACKET])

    @property
    def messages(self) -> int:
        """Messages read so far, of all instruments."""
        return int(self.ledger[BEFORE, MESSAGE])

    @property
    def findings(self) -> list[Finding]:
        """What was wrong so far, and what was done about it."""
        return findings(self.ledger)

    @property
    def directory(self) -> dict[int, str]:
        """Stock locate to symbol, as the messages so far tell it."""
        known = np.flatnonzero(self._names)
        return {int(at): int(self._names[at]).to_bytes(8).decode("latin-1").strip() for at in known}

    @property
    def midnight_ns(self) -> int:
        """Start of the session's day, ns UTC; 0 while the day is not known."""
        return midnight_ns(self.date) if self.date else 0

    @property
    def wanted(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which locates the reader asked for, (65536,); locate 0, about no stock, always."""
        if not self._wanted:
            return np.ones(itch.LOCATES, np.bool_)
        mask = np.zeros(itch.LOCATES, np.bool_)
        mask[[0, *(at for at, symbol in self.directory.items() if symbol in self._wanted)]] = True
        return mask

    def stretches(self) -> Iterator[Stretch]:
        """Read the capture once, from its start to its end: every instrument's messages."""
        if self._begun:
            raise FeedError(f"{self.path} can be read once from one Tape: open it again")
        self._begun = True
        advance, done = self._progress.stage("reading the capture", self.source.size), 0
        with self.source:
            capture = Capture(self.source, self._chunk_bytes)
            for block in self._timed(capture):
                stretch = self._stretch(block)
                self._check(block, capture)
                advance(self.source.position - done)
                done = self.source.position
                yield stretch
                self.ledger[BEFORE, MESSAGE] += stretch.messages.size
        advance(self.source.size - done)
        self._finish(capture)

    def _timed(self, capture: Capture) -> Iterator[Block]:
        """The blocks of a capture; the time to read and index them counts as "packets"."""
        blocks = iter(capture)
        while True:
            with self.meter.timing("packets") as reading:
                block = next(blocks, None)
            if block is None:
                return
            yield block
            reading.items += block.settled

    def records(self) -> Iterator[Records]:
        """The records of the wanted instruments, stretch by stretch."""
        for stretch in self.stretches():
            if self._wanted:
                yield stretch.records[self.wanted[locate(stretch.records)]]
            else:
                yield stretch.records

    def _stretch(self, block: Block) -> Stretch:
        self.ledger[BEFORE, BYTE] = block.base
        if self._bare:
            messages = np.zeros(block.packets.size, MESSAGE_DTYPE)
            messages["start"] = block.packets["start"]
            messages["length"] = block.packets["captured"]
            messages["packet"] = -1
            messages["sequence"] = np.arange(messages.size) + self.messages + 1
        else:
            messages = self._sequenced(block)
        with self.meter.timing("records") as reading:
            records = np.zeros(messages.size, RECORD_DTYPE)
            itch.records(block.wire, messages, self._latest, self._names, records, self.ledger)
            reading.items += messages.size
        self.types += np.bincount(records["type"], minlength=256)
        return Stretch(block.wire, messages, records)

    def _sequenced(self, block: Block) -> Messages:
        """Headers off, then every message once and in order."""
        packets = block.packets
        with self.meter.timing("datagrams") as reading:
            grams = np.empty(packets.size, frames.DATAGRAM_DTYPE)
            grams = grams[: frames.datagrams(block.wire, packets, self._last_arrival, grams)]
            reading.items += packets.size
        if self.date is None:
            self.date = session_date(int(packets["arrival_ns"][0]))
        with self.meter.timing("messages") as reading:
            heads = np.empty(grams.size, moldudp.HEADER_DTYPE)
            moldudp.headers(block.wire, grams, self._sessions, heads, packets)
            chosen = np.empty((grams.size, 2), np.int64)
            rows, settled = sequence.order(
                heads, grams, block.final, self._sessions, chosen, self.ledger
            )
            if settled < grams.size:
                block.settled = int(grams["packet"][settled])
            chosen = chosen[:rows]
            count = int(heads["whole"][chosen[:, 0]].sum() - chosen[:, 1].sum())
            messages = np.empty(count, MESSAGE_DTYPE)
            moldudp.messages(block.wire, grams, heads, chosen, messages)
            reading.items += count
        if block.settled:
            self._last_arrival = int(packets["arrival_ns"][block.settled - 1])
        return messages

    def _check(self, block: Block, capture: Capture) -> None:
        """Put the packets' faults on record; stop there if the reader is strict."""
        for byte in capture.container.foreign:
            note(self.ledger, Fault.FOREIGN_BLOCK, -1, byte - block.base, -1, 1)
        capture.container.foreign.clear()
        frames.tally(block.packets[: block.settled], self._bare, self.ledger)
        self.ledger[BEFORE, PACKET] += block.settled
        if self.strict:
            self.stop_at_fault()

    def stop_at_fault(self) -> None:
        """Raise `FeedError` for the first fault that a clean feed never has."""
        for finding in self.findings:
            if finding.stops:
                raise FeedError(f"{self.path}: {finding}")

    def _finish(self, capture: Capture) -> None:
        """What is only known at the end: bytes left over, symbols that never came."""
        self.ledger[BEFORE, BYTE] = 0
        for byte in capture.container.foreign:
            note(self.ledger, Fault.FOREIGN_BLOCK, -1, byte, -1, 1)
        if capture.left or self.source.cut:
            note(self.ledger, Fault.TRUNCATED, -1, capture.end, -1, max(capture.left, 1))
        if self.strict:
            self.stop_at_fault()
        symbols = sorted(set(self.directory.values()))
        for symbol in self._wanted:
            if symbol not in symbols:
                near = difflib.get_close_matches(symbol, symbols, 3) or symbols[:3]
                raise DataError(
                    f"symbols must be in {self.path}; {symbol!r} is not"
                    f" (it has {len(symbols):,}, such as {', '.join(near)})"
                )
