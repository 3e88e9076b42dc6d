"""Line arbitration: the packets of every line to messages, each once and in order."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tapeout.feed.capture import Block
from tapeout.feed.containers import SoupBinTcp
from tapeout.feed.recovery import Gap
from tapeout.feed.retransmitted import Retransmitted
from tapeout.hdl.layout import Fault
from tapeout.kernels.tape import frames, lines, moldudp, sequence
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.moldudp import MESSAGE_DTYPE, Headers, Messages
from tapeout.kernels.tape.pcap import Packets
from tapeout.kernels.tape.wire import Bytes
from tapeout.meter import Meter

BACKWARDS = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Line:
    """One copy of the feed, and what it was worth.

    A line is a capture, a destination, an inner VLAN (0 for none) and a session. `messages` came on
    it: `delivered` first by it, `repeated` after another had or too late, or `dropped` because
    their number could not be believed. It jumped ahead of its own numbers `gaps` times, over
    `skipped` messages, some of which may have come late. `first` and `last` are the numbers it
    carried. `silences` counts how often it said nothing for five seconds after another line of the
    session had spoken.
    """

    capture: Path
    address: str
    port: int
    vlan: int
    session: str
    packets: int
    heartbeats: int
    ends: int
    messages: int
    delivered: int
    repeated: int
    dropped: int
    gaps: int
    skipped: int
    first: int
    last: int
    first_ns: int
    last_ns: int
    silences: int

    def __str__(self) -> str:
        tag = f", VLAN {self.vlan}" if self.vlan else ""
        silent = f"; silent {self.silences:,} times" if self.silences else ""
        return (
            f"{self.address} port {self.port}{tag} of {self.capture.name}:"
            f" {self.packets:,} packets, {self.messages:,} messages, {self.delivered:,} first here,"
            f" {self.gaps:,} gaps of {self.skipped:,}{silent}"
        )


@dataclass(frozen=True)
class Session:
    """What came of one session: `delivered` and `lost` add up to all from `first` to `last`.

    `retransmitted` of the delivered were on no line. `ended` says whether a line told the end.
    """

    id: str
    first: int
    last: int
    delivered: int
    retransmitted: int
    repeated: int
    lost: int
    heartbeats: int
    ended: bool

    def __str__(self) -> str:
        return (
            f"{self.id}: messages {self.first:,} to {self.last:,}, {self.delivered:,} delivered,"
            f" {self.lost:,} lost, {self.heartbeats:,} heartbeats,"
            f" {'ended' if self.ended else 'its end not seen'}"
        )


class Arbiter:
    """Packets to messages: headers off, then every message of every line once and in order.

    What the window (`tapeout.kernels.tape.sequence`) has not is taken from `held`; what that has
    not is a `Gap`.
    """

    def __init__(self, log: Ledger, meter: Meter) -> None:
        self.log, self.meter = log, meter
        self.known, self._lines = moldudp.sessions(), lines.lines()
        self.held: Retransmitted | None = None
        self._filled = np.zeros(moldudp.SESSIONS, np.int64)
        self._stream: SoupBinTcp | None = None
        self._repeated = 0  # by the stream
        self._last_arrival = BACKWARDS

    def take(self, block: Block, before: int) -> tuple[Bytes, Messages, list[Gap]]:
        """The messages of a block, the bytes they stand in, and what is missing among them.

        `before` packets came before the block. Settles of the block what can be.
        """
        packets = block.packets
        with self.meter.timing("datagrams") as reading:
            grams = np.empty(packets.size, frames.DATAGRAM_DTYPE)
            grams = grams[: frames.datagrams(block.wire, packets, self._last_arrival, grams)]
            reading.items += packets.size
        with self.meter.timing("messages") as reading:
            heads = self._heads(block.wire, grams, packets)
            chosen = np.empty((grams.size, 2), np.int64)
            lost = np.empty(grams.size, sequence.GAP_DTYPE)
            rows, settled, count, gaps = sequence.order(
                heads, grams, block.final, self.known, self._lines, chosen, lost, self.log
            )
            if settled < grams.size:
                block.settled = int(grams["packet"][settled])
            messages = np.empty(count, MESSAGE_DTYPE)
            moldudp.messages(block.wire, grams, heads, chosen[:rows], messages)
            wire, messages, lost = self._filled_in(block.wire, messages, lost[:gaps])
            reading.items += messages.size
        if block.settled:
            self._last_arrival = int(packets["arrival_ns"][block.settled - 1])
        return wire, messages, [self._gap(gap, before) for gap in lost]

    def count(self, packets: Packets, before: int) -> Messages:
        """The messages of a file that does not number them; `before` came before these."""
        messages = np.empty(packets.size, MESSAGE_DTYPE)
        moldudp.bare(packets, before + 1, messages)
        return messages

    def number(self, packets: Packets, stream: SoupBinTcp) -> tuple[Messages, list[Gap]]:
        """The messages of a numbered stream, each once, and what is missing among them.

        A stream goes back or ahead where its reader logged in again.
        """
        known, numbers, name = self.known, packets["arrival_ns"], stream.session
        self._stream = stream
        if known.begun[0] == moldudp.UNKNOWN:
            known.begun[0] = known.expected[0] = numbers[0]
            known.met[0], known.first[0], words = 1, 0, name.encode("latin-1").ljust(10)
            known.names[0] = int.from_bytes(words[:8]), int.from_bytes(words[8:])
        reached = np.maximum.accumulate(np.append(known.expected[0] - 1, numbers))
        fresh = numbers > reached[:-1]
        taken = packets[fresh]
        messages = np.zeros(taken.size, MESSAGE_DTYPE)
        messages["start"], messages["length"] = taken["start"], taken["captured"]
        messages["packet"], messages["sequence"] = -1, taken["arrival_ns"]
        missing = np.where(fresh, numbers - reached[:-1] - 1, 0)
        gaps = [
            Gap(name, int(reached[at]) + 1, int(missing[at]), int(fresh[:at].sum()))
            for at in np.flatnonzero(missing)
        ]
        known.expected[0] = reached[-1] + 1
        known.delivered[0] += taken.size
        known.lost[0] += missing.sum()
        again = np.flatnonzero(~fresh)
        self._repeated += again.size
        if again.size:
            note(self.log, Fault.REPEATED, -1, packets["start"][again[0]], -1, again.size)
        for at in np.flatnonzero(missing):
            note(self.log, Fault.GAP, -1, packets["start"][at], -1, missing[at])
        return messages, gaps

    def finish(self) -> None:
        """Count what is known only at the end: lines that fell silent, packets of no feed."""
        lines.finish(self._lines, self.log)
        if many := sum(self._told(kind) for kind in "UJLRO"):  # nothing of a feed
            note(self.log, Fault.FOREIGN_BLOCK, -1, -1, -1, many)

    @property
    def first(self) -> int:
        """The session that delivered first, or -1 while none has."""
        return int(self.known.first[0])

    def join(self, taken: int) -> list[Gap]:
        """What is missing between a snapshot taken at `taken` and the first session's begin."""
        missing = int(self.known.begun[self.first]) - taken - 1
        if self.first < 0 or missing <= 0:
            return []
        self.known.begun[self.first] -= missing
        self.known.lost[self.first] += missing
        note(self.log, Fault.GAP, -1, -1, -1, missing)
        return [Gap(self._name(self.first), taken + 1, missing, 0)]

    def met(self, paths: Sequence[Path]) -> list[Line]:
        """Every line met so far, capture by capture; `paths` are those of the captures."""
        met = [self._line(row, paths) for row in range(int(self._lines.met[0]))]
        return sorted(met, key=lambda line: paths.index(line.capture))

    def sessions(self, met: Sequence[Line]) -> list[Session]:
        """Every session with a sequence number so far, from the lines met so far."""
        known = self.known
        numbered = [at for at in range(int(known.met[0])) if known.begun[at] != moldudp.UNKNOWN]
        return [self._session(at, met) for at in numbered]

    def _heads(self, wire: Bytes, grams: frames.Datagrams, packets: Packets) -> Headers:
        heads = np.empty(grams.size, moldudp.HEADER_DTYPE)
        moldudp.headers(wire, grams, self.known, self._lines, heads, packets)
        return heads

    def _filled_in(
        self, wire: Bytes, messages: Messages, lost: sequence.Gaps
    ) -> tuple[Bytes, Messages, sequence.Gaps]:
        """The same with what is held put into the gaps; what is lost for good goes on record."""
        if self.held is not None and lost.size:
            before, first = messages.size, lost[0]
            wire, messages, rows, lost = self.held.fill(wire, messages, lost)
            many = np.bincount(rows["session"], minlength=moldudp.SESSIONS)
            for counts, sign in (
                (self._filled, 1),
                (self.known.delivered, 1),
                (self.known.lost, -1),
            ):
                counts += sign * many
            if messages.size > before:
                note(self.log, Fault.FILLED, first["packet"], first["start"], -1, rows.size)
        for gap in lost:
            note(self.log, Fault.GAP, gap["packet"], gap["start"], -1, gap["count"])
        return wire, messages, lost

    def _told(self, kind: str) -> int:
        """How many packets of a kind the stream has, if there is one."""
        return int(self._stream.seen[ord(kind)]) if self._stream else 0

    def _name(self, session: int) -> str:
        head, tail = (int(word) for word in self.known.names[session])
        return (head.to_bytes(8) + tail.to_bytes(2)).decode("latin-1").strip()

    def _gap(self, gap: np.void, before: int) -> Gap:
        return Gap(
            self._name(int(gap["session"])),
            int(gap["sequence"]),
            int(gap["count"]),
            int(gap["at"]),
            before + int(gap["packet"]) + 1,
            int(gap["arrival_ns"]),
        )

    def _line(self, row: int, paths: Sequence[Path]) -> Line:
        high, low, place, carries = (int(word) for word in self._lines.keys[row])
        address = ipaddress.IPv4Address if place >> 32 == 4 else ipaddress.IPv6Address
        counts = [int(count) for count in self._lines.counts[row]]
        counts[lines.NEXT] -= counts[lines.NEXT] > 0  # the last it carried
        return Line(
            paths[carries >> 32],
            str(address(high << 64 | low)),
            place >> 12 & 0xFFFF,
            place & 0xFFF,
            self._name(carries & 0xFFFFFFFF),
            *counts[: lines.UNANSWERED],
        )

    def _session(self, at: int, met: Sequence[Line]) -> Session:
        known, name = self.known, self._name(at)
        ours = [line for line in met if line.session == name]
        return Session(
            name,
            int(known.begun[at]),
            int(known.expected[at]) - 1,
            int(known.delivered[at]),
            int(self._filled[at]),
            sum(line.repeated for line in ours) + self._repeated,
            int(known.lost[at]),
            sum(line.heartbeats for line in ours) + self._told("H"),
            any(line.ends for line in ours) or self._told("Z") > 0,
        )
