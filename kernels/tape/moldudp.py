"""Datagrams to numbered messages, each once and in order. Twin of `hdl/moldudp`.

A gap is first looked for among the next `WINDOW` datagrams: what came late, or was sent again, is
put back in its place. Only what is not there is lost. A number that fits nothing around it, as one
flipped bit makes it, loses its own datagram and no other.
"""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp.layout import (
    END_OF_SESSION,
    HEADER_BYTES,
    LAST_SEQUENCE,
    PREFIX_BYTES,
)
from tapeout.kernels._jit import jit
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.frames import Datagrams
from tapeout.kernels.tape.pcap import Packets
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, be64

WINDOW = 1024
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
HEADER_DTYPE = np.dtype(
    [("session", "<i8"), ("sequence", "<i8"), ("whole", "<i8"), ("sound", "<i8")]
)
Messages = np.ndarray[Any, np.dtype[np.void]]
Headers = np.ndarray[Any, np.dtype[np.void]]


class Sessions(NamedTuple):
    """The sessions met so far.

    `names` (S, 2) uint64 holds the ten bytes of each, `expected` (S,) int64 its next sequence
    number or UNKNOWN, `met` (1,) how many there are, `first` (1,) which of them delivered first, or
    UNKNOWN. `early` (WINDOW, 2) int64 are the session and sequence
    of datagrams delivered ahead of their place in the file, `waiting` (1,) how many.
    """

    names: np.ndarray[Any, np.dtype[np.uint64]]
    expected: Ints
    met: Ints
    first: Ints
    early: Ints
    waiting: Ints


def sessions() -> Sessions:
    """None met yet."""
    return Sessions(
        np.zeros((SESSIONS, 2), np.uint64),
        np.full(SESSIONS, UNKNOWN),
        np.zeros(1, np.int64),
        np.full(1, UNKNOWN),
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
def headers(wire: Bytes, grams: Datagrams, known: Sessions, out: Headers, packets: Packets) -> None:
    """Read each datagram's header; mark in `packets` those that do not fit MoldUDP64."""
    for index in range(grams.size):
        gram, head = grams[index], out[index]
        at, stop = gram.start, gram.start + gram.length
        head.session, head.sequence, head.whole, head.sound = NOT_MOLD, 0, 0, 0
        if gram.length >= HEADER_BYTES and be64(wire, at + 10) <= LAST:
            head.sequence = np.int64(be64(wire, at + 10))
            count = np.int64(be16(wire, at + 18))
            if count == END_OF_SESSION:
                count = 0
            head.whole, end = _blocks(wire, at + HEADER_BYTES, stop, count)
            head.sound = head.whole == count and end == stop
            head.session = _session(known, wire, at, head.sound != 0)
        if head.sound == 0 or head.session == NOT_MOLD:
            packets[gram.packet].faults |= 1 << Fault.NOT_MOLDUDP64


@jit
def _numbered(head: Any, session: int) -> bool:
    """Whether a datagram is of this session and its sequence number can be believed."""
    return head.session == session and head.sound != 0 and head.sequence > 0


@jit
def _late(heads: Headers, start: int, session: int, wanted: int) -> int:
    """The index of a datagram within the window that carries sequence number `wanted`, or -1."""
    for index in range(start + 1, min(start + 1 + WINDOW, heads.size)):
        head = heads[index]
        if head.session == session and 0 < head.sequence <= wanted < head.sequence + head.whole:
            return index
    return -1


@jit
def _fits(heads: Headers, start: int, place: int) -> bool:
    """Whether a datagram within the window ends where `heads[place]` starts, or goes on from it."""
    head = heads[place]
    for index in range(start, min(start + 1 + WINDOW, heads.size)):
        other = heads[index]
        if index != place and _numbered(other, head.session):
            if other.sequence + other.whole == head.sequence:
                return True
            if other.sequence == head.sequence + head.whole:
                return True
    return False


@jit
def _origin(heads: Headers, start: int) -> int:
    """The number a session starts with: the lowest in the window that is near, or not alone."""
    session, lowest, reach = heads[start].session, heads[start].sequence, 0
    for index in range(start, min(start + 1 + WINDOW, heads.size)):
        if _numbered(heads[index], session):
            reach += heads[index].whole
    for index in range(start + 1, min(start + 1 + WINDOW, heads.size)):
        head = heads[index]
        if _numbered(head, session) and head.sequence < lowest:
            if lowest - head.sequence <= reach or _fits(heads, start, index):
                lowest = head.sequence
    return lowest


@jit
def _wild(heads: Headers, start: int, expected: int) -> bool:
    """Whether a datagram is numbered beyond all that the window carries, and stands there alone."""
    head, reach, below = heads[start], expected, False
    for index in range(start + 1, min(start + 1 + WINDOW, heads.size)):
        other = heads[index]
        if _numbered(other, head.session):
            reach += other.whole
            fresh = other.sequence + other.whole > expected
            below = below or (fresh and other.sequence < head.sequence)
    return below and head.sequence > reach and not _fits(heads, start, start)


@jit
def _resumes(heads: Headers, start: int, expected: int) -> int:
    """Where the session goes on behind a gap: the lowest number within the window beyond it."""
    session, lowest = heads[start].session, heads[start].sequence
    for index in range(start + 1, min(start + 1 + WINDOW, heads.size)):
        head = heads[index]
        if _numbered(head, session) and expected < head.sequence < lowest:
            lowest = head.sequence
    return lowest


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
def _repair(heads: Headers, late: int, known: Sessions) -> int:
    """Take datagram `late` ahead of its place; returns how many messages that delivers."""
    head = heads[late]
    fresh = head.sequence + head.whole - known.expected[head.session]
    known.expected[head.session] += fresh
    known.early[known.waiting[0], 0] = head.session
    known.early[known.waiting[0], 1] = head.sequence
    known.waiting[0] += 1
    return np.int64(fresh)


@jit
def _deliver(
    heads: Headers, place: int, skip: int, known: Sessions, gram: Any, row: Any, log: Ledger
) -> None:
    """Choose datagram `place` but for its first `skip` messages."""
    head = heads[place]
    row[0], row[1] = place, skip
    if known.first[0] == UNKNOWN:
        known.first[0] = head.session
    elif known.first[0] != head.session:
        note(log, Fault.OTHER_SESSION, gram.packet, gram.start, -1, head.whole - skip)


@jit
def _settle_gap(
    heads: Headers, index: int, known: Sessions, grams: Datagrams, row: Any, log: Ledger
) -> tuple[int, int]:
    """A number is missing before datagram `index`: what of the window to deliver instead.

    Returns the rows written, 0 or 1, and whether datagram `index` is done with.
    """
    head, gram = heads[index], grams[index]
    expected = known.expected[head.session]
    late = _late(heads, index, head.session, expected)
    if _wild(heads, index, expected):
        note(log, Fault.WILD_SEQUENCE, gram.packet, gram.start, -1, max(head.whole, 1))
        return 0, 1
    if late >= 0 and known.waiting[0] < WINDOW:
        fresh = _repair(heads, late, known)
        note(log, Fault.REPAIRED, gram.packet, gram.start, -1, fresh)
        _deliver(heads, late, heads[late].whole - fresh, known, grams[late], row, log)
        return 1, 0
    resumes = _resumes(heads, index, expected)
    note(log, Fault.GAP, gram.packet, gram.start, -1, resumes - expected)
    known.expected[head.session] = resumes
    return 0, 0


@jit
def order(
    heads: Headers, grams: Datagrams, final: bool, known: Sessions, out: Any, log: Ledger
) -> tuple[int, int]:
    """Choose which messages of which datagrams to deliver, in sequence.

    Each row of `out` (datagrams, 2) is a datagram and how many of its first messages to leave
    out. Returns the rows written and how many datagrams are settled. Unless `final`, what needs
    the whole window and has less of it is left for the next block.
    """
    rows, index = 0, 0
    while index < heads.size:
        head, gram = heads[index], grams[index]
        session = head.session
        if session == NOT_MOLD:
            index += 1
            continue
        if head.sequence == 0:
            if head.whole > 0:
                note(log, Fault.UNSEQUENCED, gram.packet, gram.start, -1, 1)
                _deliver(heads, index, 0, known, gram, out[rows], log)
                rows += 1
            index += 1
            continue
        expected = known.expected[session]
        if head.sequence > expected:
            if head.sound == 0:
                index += 1
                continue
            if not final and index + 1 + WINDOW > heads.size:
                break
            if expected == UNKNOWN:
                known.expected[session] = _origin(heads, index)
                continue
            chosen, done = _settle_gap(heads, index, known, grams, out[rows], log)
            rows, index = rows + chosen, index + done
            continue
        fresh = max(head.sequence + head.whole - expected, 0)
        if fresh < head.whole and not _was_early(known, session, head.sequence):
            note(log, Fault.REPEATED, gram.packet, gram.start, -1, head.whole - fresh)
        if fresh > 0:
            _deliver(heads, index, head.whole - fresh, known, gram, out[rows], log)
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
