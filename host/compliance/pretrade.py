"""Pre-trade limits in dollars, and the gate's own check on the host.

The check is `tapeout.hdl.pretrade.model`, which the gateware is held to: what it lets through here
it lets through there, if both are told the same in the same order. Each control is named with the
rule that asks for one of its kind; that a limit is set here does not mean that the rule is met.

>>> limits = OrderLimits(collar="0.50", max_shares=500, max_notional=60_000, max_position=1_000)
>>> day = DayLimits(max_gross=1_000_000, orders_per_second=100, burst=10, repeat="1s")
>>> check = PreTrade({"AAPL": limits}, day)
>>> check.quote("AAPL", bid_ticks=1_899_900, ask_ticks=1_900_000)
>>> check.enter("AAPL", "buy", 100, 1_900_000, number=1, now_ns=0).name
'ACCEPTED'
>>> check.enter("AAPL", "buy", 100, 1_910_000, number=2, now_ns=0).name  # a dollar over the offer
'COLLAR'
>>> check.executed(1, shares=100, price_ticks=1_900_000)
>>> check.position("AAPL")
100
"""

from collections.abc import Mapping

from tapeout.compliance.limits import CONTROLS, DayLimits, OrderLimits, whole
from tapeout.errors import DataError
from tapeout.hdl.pretrade import model
from tapeout.hdl.pretrade.layout import INTENT, SLOTS, Action, Outcome, Reason
from tapeout.units import NS_PER_SECOND

__all__ = ["CLOCK_HZ", "CONTROLS", "DayLimits", "OrderLimits", "PreTrade", "Reason"]
CLOCK_HZ = 156_250_000  # of the card


class PreTrade:
    """The gate's check for up to sixteen instruments.

    Parameters
    ----------
    limits : symbol -> OrderLimits
        In the order of their slots.
    day : DayLimits
    clock_hz : int
        Times are counted in cycles of this clock, as the card does.

    Raises
    ------
    DataError
        "limits must be of at most 16 instruments; got 17"
        "symbol must be one of AAPL, MSFT; got 'X'"
        "side must be buy or sell; got 'b'"
        "price_ticks must be 0 to 4294967295; got -1"
        "now_ns must not go back from 20; got 10"
    """

    def __init__(
        self, limits: Mapping[str, OrderLimits], day: DayLimits, clock_hz: int = CLOCK_HZ
    ) -> None:
        if len(limits) > SLOTS:
            raise DataError(f"limits must be of at most {SLOTS} instruments; got {len(limits)}")
        self._slots = {symbol: slot for slot, symbol in enumerate(limits)}
        self._clock_hz, self._now_ns = clock_hz, 0
        self.state = model.limit_all(model.State(), day.limits(clock_hz), 0)
        for slot, (symbol, one) in enumerate(limits.items()):
            self.state = model.limit(self.state, slot, one.limits(symbol=symbol))

    def quote(self, symbol: str, bid_ticks: int, ask_ticks: int, stale: bool = False) -> None:
        """Best prices, 0 where a side is empty; `stale` if the book is not as it should be."""
        bid, ask = whole("bid_ticks", bid_ticks, 32), whole("ask_ticks", ask_ticks, 32)
        new = model.Quote(self._slot(symbol), bid, 0, ask, 0, int(stale))
        self.state = model.quote(self.state, new)

    def kill(self, on: bool = True) -> None:
        """While it is on only cancels may leave."""
        self.state = model.kill(self.state, on)

    def enter(
        self, symbol: str, side: str, shares: int, price_ticks: int, *, number: int, now_ns: int
    ) -> Reason:
        """Whether a new order may leave; if so, it is open from now on."""
        order = (symbol, side, shares, price_ticks, number)
        return self._decide(Action.ENTER, *order, 0, now_ns)

    def replace(
        self,
        symbol: str,
        side: str,
        shares: int,
        price_ticks: int,
        *,
        number: int,
        replaces: int,
        now_ns: int,
    ) -> Reason:
        """Whether an order may take the place of an open one; until then both are open."""
        order = (symbol, side, shares, price_ticks, number)
        return self._decide(Action.REPLACE, *order, replaces, now_ns)

    def cancel(self, symbol: str, side: str, *, replaces: int, now_ns: int) -> Reason:
        """Whether a cancel of an open order may leave: always, if there is such an order."""
        return self._decide(Action.CANCEL, symbol, side, 0, 0, 0, replaces, now_ns)

    def executed(self, number: int, shares: int, price_ticks: int) -> None:
        """So many shares of an open order were bought or sold."""
        self._report(Outcome.EXECUTED, number, 0, shares, price_ticks)

    def left(self, number: int, shares: int = 0) -> None:
        """So many shares of an open order are gone, unexecuted; 0: all."""
        self._report(Outcome.LEFT, number, 0, shares, 0)

    def replaced(self, number: int, replaces: int, shares: int = 0) -> None:
        """An order is open with so many shares, 0: with all, and the one it replaces is gone."""
        self._report(Outcome.REPLACED, number, replaces, shares, 0)

    def position(self, symbol: str) -> int:
        """Shares held; below zero: sold short."""
        return self.state.slots[self._slot(symbol)].position

    @property
    def closed(self) -> bool:
        """The switch is on, or a report did not fit the open orders: then for good."""
        return self.state.killed or self.state.broken

    def _decide(
        self,
        action: Action,
        symbol: str,
        side: str,
        shares: int,
        price_ticks: int,
        number: int,
        replaces: int,
        now_ns: int,
    ) -> Reason:
        if side not in ("buy", "sell"):
            raise DataError(f"side must be buy or sell; got {side!r}")
        if now_ns < self._now_ns:
            raise DataError(f"now_ns must not go back from {self._now_ns}; got {now_ns}")
        words = {"number": number, "replaces": replaces, "shares": shares}
        held = {name: whole(name, word, INTENT[name]) for name, word in words.items()}
        price = whole("price_ticks", price_ticks, INTENT["price"])
        intent = model.Intent(action, int(side == "sell"), self._slot(symbol), price=price, **held)
        self._now_ns = now_ns
        now = now_ns * self._clock_hz // NS_PER_SECOND
        reason, self.state = model.decide(self.state, intent, now)
        return reason

    def _report(
        self, outcome: Outcome, number: int, replaces: int, shares: int, price_ticks: int
    ) -> None:
        told = model.Report(outcome, number, replaces, whole("shares", shares, 32), price_ticks)
        self.state = model.report(self.state, told)

    def _slot(self, symbol: str) -> int:
        if symbol not in self._slots:
            raise DataError(f"symbol must be one of {', '.join(self._slots)}; got {symbol!r}")
        return self._slots[symbol]
