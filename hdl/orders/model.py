"""Golden model of the order table: the rules of the books for one order, and where orders rest."""

from dataclasses import dataclass
from typing import NamedTuple

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.orders.layout import Action, Refusal, row_bits, taps


class Op(NamedTuple):
    """What is asked; fields as in `OP`."""

    action: Action
    side: int = 0
    reference: int = 0
    other: int = 0
    shares: int = 0
    price: int = 0


class Change(NamedTuple):
    """What that does to a level; fields as in `CHANGE`."""

    kind: int = 0
    side: int = 0
    instrument: int = 0
    price: int = 0
    lots: int = 0
    last: int = 1
    refusal: int = 0


@dataclass
class Order:
    """A resting order; `side` is 1 for asks."""

    instrument: int
    side: int
    price: int
    shares: int


class Places:
    """Where orders rest: which are refused for want of room, and no others.

    Each reference names one row in either bank. An order takes a place in the row that has more
    free ones, the first where they are equal; where both are full, a place in the stash.
    """

    def __init__(self, rows: int, ways: int, stash: int) -> None:
        self.ways, self.stash = ways, stash
        self.rows: list[list[set[int]]] = [[set() for _ in range(rows)] for _ in range(2)]
        self.stashed: set[int] = set()
        self._masks = [
            [sum(1 << place for place in bit) for bit in taps(row_bits(rows), bank)]
            for bank in range(2)
        ]

    def row(self, bank: int, reference: int) -> int:
        """The row of a bank that a reference names: a parity for every bit."""
        masks = enumerate(self._masks[bank])
        return sum(((reference & mask).bit_count() & 1) << bit for bit, mask in masks)

    def put(self, reference: int) -> bool:
        """Give an order a place; False where there is none."""
        rows = [self.rows[bank][self.row(bank, reference)] for bank in range(2)]
        row = rows[len(rows[1]) < len(rows[0])]
        if len(row) < self.ways:
            row.add(reference)
        elif len(self.stashed) < self.stash:
            self.stashed.add(reference)
        else:
            return False
        return True

    def take(self, reference: int) -> None:
        """Free the place of an order."""
        self.stashed.discard(reference)
        for bank in range(2):
            self.rows[bank][self.row(bank, reference)].discard(reference)


class Orders:
    """The order table; `apply` says what one op changes.

    The rules and the order of the checks are those of `tapeout.hdl.book.model.Books`. What is asked
    about an instrument that nobody listens to is passed over, unless its order is known.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.orders: dict[int, Order] = {}

    def apply(self, op: Op, subscribed: bool, instrument: int) -> list[Change]:
        """Answer one op."""
        if op.action == Action.NONE:
            return [Change()]
        if op.action == Action.ADD:
            return [self._add(op, instrument) if subscribed else Change()]
        order = self.orders.get(op.reference)
        if order is None:
            return [Change(refusal=Refusal.UNKNOWN_REFERENCE if subscribed else 0)]
        wrong = 0 if subscribed and order.instrument == instrument else Refusal.WRONG_INSTRUMENT
        if op.action == Action.REPLACE:
            return self._replace(op, order, wrong)
        if op.action == Action.DELETE:
            return [self._leave(Kind.DELETE, op.reference, order.shares, wrong)]
        return [self._take(op, order, wrong)]

    def _add(self, op: Op, instrument: int) -> Change:
        if chr(op.side) not in "BS":
            return Change(refusal=Refusal.BAD_SIDE)
        if op.reference in self.orders:
            return Change(refusal=Refusal.REPEATED_REFERENCE)
        if not op.shares:
            return Change(refusal=Refusal.ZERO_SHARES)
        order = Order(instrument, int(chr(op.side) == "S"), op.price, op.shares)
        return self._enter(Kind.ADD, op.reference, order)

    def _take(self, op: Op, order: Order, wrong: int) -> Change:
        if not op.shares:
            return Change(refusal=wrong | Refusal.ZERO_SHARES)
        if op.shares > order.shares:
            wrong |= Refusal.TOO_MANY_SHARES
        kind = Kind.EXECUTE if op.action == Action.EXECUTE else Kind.CANCEL
        return self._leave(kind, op.reference, min(op.shares, order.shares), wrong)

    def _replace(self, op: Op, old: Order, wrong: int) -> list[Change]:
        if op.other in self.orders:
            return [Change(refusal=wrong | Refusal.REPEATED_REFERENCE)]
        if not op.shares:
            return [Change(refusal=wrong | Refusal.ZERO_SHARES)]
        out = self._leave(Kind.REPLACE_OUT, op.reference, old.shares, wrong)
        new = Order(old.instrument, old.side, op.price, op.shares)
        return [out._replace(last=0), self._enter(Kind.REPLACE_IN, op.other, new)]

    def _enter(self, kind: Kind, reference: int, order: Order) -> Change:
        if not self.places.put(reference):
            return Change(instrument=order.instrument, refusal=Refusal.FULL)
        self.orders[reference] = order
        return Change(kind, order.side, order.instrument, order.price, order.shares)

    def _leave(self, kind: Kind, reference: int, lots: int, refusal: int) -> Change:
        order = self.orders[reference]
        order.shares -= lots
        if not order.shares:
            del self.orders[reference]
            self.places.take(reference)
        return Change(kind, order.side, order.instrument, order.price, lots, refusal=refusal)
