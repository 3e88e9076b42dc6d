"""What a gap makes stale, and what a snapshot of the books makes whole again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tapeout.errors import FeedError
from tapeout.kernels.tape.itch import LENGTHS, LOCATES, SLACK
from tapeout.kernels.tape.moldudp import MESSAGE_DTYPE, Messages
from tapeout.kernels.tape.record import RECORD_DTYPE, Ints, Records
from tapeout.kernels.tape.wire import Bytes

END_OF_SNAPSHOT, DIGITS = ord("G"), slice(1, 21)


@dataclass(frozen=True)
class Gap:
    """Messages that no line had: `count` of them from `sequence` on.

    `at` is how many messages of the stretch come before them; `packet` (from 1, over all captures,
    0 if there are none) and `arrival_ns` are of the packet that gave them up.
    """

    session: str
    sequence: int
    count: int
    at: int
    packet: int = 0
    arrival_ns: int = 0


@dataclass(frozen=True)
class Snapshot:
    """All books as they stood behind message `sequence`: the adds of every live order."""

    path: Path
    records: Records
    sequence: int


@dataclass(frozen=True)
class Recovered:
    """The snapshot's books take over before message `at` of the stretch; `stale` locates end."""

    snapshot: Snapshot
    at: int
    stale: Ints


Mark = Gap | Recovered


@dataclass(frozen=True)
class Stretch:
    """Consecutive messages: their bytes in `wire`, where they stand, and the records of them.

    There are no records where the reader wants none.
    `marks` says, in order, where among them messages are lost and where a snapshot takes over.
    """

    wire: Bytes
    messages: Messages
    records: Records
    marks: tuple[Mark, ...] = ()

    @property
    def gaps(self) -> list[Gap]:
        """Where among them messages are lost."""
        return [mark for mark in self.marks if isinstance(mark, Gap)]


NOTHING = Stretch(np.zeros(SLACK, np.uint8), np.zeros(0, MESSAGE_DTYPE), np.zeros(0, RECORD_DTYPE))


def snapshot(path: Path, stretches: Iterable[Stretch]) -> Snapshot:
    """The messages of a snapshot in the form of Nasdaq GLIMPSE 5.0.

    Directory and adds of every live order, then "G" and twenty characters: the number of the last
    message of the feed that is in it. What follows is not read.

    Raises
    ------
    FeedError
        "snapshot must end with the number it was taken at (G); books.bin does not"
        "snapshot must be taken at a number; books.bin says 'soon'"
    """
    parts = [np.zeros(0, RECORD_DTYPE)]
    for stretch in stretches:
        ends = np.flatnonzero(stretch.records["type"] == END_OF_SNAPSHOT)
        if not ends.size:
            parts.append(stretch.records)
            continue
        end = stretch.messages[ends[0]]
        text = stretch.wire[end["start"] : end["start"] + end["length"]][DIGITS].tobytes()
        if not text.strip().isdigit():
            raise FeedError(
                f"snapshot must be taken at a number; {path} says {text.decode('latin-1')!r}"
            )
        parts.append(stretch.records[: ends[0]])
        return Snapshot(path, np.concatenate(parts), int(text))
    raise FeedError(f"snapshot must end with the number it was taken at (G); {path} does not")


class Recovery:
    """Follows the messages: which instruments are stale, and where a snapshot takes over.

    Attributes
    ----------
    since : (65536,) int64
        For each locate the first number lost before it was touched, or 0 while it is not stale.
    """

    def __init__(self) -> None:
        self.since = np.zeros(LOCATES, np.int64)
        self.waiting: Snapshot | None = None
        self._lost = 0  # the first number lost and not recovered

    def stale(self, directory: Mapping[int, str]) -> dict[str, int]:
        """The symbols of stale locates, each with the first number lost."""
        stale = np.flatnonzero(self.since)
        return {directory.get(int(at), f"#{at}"): int(self.since[at]) for at in stale}

    def follow(self, stretch: Stretch, gaps: Sequence[Gap], session: int) -> Stretch:
        """The stretch with its marks; the snapshot is of `session`.

        A gap that the snapshot covers in part is two: one before it and one behind.
        """
        marks, messages = list[Mark](gaps), stretch.messages
        if self.waiting is not None:
            taken = self.waiting.sequence
            behind = (messages["session"] == session) & (messages["sequence"] > taken)
            if behind.any():
                marks = self._split(gaps, self.waiting, int(behind.argmax()))
        if marks or self._lost:
            self._walk(_named(stretch), marks)
        return replace(stretch, marks=tuple(marks)) if marks else stretch

    def end(self) -> Iterator[Stretch]:
        """No message, but the recovery, if the snapshot was taken behind the last one."""
        if self.waiting is not None:
            marks = self._split([], self.waiting, 0)
            self._walk(_named(NOTHING), marks)
            yield replace(NOTHING, marks=tuple(marks))

    def _split(self, gaps: Sequence[Gap], taken: Snapshot, at: int) -> list[Mark]:
        """The gaps before the snapshot, the snapshot, and the gaps behind it."""
        before, behind, self.waiting = list[Mark](), list[Mark](), None
        for gap in gaps:
            covered = min(max(taken.sequence + 1 - gap.sequence, 0), gap.count)
            if covered and gap.at <= at:
                before.append(replace(gap, count=covered))
            if covered < gap.count:
                rest = replace(gap, sequence=gap.sequence + covered, count=gap.count - covered)
                behind.append(rest)
        return [*before, Recovered(taken, at, np.zeros(0, np.int64)), *behind]

    def _walk(self, named: Ints, marks: list[Mark]) -> None:
        """Mark what is touched between the marks; tells a recovery what it recovers."""
        at = 0
        for place, mark in enumerate(marks):
            self._touch(named[at : mark.at])
            at = mark.at
            if isinstance(mark, Gap):
                self._lost = self._lost or mark.sequence
            else:
                marks[place] = replace(mark, stale=np.flatnonzero(self.since))
                self._lost, self.since[:] = 0, 0
        self._touch(named[at:])

    def _touch(self, named: Ints) -> None:
        """Instruments named while messages are lost are stale."""
        if self._lost and named.size:
            touched = np.unique(named)
            fresh = touched[(touched > 0) & (self.since[touched] == 0)]
            self.since[fresh] = self._lost


def _named(stretch: Stretch) -> Ints:
    """The locate each message names, (M,); 0 of those that are malformed."""
    wire, starts, lengths = stretch.wire, stretch.messages["start"], stretch.messages["length"]
    sound = (lengths > 0) & (LENGTHS[wire[starts]] == lengths)
    return np.where(sound, wire[starts + 1].astype(np.int64) << 8 | wire[starts + 2], 0)
