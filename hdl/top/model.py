"""Golden model of the pipeline: frames of one line, or messages in sequence, to book records."""

from collections.abc import Container, Iterable, Iterator

from tapeout.hdl.arbiter.model import Arbiter
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.book.model import Books, Event
from tapeout.hdl.itch.layout import Record
from tapeout.hdl.levels.layout import LEVELS
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.line.model import Frame, Line
from tapeout.hdl.moldudp.layout import END_OF_SESSION, HEARTBEAT
from tapeout.hdl.top.layout import BookRecord, Mark, Report

WORD = (1 << 32) - 1
ARRIVING = (Kind.ADD, Kind.REPLACE_IN)
KINDS = {"P": Kind.TRADE, "Q": Kind.CROSS, "B": Kind.BREAK, "H": Kind.STATE, "I": Report.IMBALANCE}


class Feed:
    """All subscribed instruments' books, and what they tell of each message.

    Parameters
    ----------
    subscribed : container of int
        Stock locates that are listened to.
    refused : container of int
        References the order table had no room for: which those are only the gateware knows.
    """

    def __init__(self, subscribed: Container[int], refused: Container[int] = ()) -> None:
        self.books = Books()
        self._subscribed, self._refused = subscribed, refused
        self._levels: dict[tuple[int, str], dict[int, int]] = {}
        self._stale: set[int] = set()
        self._lost, self._number = False, 0

    def apply(self, record: Record) -> list[BookRecord]:
        """What one message makes known, in order."""
        made = []
        for report in self._reports(record):
            self._number += 1
            stale = self._lost or report.locate in self._stale
            marks = report.flags | (Mark.STALE if stale else 0)
            made.append(report._replace(number=self._number, flags=marks))
        if made:
            made[-1] = made[-1]._replace(flags=made[-1].flags | Mark.LAST)
        return made

    def _reports(self, record: Record) -> Iterable[BookRecord]:
        stamp = BookRecord(
            locate=record.locate, sequence=record.sequence, arrival_ns=record.arrival_ns,
            timestamp=record.timestamp,
        )  # fmt: skip
        type_ = chr(record.type)
        if record.flags & Flag.GAP:
            self._lost = True
            return [stamp._replace(kind=Kind.GAP, subject=record.subject)]
        if not record.flags & Flag.WELL_FORMED:
            return []
        if type_ in KINDS:
            known = record.locate in self._subscribed
            return [_off_the_book(record, stamp, KINDS[type_])] if known else []
        return self._book(record, stamp, type_)

    def _book(self, record: Record, stamp: BookRecord, type_: str) -> Iterable[BookRecord]:
        known = record.subject in self.books.orders
        if record.locate not in self._subscribed and (type_ in "AF" or not known):
            return
        for event in self.books.apply(record):
            if event.kind in ARRIVING and event.order_id in self._refused:
                yield self._refuse(event, stamp)
                continue
            change = self._change(event)
            yield stamp._replace(**change, detail=record.mpid if type_ in "AF" else 0)
            if event.kind == Kind.EXECUTE:
                printable = Mark.PRINTABLE if event.printable else Mark(0)
                yield stamp._replace(
                    kind=Report.PRINT, flags=_side(event.side) | printable, locate=event.locate,
                    subject=event.match_number, price=event.trade_ticks, lots=event.lots,
                )  # fmt: skip

    def _refuse(self, event: Event, stamp: BookRecord) -> BookRecord:
        """The order table had no room: the order is forgotten, its instrument stale."""
        gone = Record(type=ord("D"), subject=event.order_id, locate=event.locate, flags=1)
        self.books.apply(gone)
        self._stale.add(event.locate)
        return stamp._replace(
            kind=Kind.STALE, locate=event.locate, subject=event.order_id,
            price=event.price_ticks, lots=event.lots,
        )  # fmt: skip

    def _change(self, event: Event) -> dict[str, int]:
        """What an event does to its level, as fields of a record."""
        levels = self._levels.setdefault((event.locate, event.side), {})
        price, sign = event.price_ticks, 1 if event.kind in ARRIVING else -1
        at = sum((other > price) == (event.side == "B") for other in levels if other != price)
        levels[price] = levels.get(price, 0) + sign * event.lots
        if not levels[price]:
            del levels[price]
        best = (max if event.side == "B" else min)(levels, default=0)
        return {
            "kind": event.kind,
            "flags": _side(event.side) | (Mark.BEST if at == 0 else Mark(0)),
            "locate": event.locate,
            "at": min(at, LEVELS),
            "levels": min(len(levels), LEVELS),
            "subject": event.order_id,
            "price": price,
            "lots": event.lots,
            "best_price": best,
            "best_lots": levels.get(best, 0),
            "level_lots": levels.get(price, 0) if at < LEVELS else 0,
        }


def one_line(
    frames: Iterable[Frame], feed: Feed, line: Line | None = None, arbiter: Arbiter | None = None
) -> Iterator[list[BookRecord]]:
    """What each frame makes known, of a feed of which only one line is listened to."""
    line, arbiter = line or Line(), arbiter or Arbiter()
    for frame in frames:
        made: list[BookRecord] = []
        for record in line.read(frame):
            for message in _arbitrated(arbiter, record):
                made += feed.apply(message)
        yield made


def _arbitrated(arbiter: Arbiter, record: Record) -> Iterator[Record]:
    """A record through an arbiter that has no other line to wait for."""
    if record.flags & Flag.PACKET:
        session = record.subject, record.locate
        if arbiter.session is None or (arbiter.ended and session != arbiter.session):
            arbiter.begin(record)
        waits = session == arbiter.session and record.length in (HEARTBEAT, END_OF_SESSION)
    else:
        waits = arbiter.reads(0)
    if waits and record.sequence > arbiter.expected:
        yield from arbiter.give_up(record)
    yield from arbiter.take(0, record)


def _side(side: str) -> Mark:
    return Mark.ASK if side == "S" else Mark(0)


def _off_the_book(record: Record, stamp: BookRecord, kind: int) -> BookRecord:
    """A message that changes no level."""
    if kind == Kind.STATE:
        return stamp._replace(kind=kind, lots=record.code, detail=record.mpid)
    side = Mark.ASK if record.side == ord("S") and kind == Kind.TRADE else Mark(0)
    printed = Mark.PRINTABLE if kind in (Kind.TRADE, Kind.CROSS) else Mark(0)
    imbalance = kind == Report.IMBALANCE
    lots = record.other if imbalance else record.shares
    return stamp._replace(
        kind=kind,
        flags=side | printed,
        subject=record.shares if imbalance else record.other,
        price=record.price,
        lots=lots & WORD,
        level_lots=lots >> 32,
        detail=record.code | record.side << 8 if imbalance else record.code,
    )


#: What a row that waits for a refill may not know.
UNSURE = ("at", "levels", "best_price", "best_lots", "level_lots", "flags")


def agrees(made: BookRecord, true: BookRecord) -> bool:
    """Whether a record is the model's, but for what it says itself that it does not know."""
    if not made.flags & Mark.INCOMPLETE:
        return made == true
    unsure = dict.fromkeys(UNSURE, 0)
    beyond = made.at == LEVELS
    best = (made.best_price, made.best_lots)
    return (
        made._replace(**unsure) == true._replace(**unsure)
        and (made.flags | Mark.BEST) == (true.flags | Mark.INCOMPLETE | Mark.BEST)
        and made.levels <= true.levels
        and (beyond or (made.at, made.level_lots) == (true.at, true.level_lots))
        and best == ((true.best_price, true.best_lots) if made.levels else (0, 0))
    )
