"""Datagrams in sequence: every message once and in order, and what is missing counted.

A gap is first looked for among the next `WINDOW` datagrams: what came late, or was sent again, is
put back in its place. Only what is not there is lost. A number that fits nothing around it, as one
flipped bit makes it, loses its own datagram and no other.
"""

from typing import Any

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.frames import Datagrams
from tapeout.kernels.tape.moldudp import NOT_MOLD, UNKNOWN, WINDOW, Headers, Sessions


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
            near = lowest - head.sequence <= reach
            if near or _fits(heads, start, index):
                lowest = head.sequence
    return lowest


@jit
def _wild(heads: Headers, start: int, expected: int) -> bool:
    """Whether a datagram is numbered far beyond what the window carries, and stands there alone."""
    head, reach, below = heads[start], expected + WINDOW, False
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
            last = known.waiting[0]
            known.early[index, 0] = known.early[last, 0]
            known.early[index, 1] = known.early[last, 1]
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
        again = heads[late].whole - fresh
        if again > 0:
            note(log, Fault.REPEATED, grams[late].packet, grams[late].start, -1, again)
        _deliver(heads, late, again, known, grams[late], row, log)
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
