"""Datagrams to numbered messages, each once and in order. Twin of `hdl/moldudp`.

A gap is first looked for among the next `WINDOW` datagrams: what came late, or was sent again, is
put back in its place. Only what is not there is lost.
"""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp.layout import END_OF_SESSION, HEADER_BYTES, PREFIX_BYTES
from tapeout.kernels._jit import jit
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.frames import Datagrams
from tapeout.kernels.tape.pcap import Packets
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, be64

WINDOW = 1024
SESSIONS = 64
NOT_MOLD = -1

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
HEADER_DTYPE = np.dtype(
    [("session", "<i8"), ("sequence", "<i8"), ("whole", "<i8"), ("sound", "<i8")]
)
Messages = np.ndarray[Any, np.dtype[np.void]]
Headers = np.ndarray[Any, np.dtype[np.void]]


class Sessions(NamedTuple):
    """The sessions met so far.

    `names` (S, 2) uint64 holds the ten bytes of each, `expected` (S,) int64 its next sequence
    number, `met` (1,) how many there are. `early` (WINDOW, 2) int64 are the session and sequence
    of datagrams delivered ahead of their place in the file, `waiting` (1,) how many.
    """

    names: np.ndarray[Any, np.dtype[np.uint64]]
    expected: Ints
    met: Ints
    early: Ints
    waiting: Ints


def sessions() -> Sessions:
    """None met yet."""
    return Sessions(
        np.zeros((SESSIONS, 2), np.uint64),
        np.zeros(SESSIONS, np.int64),
        np.zeros(1, np.int64),
        np.zeros((WINDOW, 2), np.int64),
        np.zeros(1, np.int64),
    )


@jit
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


@jit
def _session(known: Sessions, wire: Bytes, at: int, sequence: int, sound: bool) -> int:
    """The index of this packet's session; a new one is entered only if the packet is sound."""
    head, tail = be64(wire, at), be16(wire, at + 8)
    for index in range(known.met[0]):
        if known.names[index, 0] == head and known.names[index, 1] == tail:
            return index
    if not sound or known.met[0] == SESSIONS:
        return NOT_MOLD
    index = known.met[0]
    known.names[index, 0], known.names[index, 1] = head, tail
    known.expected[index] = sequence
    known.met[0] += 1
    return index


@jit
def headers(wire: Bytes, grams: Datagrams, known: Sessions, out: Headers, packets: Packets) -> None:
    """Read each datagram's header; mark in `packets` those that do not fit MoldUDP64."""
    for index in range(grams.size):
        gram, head = grams[index], out[index]
        at, stop = gram.start, gram.start + gram.length
        head.session, head.sequence, head.whole, head.sound = NOT_MOLD, 0, 0, 0
        if gram.length >= HEADER_BYTES:
            head.sequence = np.int64(be64(wire, at + 10))
            count = np.int64(be16(wire, at + 18))
            if count == END_OF_SESSION:
                count = 0
            head.whole, end = _blocks(wire, at + HEADER_BYTES, stop, count)
            head.sound = head.whole == count and end == stop and head.sequence >= 0
            head.session = _session(known, wire, at, head.sequence, head.sound != 0)
        if head.sound == 0 or head.session == NOT_MOLD:
            packets[gram.packet].faults |= 1 << Fault.NOT_MOLDUDP64


@jit
def _late(heads: Headers, start: int, session: int, wanted: int) -> int:
    """The index of a datagram within the window that carries sequence number `wanted`, or -1."""
    for index in range(start + 1, min(start + 1 + WINDOW, heads.size)):
        head = heads[index]
        if head.session == session and head.sequence <= wanted < head.sequence + head.whole:
            return index
    return -1


@jit
def _was_early(known: Sessions, session: int, sequence: int) -> bool:
    """Whether this datagram was delivered ahead of its place; if so, forget it."""
    for index in range(known.waiting[0]):
        if known.early[index, 0] == session and known.early[index, 1] == sequence:
            known.waiting[0] -= 1
            known.early[index] = known.early[known.waiting[0]]
            return True
    return False


@jit
def _repair(heads: Headers, late: int, known: Sessions, row: Any) -> int:
    """Choose datagram `late` now, ahead of its place; returns how many messages that delivers."""
    head = heads[late]
    skip = known.expected[head.session] - head.sequence
    row[0], row[1] = late, skip
    known.expected[head.session] = head.sequence + head.whole
    known.early[known.waiting[0], 0] = head.session
    known.early[known.waiting[0], 1] = head.sequence
    known.waiting[0] += 1
    return np.int64(head.whole - skip)


@jit
def order(
    heads: Headers, grams: Datagrams, final: bool, known: Sessions, out: Any, log: Ledger
) -> tuple[int, int]:
    """Choose which messages of which datagrams to deliver, in sequence.

    Each row of `out` (datagrams, 2) is a datagram and how many of its first messages to leave
    out. Returns the rows written and how many datagrams are settled. Unless `final`, a gap whose
    window reaches past the block is left for the next one.
    """
    rows, index = 0, 0
    while index < heads.size:
        head, packet, at = heads[index], grams[index].packet, grams[index].start
        session = head.session
        expected = known.expected[session]
        if session == NOT_MOLD or (head.sound == 0 and head.sequence > expected):
            index += 1
        elif head.sequence == 0 and head.whole > 0:
            note(log, Fault.UNSEQUENCED, packet, at, -1, 1)
            out[rows, 0], out[rows, 1] = index, 0
            rows, index = rows + 1, index + 1
        elif head.sequence > expected:
            if not final and index + 1 + WINDOW > heads.size:
                break
            late = _late(heads, index, session, expected)
            if late >= 0 and known.waiting[0] < WINDOW:
                note(log, Fault.REPAIRED, packet, at, -1, _repair(heads, late, known, out[rows]))
                rows += 1
            else:
                note(log, Fault.GAP, packet, at, -1, head.sequence - expected)
                known.expected[session] = head.sequence
        else:
            fresh = max(head.sequence + head.whole - expected, 0)
            if fresh < head.whole and not _was_early(known, session, head.sequence):
                note(log, Fault.REPEATED, packet, at, -1, head.whole - fresh)
            if fresh > 0:
                out[rows, 0], out[rows, 1] = index, head.whole - fresh
                rows += 1
                known.expected[session] += fresh
            index += 1
    return rows, index


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
