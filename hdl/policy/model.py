"""Golden model of the policy: what it does about each quote, each decision, each report.

Of quotes that come faster than they can be evaluated only the newest of a slot counts. The gateware
says which it evaluated, and when; told the same, both ask for the same orders.
"""

from dataclasses import dataclass

from tapeout.hdl.policy.layout import (
    DEFAULTS,
    LOTS_BITS,
    MOST_NUMBERS,
    SPREAD_BITS,
    THRESHOLD_FRACTION,
)
from tapeout.hdl.pretrade.layout import Action, Outcome, Reason
from tapeout.hdl.pretrade.model import Intent, Quote, Report

BUY, SELL = 0, 1


@dataclass
class Order:
    """The working order of a slot. `next` numbers its replacement, if one is on its way."""

    number: int
    side: int
    price: int
    left: int
    next: int = 0
    leaving: bool = False
    muted: bool = False  # a cancel was refused: not before the cooldown is over again


def usable(quote: Quote) -> bool:
    """Whether both sides are known, not crossed, and the book is as it should be."""
    there = bool(quote.bid and quote.bid_lots and quote.ask_lots and quote.bid < quote.ask)
    return there and not quote.stale


def signal(quote: Quote, threshold: int) -> int | None:
    """The side to be on: `BUY`, `SELL` or None."""
    bid, ask = (min(lots, (1 << LOTS_BITS) - 1) for lots in (quote.bid_lots, quote.ask_lots))
    spread = min(quote.ask - quote.bid, (1 << SPREAD_BITS) - 1)
    lean = spread * abs(bid - ask) << THRESHOLD_FRACTION - 1
    if bid == ask or lean < threshold * (bid + ask):
        return None
    return BUY if bid > ask else SELL


class Policy:
    """At most one working order a slot.

    Its replacement is part of it: an order that is gone by execution, or because it left, takes
    along the one that was to replace it, as the exchange ignores that, and never says so.

    Parameters
    ----------
    threshold : int
        Ticks / 256 that the microprice must be away from the midprice.
    shares : int
        Of a new order.
    cooldown : int
        Cycles in which a slot asks for nothing new after an intent of it was refused.
    """

    def __init__(
        self,
        threshold: int = DEFAULTS["threshold"],
        shares: int = DEFAULTS["shares"],
        cooldown: int = DEFAULTS["cooldown"],
    ) -> None:
        self.threshold, self.shares, self.cooldown = threshold, shares, cooldown
        self.orders, self.number = dict[int, Order](), 1
        self._until = dict[int, int]()  # slot -> cycle from which on it may ask again
        self._asked: Intent | None = None

    def evaluate(self, quote: Quote, trade: bool, now: int) -> Intent | None:
        """What a quote makes the policy ask for in cycle `now`; `decide` must come before the next.

        It quotes at the best price of the side that the signal names, follows that price as long as
        the signal does not turn, and leaves when it turns, when the quote is not usable or when
        `trade` is off.
        """
        slot, good = quote.slot, usable(quote)
        side = signal(quote, self.threshold) if good else None
        order, cooled = self.orders.get(slot), now >= self._until.get(slot, now)
        new = cooled and self.number < MOST_NUMBERS
        if order is None:
            if side is None or not trade or not new:
                return None
            price = quote.ask if side else quote.bid
            return self._ask(Intent(Action.ENTER, side, slot, 0, 0, self.shares, price))
        if order.next or order.leaving:
            return None
        asks = Intent(Action.CANCEL, order.side, slot, 0, order.number, order.left, order.price)
        if not trade or not good or side == 1 - order.side:
            return None if order.muted and not cooled else self._ask(asks)
        price = quote.ask if order.side else quote.bid
        if price == order.price or not new:
            return None
        return self._ask(asks._replace(action=Action.REPLACE, price=price))

    def decide(self, reason: int, now: int) -> None:
        """What the gate said, in cycle `now`, to the intent that was asked for last."""
        asked, self._asked = self._asked, None
        assert asked is not None
        slot, enters = asked.slot, asked.action == Action.ENTER
        if reason != Reason.ACCEPTED:
            self._cool(slot, now)
            if enters or reason == Reason.UNKNOWN:
                self.orders.pop(slot, None)
            else:
                self.orders[slot].muted = asked.action == Action.CANCEL
        elif enters:
            self.orders[slot] = Order(asked.number, asked.side, asked.price, asked.shares)
        elif asked.action == Action.REPLACE:
            self.orders[slot].next = asked.number
        else:
            self.orders[slot].leaving = True

    def report(self, report: Report, now: int) -> bool:
        """What the exchange said, in cycle `now`. Whether it was of an order of the policy's."""
        outcome, name = report.outcome, report.number
        key = report.replaces if outcome == Outcome.REPLACED else name
        for slot, order in self.orders.items():
            if outcome == Outcome.LEFT and order.next and order.next == name:
                order.next, order.muted = 0, False  # the replacement was refused
                self._cool(slot, now)
                return True
            if order.number == key:
                self._happened(slot, order, report, now)
                return True
        return False

    def _happened(self, slot: int, order: Order, report: Report, now: int) -> None:
        if report.outcome == Outcome.REPLACED:
            if not order.next or order.next != report.number:
                return
            order.number, order.next, order.price = report.number, 0, report.price
            order.left = report.shares
        else:
            whole = report.outcome == Outcome.LEFT and not report.shares
            order.left = 0 if whole else max(order.left - report.shares, 0)
        if not order.left:
            del self.orders[slot]
            if report.outcome == Outcome.LEFT and not order.leaving:
                self._cool(slot, now)  # the exchange did not want it

    def _cool(self, slot: int, now: int) -> None:
        self._until[slot] = now + self.cooldown

    def _ask(self, intent: Intent) -> Intent:
        self._asked = intent._replace(number=self.number)
        self.number += 1
        return self._asked
