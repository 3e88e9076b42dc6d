"""Golden model of the desk: what each record and each report of the exchange lead to, at once.

The gateware takes cycles for each, and of quotes that come meanwhile evaluates only the newest of a
slot. Told records that far apart, both ask for the same orders and judge them alike.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.ouch.model import Decoder, order
from tapeout.hdl.policy.model import Policy
from tapeout.hdl.pretrade import model as gate
from tapeout.hdl.pretrade.layout import Outcome, Reason
from tapeout.hdl.pretrade.model import Intent, Quote, Report
from tapeout.hdl.quotes.model import Quotes
from tapeout.hdl.top.layout import BookRecord


class Decision(NamedTuple):
    """An order, what became of it, and the message it left as, if it did."""

    intent: Intent
    reason: Reason
    message: bytes


class Desk:
    """Quotes, policy, gate and order port.

    Parameters
    ----------
    limits : slot -> Limits
        Of each slot that is used.
    day : GlobalLimits
        Of all orders together.
    symbols : slot -> str
        What each slot's instrument is called.
    policy : Policy, optional
        With its own parameters.
    """

    def __init__(
        self,
        limits: Mapping[int, gate.Limits],
        day: gate.GlobalLimits,
        symbols: Mapping[int, str],
        policy: Policy | None = None,
    ) -> None:
        self.state, self.trade = gate.limit_all(gate.State(), day, 0), True
        self.quotes, self.policy, self._symbols = Quotes(), policy or Policy(), dict(symbols)
        self._decoder = Decoder()
        for slot, one in limits.items():
            self.state = gate.limit(self.state, slot, one)
            self.quotes.step(limit=(slot, one.locate))
        self.quotes.drain()

    def hear(self, record: BookRecord, now: int) -> list[Decision]:
        """What a book record leads to in cycle `now`."""
        told = self.quotes.step(record)
        quotes = self.quotes.drain() if record.kind == Kind.GAP else [told] if told else []
        made = list[Decision]()
        for quote in quotes:
            self.state = gate.quote(self.state, quote)
            made += self._evaluate(quote, now)
        return made

    def report(self, message: bytes, now: int) -> list[Decision]:
        """What a message of the exchange leads to in cycle `now`."""
        made = list[Decision]()
        for said in self._decoder.reports(message):
            slot = self._slot(said)
            self.state = gate.report(self.state, said)
            if self.policy.report(said, now) and slot is not None:
                made += self._evaluate(self.quotes.rows[slot], now)
        return made

    def _slot(self, said: Report) -> int | None:
        """Whose order a report is about."""
        key = said.replaces if said.outcome == Outcome.REPLACED else said.number
        orders = self.policy.orders.items()
        return next((slot for slot, one in orders if key in (one.number, one.next)), None)

    def _evaluate(self, quote: Quote, now: int) -> list[Decision]:
        """The policy asks for an order, and the gate judges it."""
        trade = self.trade and not (self.state.killed or self.state.broken)
        intent = self.policy.evaluate(quote, trade, now)
        if intent is None:
            return []
        reason, self.state = gate.decide(self.state, intent, now)
        self.policy.decide(reason, now)
        leaves = reason == Reason.ACCEPTED
        message = order(intent, self._symbols[intent.slot]) if leaves else b""
        return [Decision(intent, reason, message)]
