"""The card with its twin beside it: when the card fails, the stream goes on with the twin's.

The twin is the golden model: it hears the frames that the card hears, and makes of each message the
records that the card has to make of it. A message's records are told when the card has told all of
them and they are the twin's, but for when the frame came, which the card knows better. So at any
moment the twin knows what has been told and what has not, and the next record is its own.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from tapeout.card.driver import Card
from tapeout.card.entries import Missing, book_records
from tapeout.errors import DeviceError
from tapeout.hdl.arbiter.model import Arbiter
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.card.layout import Entry
from tapeout.hdl.itch.layout import Record
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.line.model import Frame, Line
from tapeout.hdl.top.layout import BookRecord, Mark
from tapeout.hdl.top.model import Feed as Golden
from tapeout.hdl.top.model import agrees, one_line

PATIENCE_S = 5.0
POLL_S = 0.001
SHOWN = 3  # fields of a wrong record


class Reason(StrEnum):
    """Why the stream went over to the twin."""

    STALL = "stall"  # the card told nothing of what the twin had heard
    LIE = "lie"  # a record is not the twin's
    LOST = "lost"  # messages or records are missing that the twin has
    OVERFLOW = "overflow"  # the ring was full: entries were dropped
    FAILED = "failed"  # the card does not answer, or its ring is not as it must be


@dataclass(frozen=True)
class Swapped:
    """From here on the stream is the twin's.

    Parameters
    ----------
    reason : Reason
        Why.
    number : int
        Of the first record that is the twin's.
    sequence : int
        Of the message that it goes on with.
    told : str
        What was seen, for people.
    """

    reason: Reason
    number: int
    sequence: int
    told: str


Told = BookRecord | Swapped


class Twin(Golden):
    """The golden model of one line, that keeps what it hears until it is asked, message by message.

    Parameters
    ----------
    locates : iterable of int
        Stock locates that are listened to.
    """

    def __init__(self, locates: Iterable[int]) -> None:
        self.refused = set[int]()  # what the card's order table has no room for, as the card says
        super().__init__(set(locates), self.refused)
        self._line, self._arbiter = Line(), Arbiter()
        self._heard = deque[Record]()

    @property
    def waiting(self) -> int:
        """Messages heard whose records were not asked for."""
        return len(self._heard)

    @property
    def sequence(self) -> int:
        """The number of the next message."""
        return self._heard[0].sequence if self._heard else self._arbiter.expected

    def hear(self, frames: Iterable[Frame]) -> None:
        """Frames as they come."""
        for _ in one_line(frames, self, self._line, self._arbiter):
            pass

    def apply(self, record: Record) -> list[BookRecord]:
        """Keep a message for later."""
        self._heard.append(record)
        return []

    def skip(self) -> None:
        """Pass over the next messages as long as it is plain that they make no records."""
        while self._heard and self._silent(self._heard[0]):
            super().apply(self._heard.popleft())

    def _silent(self, record: Record) -> bool:
        type_, known = chr(record.type), record.subject in self.books.orders
        if record.flags & Flag.GAP:
            return False
        return not (known if type_ in "ECXDU" else record.locate in self._subscribed)

    def next(self) -> list[BookRecord]:
        """The records of the next message that makes any; none if there is no such message."""
        while self._heard:
            if made := super().apply(self._heard.popleft()):
                return made
        return []


class Feed:
    """The records of a card for as long as they are right, and the twin's from then on.

    Every number comes once and in order, from whichever it is; `Swapped` stands between. The
    card's own entries of decisions come where they stand. After the change the card is left alone,
    but for its gate, which is shut.

    Parameters
    ----------
    card : Card
        It was started, and listens to one line.
    locates : iterable of int
        Stock locates that the card listens to.
    deliver : callable, optional
        Brings frames to the card, if nobody else does: `Wired.wire` of a simulated one.
    patience_s : float
        How long the card may tell nothing of what the twin has heard, and how long it may tell
        what the twin has not heard yet.
    clock, wait : callable
        The host's time in seconds, and what lets it pass.

    The twin must hear every frame that the card hears. What its own receiver loses it takes for
    lost, and the card for wrong.
    """

    def __init__(
        self,
        card: Card,
        locates: Iterable[int],
        *,
        deliver: Callable[[Sequence[Frame]], object] | None = None,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.swapped: Swapped | None = None
        self._card, self._twin, self._deliver = card, Twin(locates), deliver
        self._patience_s, self._clock, self._wait = patience_s, clock, wait
        self._open = list[BookRecord]()  # of a message the card has not told whole
        self._ahead = deque[list[BookRecord]]()  # of messages that the twin has not heard
        self._number, self._good = 0, clock()  # last told; when the card was last in step

    @property
    def behind(self) -> int:
        """Messages that were heard and whose records were not told yet."""
        return self._twin.waiting

    def hear(self, frames: Sequence[Frame]) -> list[Told]:
        """Frames of the line, as they come; what is known by now."""
        if not self._twin.waiting:
            self._good = self._clock()
        self._twin.hear(frames)
        try:
            if self._deliver and not self.swapped:
                self._deliver(frames)
        except DeviceError as reason:
            return self._swap(Reason.FAILED, str(reason))
        return self.poll()

    def poll(self) -> list[Told]:
        """What is known by now and was not told."""
        if self.swapped:
            return self._twins()
        try:
            entries = self._card.records()
        except Missing as reason:
            return self._swap(Reason.LOST, str(reason))
        except DeviceError as reason:
            return self._swap(Reason.FAILED, str(reason))
        out, dropped = list[Told](), 0
        for record in book_records(entries):
            if record.kind == Entry.DECISION:
                out.append(record)
            elif record.kind == Entry.OVERFLOW:
                dropped = record.subject
                break
            else:
                self._open.append(record)
                if record.flags & Mark.LAST:
                    self._ahead.append(self._open)
                    self._open = []
        self._compare(out)
        if dropped and not self.swapped:
            out += self._swap(Reason.OVERFLOW, f"the ring was full: {dropped:,} entries dropped")
        return out if self.swapped else out + self._late()

    def finish(self) -> list[Told]:
        """All that is still to come of what was heard: the card may take its patience for it."""
        out = self.poll()
        while not self.swapped and (self._twin.waiting or self._open or self._ahead):
            out += self.wait()
        return out

    def wait(self) -> list[Told]:
        """Let a little time pass; what is known by then."""
        self._wait(POLL_S)
        return self.poll()

    def _compare(self, out: list[Told]) -> None:
        """Tell the messages that the card has told as the twin does."""
        while self._ahead and not self.swapped:
            card = self._ahead[0]
            self._twin.refused |= {one.subject for one in card if one.kind == Kind.STALE}
            if not (true := self._twin.next()):
                return
            self._ahead.popleft()
            pairs = zip(card, true, strict=False)
            if len(card) == len(true) and all(_same(*pair) for pair in pairs):
                out += card
                self._number, self._good = card[-1].number, self._clock()
                continue
            gap = card[0].kind == Kind.GAP != true[0].kind
            differing = ((a, b) for a, b in zip(card, true, strict=False) if not _same(a, b))
            one, other = next(differing, (card[-1], true[-1]))
            reason = Reason.LOST if gap or one.number != other.number else Reason.LIE
            out += self._swap(reason, _difference(one, other), true)

    def _late(self) -> list[Told]:
        """Nothing; or the change, if the card has had its time."""
        self._twin.skip()
        if not (self._twin.waiting or self._open or self._ahead):
            self._good = self._clock()
        if self._clock() - self._good <= self._patience_s:
            return []
        if self._ahead or (self._open and not self._twin.waiting):
            first = (*self._ahead, self._open)[0][0]
            return self._swap(Reason.LIE, f"record {first.number} is of no message")
        if true := self._twin.next():
            told = f"nothing of message {true[0].sequence} within {self._patience_s:g} s"
            return self._swap(Reason.STALL, told, true)
        self._good = self._clock()  # of what it has heard there was nothing to tell
        return []

    def _swap(self, reason: Reason, told: str, true: Sequence[BookRecord] = ()) -> list[Told]:
        """The change, and all that the twin has by now; `true` was taken from it already."""
        sequence = true[0].sequence if true else self._twin.sequence
        self.swapped = Swapped(reason, self._number + 1, sequence, told)
        out: list[Told] = [self.swapped, *true, *self._twins()]
        with suppress(DeviceError):  # who does not answer is no longer asked
            self._card.kill()
        return out

    def _twins(self) -> list[Told]:
        out = list[Told]()
        while made := self._twin.next():
            out += made
        return out


def _same(card: BookRecord, true: BookRecord) -> bool:
    """Whether a record is the twin's, but for when its frame came."""
    return agrees(card._replace(arrival_ns=0), true._replace(arrival_ns=0))


def _difference(card: BookRecord, true: BookRecord) -> str:
    """What a record says otherwise than the twin's."""
    fields = [
        f"{name} must be {getattr(true, name):,}; got {value:,}"
        for name, value in card._asdict().items()
        if name != "arrival_ns" and value != getattr(true, name)
    ]
    return f"record {true.number}: {', '.join(fields[:SHOWN]) or 'more of its message'}"
