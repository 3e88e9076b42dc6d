"""Golden model of the book: every instrument's price levels, order by order, in few words."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import Record
from tapeout.hdl.layout import Fault


class Event(NamedTuple):
    """One change of one level, or one trade; prices in ticks of 1/10,000 dollar, sizes in lots."""

    kind: Kind
    locate: int
    side: str
    price_ticks: int
    lots: int
    order_id: int
    match_number: int = 0
    trade_ticks: int = 0
    printable: bool = False


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


class Books:
    """All instruments' books; `apply` folds one record in and returns what changed.

    TotalView-ITCH 5.0, "Add Order" to "Trade Messages": executions, cancels and deletes name only
    the reference, so side, price and instrument come from the order; a replace keeps side and
    instrument; an order of no shares left is gone.
    """

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.levels: dict[tuple[int, str], dict[int, int]] = defaultdict(dict)
        self.faults: Counter[Fault] = Counter()

    def apply(self, record: Record) -> list[Event]:
        """Fold one record into the books."""
        rule = {
            "A": self._add, "F": self._add, "E": self._execute, "C": self._execute,
            "X": self._cancel, "D": self._delete, "U": self._replace,
            "P": self._trade, "Q": self._trade, "B": self._trade,
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

    def _enter(self, kind: Kind, reference: int, order: Order) -> list[Event]:
        if not order.shares:
            self.faults[Fault.ZERO_SHARES] += 1
            return []
        self.orders[reference] = order
        level = self.levels[order.locate, order.side]
        level[order.price] = level.get(order.price, 0) + order.shares
        return [Event(kind, order.locate, order.side, order.price, order.shares, reference)]

    def _leave(self, kind: Kind, reference: int, shares: int) -> list[Event]:
        order = self.orders[reference]
        order.shares -= shares
        if not order.shares:
            del self.orders[reference]
        level = self.levels[order.locate, order.side]
        level[order.price] -= shares
        if not level[order.price]:
            del level[order.price]
        return [Event(kind, order.locate, order.side, order.price, shares, reference)]

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
        order = Order(record.locate, side, record.price, record.shares)
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
        new = Order(old.locate, old.side, record.price, record.shares)
        return [
            *self._leave(Kind.REPLACE_OUT, record.subject, old.shares),
            *self._enter(Kind.REPLACE_IN, record.other, new),
        ]

    def _trade(self, record: Record) -> list[Event]:
        kind = {"P": Kind.TRADE, "Q": Kind.CROSS, "B": Kind.BREAK}[chr(record.type)]
        side = chr(record.side) if record.side else ""
        return [
            Event(kind, record.locate, side, 0, record.shares, 0, record.other, record.price,
                  kind != Kind.BREAK)
        ]  # fmt: skip
