"""Retransmitted packets, kept by number: they fill gaps whenever they arrived."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tapeout.errors import FeedError
from tapeout.feed.capture import Capture
from tapeout.feed.source import Source
from tapeout.hdl.moldudp.layout import PREFIX_BYTES
from tapeout.kernels.tape import frames, lines, moldudp
from tapeout.kernels.tape.faults import BEFORE, BYTE, PACKET, Ledger, ledger
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.moldudp import MESSAGE_DTYPE, NOT_MOLD, Messages, Sessions
from tapeout.kernels.tape.pcap import Packets
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.sequence import Gaps
from tapeout.kernels.tape.wire import Bytes


class Retransmitted:
    """The messages of captures of what a request server sent again, all held in memory.

    Parameters
    ----------
    sources : sequence of Source
        pcap or pcapng of MoldUDP64.
    known : Sessions
        Those of the feed, which get those of the captures added.

    Attributes
    ----------
    faults : list of (Path, Ledger)
        What was wrong with each capture.

    Raises
    ------
    FeedError
        "retransmitted must be a capture of packets; day.itch holds bare messages"
    """

    def __init__(self, sources: Sequence[Source], known: Sessions) -> None:
        self.faults: list[tuple[Path, Ledger]] = []
        found, wires, offset = [np.zeros(0, MESSAGE_DTYPE)], [np.zeros(0, np.uint8)], 0
        for source in sources:
            must_be_packets("retransmitted", source)
            log = ledger()
            self.faults.append((source.path, log))
            with source:
                for block in Capture(source):
                    messages = _messages(block.wire, block.packets, known)
                    log[BEFORE, BYTE] = block.base
                    frames.tally(block.packets, False, log)
                    log[BEFORE, PACKET] += block.packets.size
                    messages["start"] += offset
                    found.append(messages)
                    wires.append(block.wire[:-SLACK].copy())
                    offset += wires[-1].size
        self._wire = np.concatenate(wires)
        messages = np.concatenate(found)
        messages = messages[np.lexsort((messages["sequence"], messages["session"]))]
        fresh = np.ones(messages.size, bool)
        for name in ("session", "sequence"):
            same = messages[name][1:] == messages[name][:-1]
            fresh[1:] = ~same if name == "session" else fresh[1:] | ~same
        self._messages = messages[fresh]

    def fill(
        self, wire: Bytes, messages: Messages, gaps: Gaps
    ) -> tuple[Bytes, Messages, Messages, Gaps]:
        """Put what is held into the gaps.

        Returns the bytes, the messages with those held in their places, those held, and the gaps
        that are left. What is held stands behind its length, as all messages do.
        """
        taken, at, left, before = [np.zeros(0, MESSAGE_DTYPE)], [np.zeros(0, int)], [gaps[:0]], 0
        for gap in gaps:
            rows = self._between(int(gap["session"]), int(gap["sequence"]), int(gap["count"]))
            left.append(_holes(gap, rows["sequence"].astype(np.int64), before))
            taken.append(rows)
            at.append(np.full(rows.size, gap["at"]))
            before += rows.size
        held = np.concatenate(taken)
        pieces = [self._wire[m["start"] - PREFIX_BYTES : m["start"] + m["length"]] for m in held]
        ends = np.cumsum(held["length"] + np.int64(PREFIX_BYTES))
        held["start"] = wire.size - SLACK + ends - held["length"]
        held["packet"] = -1
        wire = np.concatenate([wire[:-SLACK], *pieces, np.zeros(SLACK, np.uint8)])
        return wire, np.insert(messages, np.concatenate(at), held), held, np.concatenate(left)

    def _between(self, session: int, first: int, count: int) -> Messages:
        """The messages held of a gap."""
        messages = self._messages
        begin, end = np.searchsorted(messages["session"], [session, session + 1])
        numbers = messages["sequence"][begin:end]
        low, high = np.searchsorted(numbers, np.array([first, first + count], np.uint64))
        return messages[begin + low : begin + high].copy()


def must_be_packets(name: str, source: Source) -> None:
    """Refuse a source without packets, under the name of the argument it came by."""
    if source.container not in ("pcap", "pcapng"):
        raise FeedError(f"{name} must be a capture of packets; {source.path} holds bare messages")


def _messages(wire: Bytes, packets: Packets, known: Sessions) -> Messages:
    """Every numbered message of sound datagrams, in the order of the file."""
    grams = np.empty(packets.size, frames.DATAGRAM_DTYPE)
    grams = grams[: frames.datagrams(wire, packets, np.iinfo(np.int64).min, grams)]
    heads = np.empty(grams.size, moldudp.HEADER_DTYPE)
    moldudp.headers(wire, grams, known, lines.lines(), heads, packets)
    sound = (heads["sound"] != 0) & (heads["session"] != NOT_MOLD) & (heads["sequence"] > 0)
    chosen = np.zeros((int(sound.sum()), 2), np.int64)
    chosen[:, 0] = np.flatnonzero(sound)
    messages = np.empty(int(heads["whole"][sound].sum()), MESSAGE_DTYPE)
    moldudp.messages(wire, grams, heads, chosen, messages)
    return messages


def _holes(gap: np.void, numbers: Ints, before: int) -> Gaps:
    """What is left of a gap without `numbers`; `before` messages came into the block before it."""
    first = int(gap["sequence"])
    bounds = np.concatenate([[first - 1], numbers, [first + int(gap["count"])]])
    missing = np.diff(bounds) - 1
    holes = np.flatnonzero(missing)
    left = np.repeat(np.array([gap]), holes.size)
    left["sequence"], left["count"] = bounds[holes] + 1, missing[holes]
    left["at"] += before + holes
    return left
