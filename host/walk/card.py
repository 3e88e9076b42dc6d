"""A capture through a card with its twin beside it: records, the change to the twin, statistics."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tapeout.card.driver import Card, Identity
from tapeout.card.pcie import Pcie
from tapeout.card.simulated import Simulated
from tapeout.card.swap import Feed, Swapped, Told
from tapeout.card.transport import Transport, Wired
from tapeout.device import READY, SIMULATED, card_place, feeds
from tapeout.errors import DataError, DeviceError
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.card.layout import Entry
from tapeout.hdl.line.model import Frame
from tapeout.hdl.top.layout import BookRecord
from tapeout.hdl.top.model import Feed as Golden
from tapeout.hdl.top.model import agrees, one_line
from tapeout.progress import Progress, Silent
from tapeout.walk.play import frames_of, listened

BATCH = 64  # frames that are sent at once
AHEAD = 4_000  # messages that the card may be behind
PACE = 5  # cycles a word: an execution of 33 bytes makes two entries, of nine cycles each
MODEL = "model"  # the contract in plain Python, in place of the gateware
BITS = 14  # of the ring
OWN = frozenset(Entry)  # kinds of the card's own entries
FEW_BITS = 8  # of one that is meant to overflow


@dataclass(frozen=True)
class Played:
    """What came of a capture.

    Parameters
    ----------
    feed : str
        "card", "sim-card" or "model".
    identity : Identity
        What the card said it was.
    frames, messages : int
        Frames that went in, messages in them.
    told : list of BookRecord or Swapped
        The stream: records, the card's decisions, and the change to the twin.
    expected : int
        Records that the golden model makes of the capture.
    agreed : int
        How many of the stream's, from the first on, are those, each number once.
    statistics : dict of str to int
        The card's counters; empty if it did not answer.
    errors : tuple of str
        What the card says happened.
    """

    feed: str
    identity: Identity
    frames: int
    messages: int
    told: list[Told]
    expected: int
    agreed: int
    statistics: dict[str, int]
    errors: tuple[str, ...]

    @property
    def records(self) -> list[BookRecord]:
        """The books' records."""
        return book_records(self.told)

    @property
    def swapped(self) -> Swapped | None:
        """The change to the twin, if there was one."""
        return next((one for one in self.told if isinstance(one, Swapped)), None)

    @property
    def equal(self) -> bool:
        """Every record of the golden model, once and in order."""
        return self.agreed == self.expected == len(self.records)


def play(
    path: str | Path,
    *,
    feed: str = SIMULATED,
    fault: str = "",
    symbols: Sequence[str] = (),
    frames: int = 10_000,
    patience_s: float = 5.0,
    progress: Progress | None = None,
) -> Played:
    """Play a capture on line A of a card; the twin hears it, too, and takes over if it must.

    Parameters
    ----------
    path : path
        As for `tapeout.read`. Bare messages are put into packets first.
    feed : str
        "sim-card"; "card", to whose port somebody else must send the same frames; or "model".
    fault : str
        What a simulated card is to do wrong; see `tapeout.sim.card.fault`.
    symbols : sequence of str
        Which instruments to listen to; the first 256 that are met if empty.
    frames : int
        How many frames to play, from the start.
    patience_s : float
        How long the card may tell nothing of what the twin has heard.

    Raises
    ------
    DataError
        "frames must be 1 or more; got 0"
        "fault must be played on a simulated card; got card"
        If a symbol is not in the capture, or the fault is none.
    DeviceError
        If the card cannot be used.
    FeedError
        If the capture cannot be read.
    """
    if frames < 1:
        raise DataError(f"frames must be 1 or more; got {frames}")
    sent = list(islice(frames_of(Path(path)), frames))
    locates, messages = listened(path, sent, symbols)
    advance = (progress or Silent()).stage("playing the card", len(sent))
    with ExitStack() as open_:
        transport = open_transport(feed, fault)
        open_.callback(transport.close)
        card = Card(transport, bits=FEW_BITS if fault.startswith("overflow") else BITS)
        open_.pop_all()
        open_.enter_context(card)
        told = _told(card, sent, locates, patience_s, advance)
        statistics, errors = _last(card)
    records = book_records(told)
    refused = {one.subject for one in records if one.kind == Kind.STALE}
    true = [one for made in one_line(sent, Golden(set(locates), refused)) for one in made]
    return Played(
        feed, card.identity, len(sent), messages, told, len(true),
        _agreed(records, true), statistics, errors,
    )  # fmt: skip


def open_transport(feed: str, fault: str = "") -> Transport:
    """The way to a card by its name; raises as `play` does."""
    state = {**feeds(), MODEL: READY}
    if feed not in ("card", SIMULATED, MODEL):
        raise DataError(f"feed must be one of card, {SIMULATED}, {MODEL}; got {feed!r}")
    if state[feed] != READY:
        raise DeviceError(f"feed {feed!r} was asked for but cannot be used: {state[feed]}")
    if feed != "card":
        return Simulated(MODEL if feed == MODEL else "gateware", fault=fault)
    if fault:
        raise DataError(f"fault must be played on a simulated card; got {feed}")
    return Pcie(card_place())


def _told(
    card: Card, sent: Sequence[Frame], locates: Sequence[int], patience_s: float,
    advance: Callable[[int], object],
) -> list[Told]:  # fmt: skip
    """The stream of a started card."""
    card.start(lines="a")
    card.listen(locates)
    wired, told = card.transport, list[Told]()
    deliver = _paced(wired) if isinstance(wired, Wired) else None
    feed = Feed(card, locates, deliver=deliver, patience_s=patience_s)
    for at in range(0, len(sent), BATCH):
        told += feed.hear(sent[at : at + BATCH])
        while feed.behind > AHEAD:
            told += feed.wait()
        advance(len(sent[at : at + BATCH]))
    return told + feed.finish()


def _paced(wired: Wired) -> Callable[[Sequence[Frame]], None]:
    """Brings frames to line A as fast as the ring takes what comes of them; no faster."""
    free = 0

    def deliver(frames: Sequence[Frame]) -> None:
        nonlocal free
        due, at = list[int](), max(free, wired.cycles()[0])
        for frame in frames:
            due.append(at)
            at += PACE * len(frame.wire) // 8
        free = at
        wired.wire("a", frames, due)

    return deliver


def _last(card: Card) -> tuple[dict[str, int], tuple[str, ...]]:
    """What the card still tells."""
    try:
        return card.statistics(), card.errors()
    except DeviceError:
        return {}, ()


def book_records(told: Sequence[Told]) -> list[BookRecord]:
    """The records of books in a stream."""
    return [one for one in told if isinstance(one, BookRecord) and one.kind not in OWN]


def _agreed(records: Sequence[BookRecord], true: Sequence[BookRecord]) -> int:
    for at, (one, other) in enumerate(zip(records, true, strict=False)):
        if not agrees(one._replace(arrival_ns=0), other._replace(arrival_ns=0)):
            return at
    return min(len(records), len(true))
