"""Datagrams to the headers and numbered messages in them. Twin of `hdl/moldudp`."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp.layout import (
    END_OF_SESSION,
    HEADER_BYTES,
    LAST_SEQUENCE,
    PREFIX_BYTES,
)
from tapeout.kernels._jit import jit, jit_inner, jit_lean
from tapeout.kernels.tape.frames import Datagrams
from tapeout.kernels.tape.lines import Lines, line_of
from tapeout.kernels.tape.pcap import Packets
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, be64

WINDOW = 1024  # datagrams looked ahead for what is missing
SESSIONS = 64
NOT_MOLD = -1
UNKNOWN = -1
LAST = np.uint64(LAST_SEQUENCE)

MESSAGE_DTYPE = np.dtype(
    [
        ("start", "<i8"),
        ("length", "<i4"),
        ("packet", "<i4"),
        ("sequence", "<u8"),
        ("arrival_ns", "<i8"),
        ("session", "<i8"),
    ]
)
#: `whole` messages of datagram can be read; it is `sound` if these are all, and fit. `ended` marks
#: the end of the session. `line` is the row of `Lines`.
HEADER_DTYPE = np.dtype(
    [
        ("session", "<i8"),
        ("sequence", "<i8"),
        ("whole", "<i8"),
        ("sound", "<i4"),
        ("ended", "<i4"),
        ("line", "<i8"),
    ]
)
Messages = np.ndarray[Any, np.dtype[np.void]]
Headers = np.ndarray[Any, np.dtype[np.void]]


class Sessions(NamedTuple):
    """The sessions met so far.

    `names` (S, 2) uint64 holds the ten bytes of each; of each, (S,) int64: `begun` and `expected`,
    its first sequence number and the next, or UNKNOWN; `delivered` and `lost`, messages. `met` (1,)
    is how many there are, `first` (1,) which of them delivered first, or UNKNOWN.
    `early` (WINDOW,) are the datagrams delivered ahead of their place, counted over all blocks as
    `passed` (1,) counts those that are settled; `waiting` (1,) how many.
    """

    names: np.ndarray[Any, np.dtype[np.uint64]]
    begun: Ints
    expected: Ints
    delivered: Ints
    lost: Ints
    met: Ints
    first: Ints
    early: Ints
    passed: Ints
    waiting: Ints


def sessions() -> Sessions:
    """None met yet."""
    unknown, none, one = np.full(SESSIONS, UNKNOWN), np.zeros(SESSIONS, np.int64), np.zeros(1, int)
    return Sessions(
        np.zeros((SESSIONS, 2), np.uint64),
        unknown,
        unknown.copy(),
        none,
        none.copy(),
        one,
        np.full(1, UNKNOWN),
        np.zeros(WINDOW, np.int64),
        one.copy(),
        one.copy(),
    )


@jit_inner
def _blocks(wire: Bytes, at: int, stop: int, count: int) -> tuple[int, int]:
    """How many of `count` blocks are whole in `wire[at:stop]`, and where the last of them ends."""
    whole = 0
    while whole < count and at + PREFIX_BYTES <= stop:
        end = at + PREFIX_BYTES + np.int64(be16(wire, at))
        if end > stop:
            break
        at = end
        whole += 1
    return whole, at


@jit_inner
def _session(known: Sessions, wire: Bytes, at: int, sound: bool) -> int:
    """The index of this packet's session; a new one is entered only if the packet is sound."""
    head, tail = be64(wire, at), be16(wire, at + 8)
    for index in range(known.met[0]):
        if known.names[index, 0] == head and known.names[index, 1] == tail:
            return index
    if not sound or known.met[0] == SESSIONS:
        return NOT_MOLD
    index = known.met[0]
    known.names[index, 0], known.names[index, 1] = head, tail
    known.met[0] += 1
    return index


@jit
def headers(
    wire: Bytes, grams: Datagrams, known: Sessions, lines: Lines, out: Headers, packets: Packets
) -> None:
    """Read each datagram's header; mark in `packets` those that do not fit MoldUDP64."""
    for index in range(grams.size):
        gram, head = grams[index], out[index]
        at, stop = gram.start, gram.start + gram.length
        head.session, head.sequence, head.whole, head.sound = NOT_MOLD, 0, 0, 0
        head.ended, head.line = 0, 0
        if gram.length >= HEADER_BYTES and be64(wire, at + 10) <= LAST:
            head.sequence = np.int64(be64(wire, at + 10))
            count = np.int64(be16(wire, at + 18))
            if count == END_OF_SESSION:
                count, head.ended = 0, 1
            head.whole, end = _blocks(wire, at + HEADER_BYTES, stop, count)
            head.sound = head.whole == count and end == stop
            head.session = _session(known, wire, at, head.sound != 0)
            if head.session != NOT_MOLD:
                head.line = line_of(lines, wire, gram, head.session)
        if head.sound == 0 or head.session == NOT_MOLD:
            packets[gram.packet].faults |= 1 << Fault.NOT_MOLDUDP64


@jit
def messages(wire: Bytes, grams: Datagrams, heads: Headers, chosen: Any, out: Messages) -> int:
    """Write one entry to `out` for each message of the chosen datagrams; the number written."""
    count = 0
    for row in range(chosen.shape[0]):
        gram, head = grams[chosen[row, 0]], heads[chosen[row, 0]]
        at = gram.start + HEADER_BYTES
        for block in range(head.whole):
            length = np.int64(be16(wire, at))
            if block >= chosen[row, 1]:
                entry = out[count]
                entry.start = at + PREFIX_BYTES
                entry.length = length
                entry.packet = gram.packet
                entry.sequence = head.sequence + block if head.sequence > 0 else 0
                entry.arrival_ns = gram.arrival_ns
                entry.session = head.session
                count += 1
            at += PREFIX_BYTES + length
    return count


@jit_lean
def bare(packets: Packets, number: int, out: Messages) -> None:
    """Write one entry to `out` for each message of a file that numbers none; the first's number."""
    for index in range(packets.size):
        packet, entry = packets[index], out[index]
        entry.start, entry.length = packet.start, packet.captured
        entry.packet, entry.sequence = -1, number + index
        entry.arrival_ns, entry.session = 0, 0


@jit_lean
def extents(messages: Messages, out: Ints) -> int:
    """Write to `out` (M, 2) where messages stand one behind the other; the number written.

    Each extent starts with the length of its first message and stops behind its last.
    """
    count, stop = 0, np.int64(-1)
    for index in range(messages.size):
        message = messages[index]
        start = message.start - PREFIX_BYTES
        if start != stop:
            out[count, 0] = start
            count += 1
        stop = message.start + message.length
        out[count - 1, 1] = stop
    return count
