"""What the gate lets through keeps its limits, whatever the exchange does with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.hdl.pretrade.layout import NAME_BITS, NOTIONAL_UNIT, OPEN, Action, Outcome, Reason
from tapeout.hdl.pretrade.model import (
    GlobalLimits,
    Intent,
    Limits,
    Quote,
    Report,
    State,
    decide,
    gross,
    kill,
    limit,
    limit_all,
    quote,
    report,
)

MOST = 2**32 - 1
WIDE = Limits(collar=MOST, max_shares=MOST, max_notional=MOST, max_position=2**31 - 1)
ALL = GlobalLimits(max_gross=MOST, rate_cycles=10, rate_burst=255)
BID, ASK = 999_900, 1_000_000


def gate(slot=WIDE, everything=ALL, told=Quote(3, BID, 1, ASK, 1)):
    return limit_all(limit(quote(State(), told), 3, slot), everything, 0)


def sale(number, shares, price=ASK, **more):
    return Intent(Action.ENTER, 1, 3, number, 0, shares, price)._replace(**more)


def buy(number, shares, price=BID, **more):
    return sale(number, shares, price, side=0, **more)


def all_of(state, *intents, every=10):
    """The reasons of intents that come one behind the other, and the state behind them."""
    reasons = []
    for at, one in enumerate(intents):
        reason, state = decide(state, one, every * at)
        reasons.append(reason)
    return reasons, state


YES = Reason.ACCEPTED
#: Limits, intents, and what becomes of each.
EXAMPLES = {
    "no action": ({}, {}, [buy(1, 1, action=0)], [Reason.MALFORMED]),
    "no shares": ({}, {}, [buy(1, 0)], [Reason.MALFORMED]),
    "no price": ({}, {}, [buy(1, 1, price=0)], [Reason.MALFORMED]),
    "no such order": (
        {},
        {},
        [buy(1, 1), buy(2, 1, action=2, replaces=7), sale(3, 1, action=3, replaces=1)],
        [YES, Reason.UNKNOWN, Reason.UNKNOWN],
    ),
    "restricted, but a cancel may leave": (
        {"restricted": 1},
        {},
        [buy(1, 1), buy(2, 0, action=3, replaces=1)],
        [Reason.RESTRICTED, Reason.UNKNOWN],
    ),
    "the collar of a buy is above the offer": (
        {"collar": 50},
        {},
        [buy(1, 1, price=ASK + 50), buy(2, 1, price=ASK + 51), buy(3, 1, price=1)],
        [YES, Reason.COLLAR, YES],
    ),
    "the collar of a sale is below the bid": (
        {"collar": 50},
        {},
        [sale(1, 1, price=BID - 50), sale(2, 1, price=BID - 51), sale(3, 1, price=MOST)],
        [YES, Reason.COLLAR, YES],
    ),
    "one share too many": (
        {"max_shares": 9},
        {},
        [buy(1, 9), buy(2, 10), buy(3, MOST)],
        [YES, Reason.SIZE, Reason.SIZE],
    ),
    "a started unit of notional is a whole one": (
        {"max_notional": 2},
        {},
        [buy(1, 2, price=NOTIONAL_UNIT), buy(2, 1, price=2 * NOTIONAL_UNIT + 1)],
        [YES, Reason.NOTIONAL],
    ),
    "the same order within 20 cycles": (
        {},
        {"repeat_cycles": 20},
        [buy(1, 5), buy(2, 5), sale(3, 5), buy(4, 5)],
        [YES, Reason.DUPLICATE, YES, YES],
    ),
    "a price at which own orders meet": (
        {},
        {},
        [sale(1, 1, price=ASK), buy(2, 1, price=ASK - 1), buy(3, 1, price=ASK), sale(4, 1, BID)],
        [YES, YES, Reason.SELF_CROSS, Reason.SELF_CROSS],
    ),
    "four orders a side": (
        {},
        {},
        [*(buy(k, 1) for k in range(1, OPEN + 2)), sale(9, 1)],
        [YES] * OPEN + [Reason.OPEN_ORDERS, YES],
    ),
    "a number whose low bits are taken": (
        {},
        {},
        [buy(1, 1), sale(1 + (1 << NAME_BITS), 1), sale(2, 1)],
        [YES, Reason.OPEN_ORDERS, YES],
    ),
    "all that is open counts, of one side": (
        {"max_position": 10},
        {},
        [buy(1, 6), buy(2, 5), sale(3, 10), buy(4, 4), sale(5, 1)],
        [YES, Reason.POSITION, YES, YES, Reason.POSITION],
    ),
    "an order and what replaces it may both be executed": (
        {"max_position": 10},
        {},
        [buy(1, 6), buy(2, 5, action=2, replaces=1), buy(3, 4, action=2, replaces=1)],
        [YES, Reason.POSITION, YES],
    ),
    "all notionals together": (
        {},
        {"max_gross": 3},
        [buy(1, 1, price=2 * NOTIONAL_UNIT), sale(2, 1, ASK), sale(3, 1, price=NOTIONAL_UNIT)],
        [YES, Reason.GROSS, Reason.SELF_CROSS],
    ),
    "two at once, and one more each 30 cycles": (
        {},
        {"rate_cycles": 30, "rate_burst": 2},
        [buy(1, 1), buy(2, 1), sale(3, 1), sale(4, 1), sale(5, 1), sale(6, 1), sale(7, 1)],
        [YES, YES, Reason.RATE, YES, Reason.RATE, Reason.RATE, YES],
    ),
}


@pytest.mark.parametrize("case", EXAMPLES)
def test_reasons_are_those_of_the_examples(case):
    slot, everything, intents, expected = EXAMPLES[case]
    reasons, _ = all_of(gate(WIDE._replace(**slot), ALL._replace(**everything)), *intents)
    assert reasons == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Quote(3, 0, 0, 0, 0), [Reason.COLLAR, Reason.COLLAR]),
        (Quote(3, BID, 1, ASK, 1, 1), [Reason.STALE, Reason.STALE]),
        (Quote(3, BID, 1, 0, 0), [Reason.COLLAR, YES]),
        (Quote(3, 0, 0, ASK, 1), [YES, YES]),
        (Quote(4, BID, 1, ASK, 1), [Reason.COLLAR, Reason.COLLAR]),
    ],
)
def test_without_the_far_side_the_near_one_holds_the_collar(told, expected):
    """A buy at the offer and a sale above it, with no collar at all."""
    state = gate(WIDE._replace(collar=0), told=told)
    assert all_of(state, buy(1, 1, price=ASK), sale(2, 1, price=ASK + 1))[0] == expected


def test_zero_allows_nothing():
    """Whatever else is wide open, as no limit was set."""
    for field in ("max_shares", "max_notional", "max_position"):
        (reason,), _ = all_of(gate(WIDE._replace(**{field: 0})), buy(1, 1))
        assert reason in (Reason.SIZE, Reason.NOTIONAL, Reason.POSITION)
    for field in ("max_gross", "rate_burst", "rate_cycles"):
        (reason,), _ = all_of(gate(everything=ALL._replace(**{field: 0})), buy(1, 1))
        assert reason in (Reason.GROSS, Reason.RATE)


def test_the_last_eight_are_remembered():
    state = gate(everything=ALL._replace(repeat_cycles=MOST))
    for number in range(1, 9):
        (reason,), state = all_of(state, buy(number, number))
        assert reason == YES
        state = report(state, Report(Outcome.LEFT, number))
    assert all_of(state, buy(20, 1))[0] == [Reason.DUPLICATE]
    (_,), state = all_of(state, buy(21, 9))
    assert all_of(state, buy(22, 2), buy(23, 1))[0] == [Reason.DUPLICATE, YES]


@pytest.mark.parametrize(
    "told",
    [
        Report(Outcome.EXECUTED, 9, 0, 1, 1),
        Report(Outcome.EXECUTED, 1, 0, 6, 1),
        Report(Outcome.LEFT, 1, 0, 6),
        Report(Outcome.REPLACED, 1, 9),
        Report(Outcome.REPLACED, 1, 1),
        Report(Outcome.REPLACED, 1, 2),
        Report(Outcome.REPLACED, 1, 3, 6),
        Report(0, 1),
    ],
)
def test_a_report_that_does_not_fit_closes_the_gate(told):
    """Orders 1 and 3 buy, 2 sells, 5 shares each; cancels may still leave."""
    _, state = all_of(gate(), buy(1, 5), sale(2, 5), buy(3, 5))
    wrong = report(state, told)
    assert wrong.slots == state.slots
    assert (wrong.broken, wrong.errors) == (True, 1)
    late = [buy(4, 1), buy(5, 1, action=2, replaces=1), buy(6, 0, action=3, replaces=1)]
    assert all_of(kill(wrong, False), *late)[0] == [Reason.KILLED, Reason.KILLED, YES]


# Orders of one slot, and what the exchange does with what is open; all small, so that they meet.
ORDERS = st.tuples(
    st.sampled_from(list(Action)), st.integers(0, 1), st.integers(0, 9), st.integers(1, 9),
    st.integers(1, 5),
)  # fmt: skip
FATES = st.tuples(st.sampled_from(list(Outcome)), st.integers(0, 9), st.integers(1, 9))
EVENTS = st.lists(st.one_of(ORDERS, FATES), max_size=60)
PRICE = 1 << 15  # two are a unit of notional


def lived(state, events, now=0):
    """Play events; after each: the state, what left, and what was bought or sold at which price."""
    for number, event in enumerate(events, 1):
        open_ = [one for side in state.slots[3].open for one in side]
        left, fill = None, None
        if len(event) == 5:
            action, side, place, shares, price = event
            old = open_[place % len(open_)].number if open_ else 0
            one = Intent(action, side, 3, number, old, shares, price * PRICE)
            reason, state = decide(state, one, now + 10 * number)
            left = None if reason else one
        elif open_:
            outcome, place, shares = event
            one = open_[place % len(open_)]
            side = one in state.slots[3].open[1]
            shares = min(shares, one.shares)
            others = [old.number for old in state.slots[3].open[side] if old != one]
            if outcome == Outcome.REPLACED and not others:
                continue
            told = Report(outcome, one.number, (*others, 0)[0], shares, one.price)
            fill = (side, shares, one.price) if outcome == Outcome.EXECUTED else None
            state = report(state, told)
        assert not state.broken
        yield state, left, fill


@given(EVENTS, st.integers(0, 30))
def test_the_position_never_passes_its_limit_under_any_interleaving_of_fills(events, most):
    """Counted from the fills alone; and it would not if all that is open of a side were filled."""
    narrow = WIDE._replace(max_position=most)
    told = Quote(3, 3 * PRICE, 1, 3 * PRICE, 1)
    position = 0
    for state, _, fill in lived(gate(narrow, told=told), events):
        if fill:
            position += -fill[1] if fill[0] else fill[1]
        slot = state.slots[3]
        buys, sales = (sum(one.shares for one in side) for side in slot.open)
        assert slot.position == position
        assert position + buys <= most
        assert position - sales >= -most


@given(EVENTS, st.integers(0, 60))
def test_all_notionals_together_never_pass_their_limit(events, most):
    """Counted from the fills and from what is open; each is executed at its own price."""
    executed = 0
    told = Quote(3, 3 * PRICE, 1, 3 * PRICE, 1)
    for state, _, fill in lived(gate(everything=ALL._replace(max_gross=most), told=told), events):
        if fill:
            executed += fill[1] * fill[2]
        open_ = sum(one.price * one.shares for side in state.slots[3].open for one in side)
        assert gross(state) == executed + open_ <= most * NOTIONAL_UNIT


@given(EVENTS, EVENTS)
def test_no_order_but_a_cancel_leaves_after_the_switch(before, after):
    opened = gate(told=Quote(3, 3 * PRICE, 1, 3 * PRICE, 1))
    closed = kill([opened, *(state for state, _, _ in lived(opened, before))][-1], True)
    for _, left, _ in lived(closed, after, now=10_000):
        assert left is None or left.action == Action.CANCEL


@given(st.lists(st.integers(0, 25), min_size=1, max_size=80), st.integers(1, 50), st.integers(1, 6))
def test_the_rate_is_kept_in_every_stretch_of_time(gaps, every, burst):
    """At most `burst`, and one more for each `every` cycles that have passed."""
    state = gate(everything=ALL._replace(rate_cycles=every, rate_burst=burst))
    now, left = 0, []
    for number, gap in enumerate(gaps, 1):
        now += gap
        reason, state = decide(state, buy(number, 1, BID - number), now)
        if reason == YES:
            left.append(now)
            state = report(state, Report(Outcome.LEFT, number))
    for first, start in enumerate(left):
        for count, end in enumerate(left[first:], 1):
            assert count <= burst + (end - start) // every + (end > start)
