"""Datagrams in sequence: every message once and in order, and what is missing counted.

A gap is first looked for among the next `WINDOW` datagrams: what came late, or was sent again, is
put back in its place. Only what is not there is lost, and written down where it is missed. A number
that fits nothing around it, as one flipped bit makes it, loses its own datagram and no other.
"""

from typing import Any

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit, jit_inner, jit_lean
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.frames import Datagrams
from tapeout.kernels.tape.lines import DELIVERED, DROPPED, REPEATED, Lines, arrived
from tapeout.kernels.tape.moldudp import NOT_MOLD, UNKNOWN, WINDOW, Headers, Sessions
from tapeout.kernels.tape.record import Ints

#: Messages that nobody has: `count` of them from `sequence` on. `at` is how many messages of this
#: block come before them; the rest tells the datagram that gave them up.
GAP_DTYPE = np.dtype(
    [
        ("session", "<i8"),
        ("sequence", "<i8"),
        ("count", "<i8"),
        ("at", "<i8"),
        ("packet", "<i8"),
        ("start", "<i8"),
        ("arrival_ns", "<i8"),
    ]
)
Gaps = np.ndarray[Any, np.dtype[np.void]]
ROWS, SETTLED, TAKEN, GAPS = range(4)
NOBODY = -1


@jit_lean
def _numbered(head: Any, session: int) -> bool:
    """Whether a datagram is of this session and its sequence number can be believed."""
    return head.session == session and head.sound != 0 and head.sequence > 0


@jit_lean
def _late(heads: Headers, start: int, session: int, wanted: int) -> int:
    """The index of a datagram within the window that carries sequence number `wanted`, or -1."""
    for index in range(start + 1, min(start + 1 + WINDOW, heads.size)):
        head = heads[index]
        if head.session == session and 0 < head.sequence <= wanted < head.sequence + head.whole:
            return index
    return -1


@jit_lean
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


@jit_lean
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


@jit_lean
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


@jit_lean
def _resumes(heads: Headers, start: int, expected: int) -> int:
    """Where the session goes on behind a gap: the lowest number within the window beyond it."""
    session, lowest = heads[start].session, heads[start].sequence
    for index in range(start + 1, min(start + 1 + WINDOW, heads.size)):
        head = heads[index]
        if _numbered(head, session) and expected < head.sequence < lowest:
            lowest = head.sequence
    return lowest


@jit_lean
def _was_early(early: Ints, waiting: Ints, ordinal: int) -> bool:
    """Whether this datagram was delivered ahead of its place; if so, forget it."""
    for index in range(waiting[0]):
        if early[index] == ordinal:
            waiting[0] -= 1
            early[index] = early[waiting[0]]
            return True
    return False


@jit_lean
def _lose(head: Any, gram: Any, many: int, known: Sessions, gaps: Gaps, done: Ints) -> None:
    """Write down that `many` messages are missing before a datagram."""
    session, first, at = head.session, known.expected[head.session], done[TAKEN]
    known.expected[session] += many
    known.lost[session] += many
    if done[GAPS] > 0:
        last = gaps[done[GAPS] - 1]
        if last.session == session and last.sequence + last.count == first and last.at == at:
            last.count += many
            return
    gap = gaps[done[GAPS]]
    gap.session, gap.sequence, gap.count, gap.at = session, first, many, at
    gap.packet, gap.start, gap.arrival_ns = gram.packet, gram.start, gram.arrival_ns
    done[GAPS] += 1


@jit_lean
def _instead(
    heads: Headers,
    grams: Datagrams,
    index: int,
    known: Sessions,
    gaps: Gaps,
    done: Ints,
    log: Ledger,
) -> int:
    """A number is missing before datagram `index`: which one to take instead.

    The datagram itself, if it is its own number that is wrong; NOBODY, if the number is given up.
    """
    head, gram = heads[index], grams[index]
    expected = known.expected[head.session]
    if _wild(heads, index, expected):
        note(log, Fault.WILD_SEQUENCE, gram.packet, gram.start, -1, max(head.whole, 1))
        return index
    late = _late(heads, index, head.session, expected)
    if late >= 0 and known.waiting[0] < WINDOW:
        fresh = heads[late].sequence + heads[late].whole - expected
        known.early[known.waiting[0]] = known.passed[0] + late
        known.waiting[0] += 1
        note(log, Fault.REPAIRED, gram.packet, gram.start, -1, fresh)
        return late
    _lose(head, gram, _resumes(heads, index, expected) - expected, known, gaps, done)
    return NOBODY


@jit_inner
def _choose(
    head: Any,
    gram: Any,
    place: int,
    again: int,
    known: Sessions,
    lines: Lines,
    out: Any,
    done: Ints,
    log: Ledger,
) -> None:
    """Deliver datagram `place` but for its first `again` messages, which were there before."""
    many = head.whole - again
    lines.counts[head.line, DELIVERED] += many
    lines.counts[head.line, REPEATED] += again
    if again > 0:
        note(log, Fault.REPEATED, gram.packet, gram.start, -1, again)
    if many == 0:
        return
    out[done[ROWS], 0], out[done[ROWS], 1] = place, again
    done[ROWS] += 1
    done[TAKEN] += many
    known.delivered[head.session] += many
    if head.sequence > 0:
        known.expected[head.session] += many
    else:
        note(log, Fault.UNSEQUENCED, gram.packet, gram.start, -1, 1)
    if known.first[0] == UNKNOWN:
        known.first[0] = head.session
    elif known.first[0] != head.session:
        note(log, Fault.OTHER_SESSION, gram.packet, gram.start, -1, many)


@jit
def order(
    heads: Headers,
    grams: Datagrams,
    final: bool,
    known: Sessions,
    lines: Lines,
    out: Any,
    gaps: Gaps,
    log: Ledger,
) -> Any:
    """Choose which messages of which datagrams to deliver, in sequence.

    Each row of `out` (datagrams, 2) is a datagram and how many of its first messages to leave
    out; `gaps` (datagrams,) GAP_DTYPE is what was given up. Returns (4,): the rows written, how
    many datagrams are settled, how many messages the rows hold, and the gaps. Unless `final`, what
    needs the whole window and has less of it is left for the next block.
    """
    done, index = np.zeros(4, np.int64), 0
    while index < heads.size:
        head, place = heads[index], index
        if head.session == NOT_MOLD:
            index += 1
            continue
        expected, sound = known.expected[head.session], head.sound != 0
        ahead = head.sequence > max(expected, 0)
        if ahead and sound:
            if not final and index + 1 + WINDOW > heads.size:
                break
            if expected == UNKNOWN:
                origin = _origin(heads, index)
                known.begun[head.session] = known.expected[head.session] = origin
                continue
            place = _instead(heads, grams, index, known, gaps, done, log)
            if place == NOBODY:
                continue
        chosen = heads[place]
        if place == index and ahead:
            lines.counts[head.line, DROPPED] += head.whole
        elif place != index or not _was_early(known.early, known.waiting, known.passed[0] + index):
            again = min(expected - chosen.sequence, chosen.whole) if chosen.sequence > 0 else 0
            _choose(chosen, grams[place], place, again, known, lines, out, done, log)
        if place == index:
            arrived(lines, head, grams[index], sound and not ahead, log)
            index += 1
    known.passed[0] += index
    done[SETTLED] = index
    return done
