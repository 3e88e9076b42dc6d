"""An exchange ignores an order that is to replace one it does not have; nobody waits for it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tapeout.hdl.ouch.model import Report as Said
from tapeout.hdl.policy.layout import THRESHOLD_FRACTION
from tapeout.hdl.policy.model import Policy
from tapeout.hdl.pretrade.layout import OPEN, Action, Outcome, Reason
from tapeout.hdl.pretrade.model import (
    GlobalLimits,
    Intent,
    Limits,
    Quote,
    Report,
    State,
    decide,
    gross,
    limit,
    limit_all,
    quote,
    reach,
    report,
)
from tapeout.hdl.quotes.model import Quote as Told

MOST = 2**32 - 1
SLOT, PRICE = 3, 1_000_000
EXECUTED, LEFT, REPLACED = Outcome


class Exchange:
    """Takes orders one by one, tells of each in turn; both are on their way for a while."""

    def __init__(self):
        self.live, self.coming, self.telling = {}, [], []

    def take(self):
        """The next order arrives; one that names no live order is ignored."""
        if not self.coming:
            return
        one = self.coming.pop(0)
        if one.action == Action.ENTER:
            self.live[one.number] = one.shares
        elif self.live.pop(one.replaces, None) is not None:
            if one.action == Action.REPLACE:
                self.live[one.number] = one.shares
                told = Report(REPLACED, one.number, one.replaces, one.shares, one.price)
            else:
                told = Report(LEFT, one.replaces)
            self.telling.append(told)

    def fill(self, number, shares):
        """A live order is executed, or a part of it."""
        shares = min(shares, self.live[number])
        self.live[number] -= shares
        if not self.live[number]:
            del self.live[number]
        self.telling.append(Report(EXECUTED, number, 0, shares, PRICE))

    def drop(self, number):
        """A live order leaves."""
        del self.live[number]
        self.telling.append(Report(LEFT, number))


def opened():
    """A gate that lets everything through, of one slot."""
    wide = Limits(collar=MOST, max_shares=MOST, max_notional=MOST, max_position=2**31 - 1)
    state = quote(limit(State(), SLOT, wide), Quote(SLOT, PRICE - 100, 1, PRICE + 100, 1))
    return limit_all(state, GlobalLimits(MOST, 1, 255, 0), 0)


def order(number, action=Action.ENTER, replaces=0, side=0):
    return Intent(action, side, SLOT, number, replaces, 5, PRICE + 10 * side)


def lets(state, *orders):
    """The state in which these orders have left."""
    for now, one in enumerate(orders):
        reason, state = decide(state, one, 100 * now)
        assert reason == Reason.ACCEPTED
    return state


def numbers(state):
    return [one.number for side in state.slots[SLOT].open for one in side]


CHAIN = (order(1), order(2, 2, 1), order(3, 2, 2), order(4, 2, 1))


@pytest.mark.parametrize(
    ("told", "stay"),
    [
        (Report(EXECUTED, 1, 0, 5, PRICE), []),
        (Report(EXECUTED, 1, 0, 4, PRICE), [1, 2, 3, 4]),
        (Report(LEFT, 1), []),
        (Report(LEFT, 1, 0, 5), []),
        (Report(LEFT, 1, 0, 1), [1, 2, 3, 4]),
        (Report(LEFT, 2), [1, 4]),
        (Report(LEFT, 3), [1, 2, 4]),
        (Report(REPLACED, 2, 1, 5, PRICE), [2, 3]),
        (Report(REPLACED, 4, 1, 5, PRICE), [4]),
        (Report(REPLACED, 3, 2, 5, PRICE), [1, 3, 4]),
    ],
)
def test_what_waits_for_an_order_that_is_gone_is_gone_with_it(told, stay):
    """Order 2 is to replace 1, 3 is to replace 2, 4 is to replace 1; and there is one sale, 9."""
    state = report(lets(opened(), *CHAIN, order(9, side=1)), told)
    assert numbers(state) == [*stay, 9]
    assert not state.broken
    done = told.shares if told.outcome == EXECUTED else 0
    shares = sum(one.shares for one in state.slots[SLOT].open[0])
    assert reach(state.slots[SLOT], 0) == done + shares
    assert gross(state) == PRICE * (done + shares) + (PRICE + 10) * 5


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "take", "fill", "drop", "tell", "tell"]),
        st.integers(0, 9), st.integers(1, 3), st.integers(1, 6),
    ),
    max_size=80,
)  # fmt: skip


@settings(max_examples=300)
@given(STEPS)
@example([("order", 0, 1, 1), ("take", 0, 1, 1), ("order", 0, 2, 1), ("fill", 0, 1, 5)])
def test_the_gate_is_open_for_all_that_is_live_and_in_the_end_for_nothing_else(steps):
    """Whatever is on its way in either direction meanwhile; and no report is out of place."""
    state, exchange, number = opened(), Exchange(), 0
    for now, (what, place, action, shares) in enumerate(steps):
        live, open_ = list(exchange.live), numbers(state)
        if what == "order":
            number += 1
            side = place & 1
            mine = [one.number for one in state.slots[SLOT].open[side]] or [0]
            one = order(number, action, mine[place % len(mine)], side)._replace(shares=shares)
            reason, state = decide(state, one, 100 * now)
            exchange.coming += [one] if reason == Reason.ACCEPTED else []
        elif what == "take":
            exchange.take()
        elif what == "tell" and exchange.telling:
            state = report(state, exchange.telling.pop(0))
        elif what in ("fill", "drop") and live:
            name = live[place % len(live)]
            exchange.fill(name, shares) if what == "fill" else exchange.drop(name)
        told = {one.number for one in exchange.telling}
        assert set(exchange.live) <= set(numbers(state)) | told, (what, open_)
        assert not state.broken
    while exchange.coming:
        exchange.take()
    while exchange.telling:
        state = report(state, exchange.telling.pop(0))
    assert sorted(numbers(state)) == sorted(exchange.live)
    for name in list(exchange.live):
        exchange.drop(name)
        state = report(state, exchange.telling.pop(0))
    assert not numbers(state)
    assert not state.broken
    assert reach(state.slots[SLOT], 0) == state.slots[SLOT].position
    assert gross(state) == state.executed


def test_without_room_for_them_the_next_order_could_not_leave():
    """Which is what the exchange's silence would lead to, once for all."""
    state = lets(opened(), *CHAIN)
    assert decide(state, order(5), 1000)[0] == Reason.OPEN_ORDERS
    state = report(state, Report(EXECUTED, 1, 0, 5, PRICE))
    assert len(numbers(lets(state, *(order(5 + k) for k in range(OPEN))))) == OPEN


QUOTES = st.tuples(st.integers(-2, 2), st.booleans(), st.booleans())
LIFE = st.lists(
    st.tuples(
        st.sampled_from(["quote", "quote", "take", "fill", "drop", "tell", "tell"]), QUOTES,
        st.integers(1, 90),
    ),
    max_size=80,
)  # fmt: skip


@settings(max_examples=300)
@given(LIFE)
def test_the_policy_waits_for_no_order_that_the_exchange_ignored(steps):
    """When all is told, its order is the one that is live, and no replacement is on its way.

    Unless the gate did not know it any more: then the policy does not, either.
    """
    state, exchange, policy = opened(), Exchange(), Policy(1 << THRESHOLD_FRACTION, 9, 0)

    def tell():
        nonlocal state
        told = exchange.telling.pop(0)
        state = report(state, told)
        policy.report(Said(*told), 0)

    for now, (what, (moved, sells, good), shares) in enumerate(steps):
        live = list(exchange.live)
        if what == "quote":
            bid = PRICE + moved
            lots = (1, 9) if sells else (9, 1)
            asked = policy.evaluate(Told(SLOT, bid, lots[0], bid + 100, lots[1]), good, now)
            if asked is not None:
                reason, state = decide(state, Intent(*asked), 100 * now)
                policy.decide(reason, now)
                exchange.coming += [Intent(*asked)] if reason == Reason.ACCEPTED else []
        elif what == "take":
            exchange.take()
        elif what == "tell" and exchange.telling:
            tell()
        elif what in ("fill", "drop") and live:
            exchange.fill(live[0], shares) if what == "fill" else exchange.drop(live[0])
    while exchange.coming:
        exchange.take()
    while exchange.telling:
        tell()
    known = [one.number for one in policy.orders.values()]
    assert known == list(exchange.live) == numbers(state)
    assert not any(one.next or one.leaving for one in policy.orders.values())
