"""A capture read into records: packets, datagrams, messages in sequence, and what was wrong."""

import datetime
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from tapeout.ahead import Ahead
from tapeout.clock import midnight_ns, read_date, session_date
from tapeout.errors import FeedError
from tapeout.feed.capture import CHUNK_BYTES, Block, Capture
from tapeout.feed.containers import SoupBinTcp
from tapeout.feed.findings import Finding, Place, add, findings, place
from tapeout.feed.lines import Arbiter, Line, Session
from tapeout.feed.merge import Merged, together
from tapeout.feed.recovery import Gap, Recovery, Stretch, snapshot
from tapeout.feed.retransmitted import Retransmitted, must_be_packets
from tapeout.feed.source import Source
from tapeout.hdl.layout import Fault
from tapeout.kernels.tape import frames, itch, moldudp
from tapeout.kernels.tape.faults import BEFORE, BYTE, COUNT, MESSAGE, PACKET, Ledger, ledger, note
from tapeout.kernels.tape.record import RECORD_DTYPE, Records, locate
from tapeout.log import log
from tapeout.market.directory import Directory
from tapeout.meter import Meter
from tapeout.progress import Progress, Silent

BACKWARDS = np.iinfo(np.int64).min

Paths = str | Path | Sequence[str | Path]


def read(
    path: str | Path,
    *,
    symbols: str | Sequence[str] = (),
    strict: bool = False,
    date: str | datetime.date | None = None,
    lines: Paths = (),
    retransmitted: Paths = (),
    snapshot: str | Path | None = None,
) -> "Tape":
    """Open a capture for reading; see `Tape`. One of several may come as it is, a date as text."""
    names = (symbols,) if isinstance(symbols, str) else symbols
    day = read_date(date) if isinstance(date, str) else date
    others, held = (
        [Path(one) for one in ([paths] if isinstance(paths, str | Path) else paths)]
        for paths in (lines, retransmitted)
    )
    return Tape(
        Path(path),
        symbols=names,
        strict=strict,
        date=day,
        lines=others,
        retransmitted=held,
        snapshot=None if snapshot is None else Path(snapshot),
    )


class Tape:
    """The messages of a capture in sequence, as 64-byte records (`tapeout.hdl.itch.layout`).

    Parameters
    ----------
    path : Path
        pcap, pcapng, SoupBinTCP or length-prefixed ITCH, plain, gz or zst: told by content.
    symbols : sequence of str
        Keep only these instruments (and messages about none); empty keeps all.
    strict : bool
        Stop with `FeedError` at the first fault that a clean feed never has. Otherwise faults are
        treated as `tapeout.hdl.layout.TREATMENTS` says, counted, and kept in `findings`.
    date : datetime.date, optional
        The session's day in New York. If it is not given, the first packet's arrival tells it; a
        file without packets then counts from 1970-01-01.
    lines : sequence of Path
        Captures of other lines of the same feed, read together with `path` in order of arrival.
    retransmitted : sequence of Path
        Captures of what a request server sent again: they fill gaps, whenever they arrived.
    snapshot : Path, optional
        All books as they stood at one number (`tapeout.feed.recovery.snapshot`): they take over
        behind the message of that number, and nothing is stale then.
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
        lines: Sequence[Path] = (),
        retransmitted: Sequence[Path] = (),
        snapshot: Path | None = None,
        meter: Meter | None = None,
        progress: Progress | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self.path, self.strict, self.date = path, strict, date
        self.meter = meter or Meter()
        self.ledger, self.types = ledger(), np.zeros(256, np.int64)
        self._directory = Directory(symbols)
        self._progress = progress or Silent()
        self._chunk_bytes = chunk_bytes
        self._latest = np.full(moldudp.SESSIONS, BACKWARDS)
        self._places: dict[Fault, Place] = {}
        self._arbiter = Arbiter(self.ledger, self.meter)
        self.recovery, self.source = Recovery(), Source(path)
        self._sources = [self.source, *(Source(line) for line in lines)]
        self._retransmitted = [Source(other) for other in retransmitted]
        self._snapshot = Tape(snapshot, chunk_bytes=chunk_bytes) if snapshot else None
        self._begun = False
        self._bare = self.source.container in ("itch", "soup")
        self._stream: SoupBinTcp | None = None
        for source in self._sources if lines or retransmitted else ():
            must_be_packets("path" if source is self.source else "lines", source)
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
    def plain(self) -> bool:
        """Whether all instruments are wanted, and no snapshot takes over."""
        return not self._directory.asked and self._snapshot is None

    @property
    def findings(self) -> list[Finding]:
        """What was wrong so far, and what was done about it."""
        return findings(self.ledger, self._places)

    @property
    def lines(self) -> list[Line]:
        """The lines met so far, and what each was worth."""
        return self._arbiter.met([source.path for source in self._sources])

    @property
    def sessions(self) -> list[Session]:
        """The sessions met so far, and what came of each."""
        return self._arbiter.sessions(self.lines)

    @property
    def stale(self) -> dict[str, int]:
        """The symbols touched since messages were lost, each with the first number lost."""
        return self.recovery.stale(self.directory)

    @property
    def directory(self) -> dict[int, str]:
        """Stock locate to symbol, as the messages so far tell it."""
        return self._directory.symbols

    @property
    def midnight_ns(self) -> int:
        """Start of the session's day, ns UTC; 0 while the day is not known."""
        return midnight_ns(self.date) if self.date else 0

    @property
    def wanted(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which locates the reader asked for, (65536,); locate 0, about no stock, always."""
        return self._directory.wanted

    def stretches(self, *, records: bool = True) -> Iterator[Stretch]:
        """Read the capture once, from its start to its end: every instrument's messages.

        All is found and counted also where the records are not made, for who reads the wire.
        """
        if self._begun:
            raise FeedError(f"{self.path} can be read once from one Tape: open it again")
        self._begun, self._ahead = True, Ahead() if records else None
        self._hold()
        size = sum(source.size for source in self._sources)
        advance, done = self._progress.stage("reading the capture", size), 0
        with ExitStack() as opened:
            for source in self._sources:
                opened.enter_context(source)
            capture = together(self._sources, self._chunk_bytes)
            if isinstance(capture, Capture) and isinstance(capture.container, SoupBinTcp):
                self._stream = capture.container
            for block in self._timed(capture):
                stretch = self._stretch(block, records)
                self._check(block, capture)
                position = sum(source.position for source in self._sources)
                advance(position - done)
                done = position
                yield stretch
                self.ledger[BEFORE, MESSAGE] += stretch.messages.size
        advance(size - done)
        self._finish(capture)
        yield from self.recovery.end()

    def _hold(self) -> None:
        """Read what was retransmitted and the snapshot, before there is a gap."""
        if self._retransmitted:
            self._arbiter.held = Retransmitted(self._retransmitted, self._arbiter.known)
            for path, faults in self._arbiter.held.faults:
                self.blame(path, faults)
        if tape := self._snapshot:
            self.recovery.waiting = snapshot(tape.path, tape.stretches())
            tape.ledger[Fault.UNKNOWN_TYPE, COUNT] -= 1  # its last message is of no feed
            self.blame(tape.path, tape.ledger)
            self._directory.words[:] = tape._directory.words

    def blame(self, path: Path, faults: Ledger) -> None:
        """Add what was wrong with another file to the findings."""
        add(self.ledger, self._places, path, faults)

    def _timed(self, capture: Capture | Merged) -> Iterator[Block]:
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
            if self._directory.asked:
                yield stretch.records[self.wanted[locate(stretch.records)]]
            else:
                yield stretch.records

    def _stretch(self, block: Block, decoded: bool) -> Stretch:
        self.ledger[BEFORE, BYTE] = block.base
        wire, gaps, waiting = block.wire, list[Gap](), self.recovery.waiting
        if self._stream:
            messages, gaps = self._arbiter.number(block.packets, self._stream)
        elif self._bare:
            messages = self._arbiter.count(block.packets, self.messages)
        else:
            if self.date is None:
                self.date = session_date(int(block.packets["arrival_ns"][0]))
            wire, messages, gaps = self._arbiter.take(block, self.packets)
        gaps = [*self._arbiter.join(waiting.sequence), *gaps] if waiting else gaps
        if self._ahead:
            self._ahead.wait()
        carried = self._latest, self._directory.words, self.types
        with self.meter.timing("records") as reading:
            records = np.zeros(messages.size if decoded else 0, RECORD_DTYPE)
            itch.records(wire, messages, *carried, records, self.ledger)
            reading.items += messages.size
        stretch = Stretch(wire, messages, records)
        return self.recovery.follow(stretch, gaps, max(self._arbiter.first, 0))

    def _check(self, block: Block, capture: Capture | Merged) -> None:
        """Put the packets' faults on record; stop there if the reader is strict."""
        for byte in capture.foreign():
            note(self.ledger, Fault.FOREIGN_BLOCK, -1, byte - block.base, -1, 1)
        frames.tally(block.packets[: block.settled], self._bare, self.ledger)
        if block.places is not None:
            place(self.ledger, self._places, block, [source.path for source in self._sources])
        self.ledger[BEFORE, PACKET] += block.settled
        if self.strict:
            self.stop_at_fault()

    def stop_at_fault(self) -> None:
        """Raise `FeedError` for the first fault that a clean feed never has."""
        for finding in self.findings:
            if finding.stops:
                raise FeedError(f"{self.path}: {finding}")

    def _finish(self, capture: Capture | Merged) -> None:
        """What is only known at the end: bytes left over, lines gone, symbols that never came."""
        self.ledger[BEFORE, BYTE] = 0
        self._arbiter.finish()
        for byte in capture.foreign():
            note(self.ledger, Fault.FOREIGN_BLOCK, -1, byte, -1, 1)
        if capture.left or any(source.cut for source in self._sources):
            note(self.ledger, Fault.TRUNCATED, -1, capture.end, -1, max(capture.left, 1))
        if self.strict:
            self.stop_at_fault()
        self._directory.check(self.path)
