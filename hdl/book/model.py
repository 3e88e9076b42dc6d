"""Golden model of the book: every instrument's price levels, order by order, in few words."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from tapeout.hdl.book.digest import digest
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import Record
from tapeout.hdl.layout import Fault


class Event(NamedTuple):
    """One change of one level, one trade, or a trading state.

    Prices are ticks of 1/10,000 dollar, sizes lots. `attribution` is the market participant of a
    displayed order, which a replace keeps; a `BREAK` voids what printed under its match number.
    """

    kind: Kind
    locate: int
    side: str
    price_ticks: int
    lots: int
    order_id: int
    match_number: int = 0
    trade_ticks: int = 0
    printable: bool = False
    attribution: str = ""
    cross_type: str = ""
    state: str = ""
    reason: str = ""


class Quote(NamedTuple):
    """The best bid and offer of one instrument; an empty side has zero lots at price zero."""

    bid_ticks: int = 0
    bid_lots: int = 0
    ask_ticks: int = 0
    ask_lots: int = 0


@dataclass
class Order:
    """A resting order."""

    locate: int
    side: str
    price: int
    shares: int
    attribution: str


class Books:
    """All instruments' books; `apply` folds one record in and returns what changed.

    TotalView-ITCH 5.0, "Add Order" to "Trade Messages": executions, cancels and deletes name only
    the reference, so side, price and instrument come from the order; a replace keeps side,
    instrument and attribution; an order of no shares left is gone. `orders` are in order of
    priority: a cancel leaves an order where it is, a replace puts a new one last.
    """

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.levels: dict[tuple[int, str], dict[int, int]] = defaultdict(dict)
        self.states: dict[int, tuple[str, str]] = {}
        self.faults: Counter[Fault] = Counter()

    def apply(self, record: Record) -> list[Event]:
        """Fold one record into the books."""
        rule = {
            "A": self._add, "F": self._add, "E": self._execute, "C": self._execute,
            "X": self._cancel, "D": self._delete, "U": self._replace,
            "P": self._trade, "Q": self._trade, "B": self._trade, "H": self._state,
        }.get(chr(record.type))  # fmt: skip
        events = rule(record) if rule and record.flags else []
        for locate in {event.locate for event in events if event.kind < Kind.TRADE}:
            quote = self.quote(locate)
            if quote.bid_lots and quote.ask_lots and quote.bid_ticks >= quote.ask_ticks:
                self.faults[Fault.CROSSED] += 1
        return events

    def depth(self, locate: int, side: str, levels: int) -> list[tuple[int, int]]:
        """The best `levels` prices of one side with their lots, best first."""
        return sorted(self.levels[locate, side].items(), reverse=side == "B")[:levels]

    def quote(self, locate: int) -> Quote:
        """The best bid and offer."""
        bid = (*self.depth(locate, "B", 1), (0, 0))[0]
        ask = (*self.depth(locate, "S", 1), (0, 0))[0]
        return Quote(*bid, *ask)

    def queue(self, locate: int, side: str, price: int) -> list[int]:
        """The references that rest at one price, the first to be filled first."""
        return [
            reference
            for reference, order in self.orders.items()
            if (order.locate, order.side, order.price) == (locate, side, price)
        ]

    def digest(self, locate: int) -> int:
        """One number for the book of an instrument; the xor of all of them is the exchange's."""
        bids, asks = self.levels[locate, "B"].items(), self.levels[locate, "S"].items()
        return digest(locate, "B", bids) ^ digest(locate, "S", asks)

    def _enter(self, kind: Kind, reference: int, order: Order) -> list[Event]:
        if not order.shares:
            self.faults[Fault.ZERO_SHARES] += 1
            return []
        self.orders[reference] = order
        level = self.levels[order.locate, order.side]
        level[order.price] = level.get(order.price, 0) + order.shares
        return [_changed(kind, reference, order, order.shares)]

    def _leave(self, kind: Kind, reference: int, shares: int) -> list[Event]:
        order = self.orders[reference]
        order.shares -= shares
        if not order.shares:
            del self.orders[reference]
        level = self.levels[order.locate, order.side]
        level[order.price] -= shares
        if not level[order.price]:
            del level[order.price]
        return [_changed(kind, reference, order, shares)]

    def _known(self, record: Record) -> bool:
        order = self.orders.get(record.subject)
        if order is None:
            self.faults[Fault.UNKNOWN_REFERENCE] += 1
        elif order.locate != record.locate:
            self.faults[Fault.WRONG_INSTRUMENT] += 1
        return order is not None

    def _taken(self, record: Record) -> int:
        """How many shares an execution or a cancel can take; 0 says that it is not applied."""
        if not record.shares:
            self.faults[Fault.ZERO_SHARES] += 1
        elif record.shares > self.orders[record.subject].shares:
            self.faults[Fault.TOO_MANY_SHARES] += 1
        return min(record.shares, self.orders[record.subject].shares)

    def _add(self, record: Record) -> list[Event]:
        side = chr(record.side)
        if side not in "BS":
            self.faults[Fault.BAD_SIDE] += 1
            return []
        if record.subject in self.orders:
            self.faults[Fault.REPEATED_REFERENCE] += 1
            return []
        order = Order(record.locate, side, record.price, record.shares, text(record.mpid))
        return self._enter(Kind.ADD, record.subject, order)

    def _execute(self, record: Record) -> list[Event]:
        if not self._known(record) or not (lots := self._taken(record)):
            return []
        (event,) = self._leave(Kind.EXECUTE, record.subject, lots)
        priced = chr(record.type) == "C"
        return [
            event._replace(
                match_number=record.other,
                trade_ticks=record.price if priced else event.price_ticks,
                printable=not priced or chr(record.code) == "Y",
            )
        ]

    def _cancel(self, record: Record) -> list[Event]:
        if not self._known(record) or not (lots := self._taken(record)):
            return []
        return self._leave(Kind.CANCEL, record.subject, lots)

    def _delete(self, record: Record) -> list[Event]:
        if not self._known(record):
            return []
        return self._leave(Kind.DELETE, record.subject, self.orders[record.subject].shares)

    def _replace(self, record: Record) -> list[Event]:
        if not self._known(record):
            return []
        old = self.orders[record.subject]
        if record.other in self.orders:
            self.faults[Fault.REPEATED_REFERENCE] += 1
            return []
        if not record.shares:
            self.faults[Fault.ZERO_SHARES] += 1
            return []
        new = Order(old.locate, old.side, record.price, record.shares, old.attribution)
        return [
            *self._leave(Kind.REPLACE_OUT, record.subject, old.shares),
            *self._enter(Kind.REPLACE_IN, record.other, new),
        ]

    def _trade(self, record: Record) -> list[Event]:
        kind = {"P": Kind.TRADE, "Q": Kind.CROSS, "B": Kind.BREAK}[chr(record.type)]
        side = chr(record.side) if record.side else ""
        return [
            Event(kind, record.locate, side, 0, record.shares, 0, record.other, record.price,
                  kind != Kind.BREAK, cross_type=letter(record.code) if kind == Kind.CROSS else "")
        ]  # fmt: skip

    def _state(self, record: Record) -> list[Event]:
        state, reason = letter(record.code), text(record.mpid)
        self.states[record.locate] = state, reason
        return [Event(Kind.STATE, record.locate, "", 0, 0, 0, state=state, reason=reason)]


def letter(code: int) -> str:
    """The letter of a code; 0 has none."""
    return chr(code) if code else ""


def text(word: int) -> str:
    """The four letters of a word without the blanks behind them; 0 has none."""
    return word.to_bytes(4).decode("latin-1").rstrip(" ") if word else ""


def _changed(kind: Kind, reference: int, order: Order, shares: int) -> Event:
    return Event(
        kind, order.locate, order.side, order.price, shares, reference,
        attribution=order.attribution,
    )  # fmt: skip
