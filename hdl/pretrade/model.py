"""Golden model of the pre-trade gate, and the host's own check: a state in, a state out.

Everything is a pure function of what is known. Open orders and positions stand apart here; the
gateware keeps only how far a position can still go either way, and one sum of all notionals.

An exchange ignores an order that is to replace one that it does not have (any more), and says
nothing. So what waits to replace an order is open no longer than that order is, unless a report
says that it has replaced it.
"""

from typing import NamedTuple

from tapeout.hdl.pretrade.layout import (
    NAME_BITS,
    NOTIONAL_BITS,
    OPEN,
    REMEMBERED,
    SLOTS,
    Action,
    Outcome,
    Reason,
)


class Intent(NamedTuple):
    """As `tapeout.hdl.pretrade.layout.INTENT` says."""

    action: int = 0
    side: int = 0
    slot: int = 0
    number: int = 0
    replaces: int = 0
    shares: int = 0
    price: int = 0


class Report(NamedTuple):
    """As `tapeout.hdl.pretrade.layout.REPORT` says."""

    outcome: int = 0
    number: int = 0
    replaces: int = 0
    shares: int = 0
    price: int = 0


class Quote(NamedTuple):
    """As `tapeout.hdl.pretrade.layout.QUOTE` says."""

    slot: int = 0
    bid: int = 0
    bid_lots: int = 0
    ask: int = 0
    ask_lots: int = 0
    stale: int = 0


class Limits(NamedTuple):
    """As `tapeout.hdl.pretrade.layout.LIMITS` says."""

    locate: int = 0
    symbol_low: int = 0
    symbol_high: int = 0
    restricted: int = 0
    collar: int = 0
    max_shares: int = 0
    max_notional: int = 0
    max_position: int = 0


class GlobalLimits(NamedTuple):
    """As `tapeout.hdl.pretrade.layout.GLOBAL_LIMITS` says."""

    max_gross: int = 0
    rate_cycles: int = 0
    rate_burst: int = 0
    repeat_cycles: int = 0


class Order(NamedTuple):
    """An open order: `shares` of it are left.

    `waits` numbers the order that it is to replace, until the exchange says that it has.
    """

    number: int
    price: int
    shares: int
    waits: int | None = None


class Slot(NamedTuple):
    """What is known of an instrument; open orders by side."""

    limits: Limits = Limits()
    quote: Quote = Quote()
    position: int = 0
    open: tuple[tuple[Order, ...], tuple[Order, ...]] = ((), ())


class State(NamedTuple):
    """All that the gate knows.

    `executed` is in ticks times shares. `remembered` are the last accepted ENTERs, newest first,
    as slot, side, price, shares and cycle. `spent` orders' tokens are not back yet; the next comes
    back in cycle `due`. `killed` is the switch; `broken` stays until the reset.
    """

    slots: tuple[Slot, ...] = (Slot(),) * SLOTS
    limits: GlobalLimits = GlobalLimits()
    executed: int = 0
    remembered: tuple[tuple[int, int, int, int, int], ...] = ()
    spent: int = 0
    due: int = 0
    killed: bool = False
    broken: bool = False
    errors: int = 0


def kill(state: State, on: bool) -> State:
    """The switch is where it is put."""
    return state._replace(killed=on)


def quote(state: State, new: Quote) -> State:
    """Best prices of a slot."""
    return _slot(state, new.slot, quote=new)


def limit(state: State, slot: int, new: Limits) -> State:
    """Limits of a slot; what is open stays open."""
    return _slot(state, slot, limits=new)


def limit_all(state: State, new: GlobalLimits, now: int) -> State:
    """Limits of all orders, from cycle `now` on; a token on its way comes when it would have."""
    return settle(state, now)._replace(limits=new)


def decide(state: State, intent: Intent, now: int) -> tuple[Reason, State]:
    """Whether an order may leave in cycle `now`, and what is known then.

    Cycles never go back. An order that may leave is open from then on; a cancel changes nothing.
    """
    state = settle(state, now)
    reason = _reason(state, intent, now)
    if reason or intent.action == Action.CANCEL:
        return reason, state
    sides = list(state.slots[intent.slot].open)
    waits = intent.replaces if intent.action == Action.REPLACE else None
    sides[intent.side] += (Order(intent.number, intent.price, intent.shares, waits),)
    state = _slot(state, intent.slot, open=(sides[0], sides[1]))
    if intent.action == Action.ENTER:
        this = (intent.slot, intent.side, intent.price, intent.shares, now)
        state = state._replace(remembered=(this, *state.remembered)[:REMEMBERED])
    due = state.due if state.spent else now + state.limits.rate_cycles
    return reason, state._replace(spent=state.spent + 1, due=due)


def report(state: State, told: Report) -> State:
    """What the exchange says of an order.

    Of one that is not open, or of more than was open of it: the books are wrong, and only the reset
    opens the gate again. An order that waits for one that is gone is not open any more.
    """
    found = [
        (at, side, order)
        for at, slot in enumerate(state.slots)
        for side, orders in enumerate(slot.open)
        for order in orders
        if order.number == told.number
    ]
    if not found or told.outcome not in tuple(Outcome) or told.shares > found[0][2].shares:
        return state._replace(broken=True, errors=state.errors + 1)
    at, side, order = found[0]
    slot, left, executed = state.slots[at], order.shares - told.shares, 0
    orders = {one.number: one for one in slot.open[side]}
    if told.outcome == Outcome.EXECUTED:
        executed = told.shares
    elif told.outcome == Outcome.LEFT:
        left = left if told.shares else 0
    elif told.replaces not in orders or told.replaces == told.number:
        return state._replace(broken=True, errors=state.errors + 1)
    else:
        left = told.shares or order.shares
        del orders[told.replaces]
        order = order._replace(waits=None)
    orders[told.number] = order._replace(shares=left)
    sides = list(slot.open)
    sides[side] = _awaited(tuple(one for one in orders.values() if one.shares))
    position = slot.position + (-executed if side else executed)
    state = _slot(state, at, open=(sides[0], sides[1]), position=position)
    return state._replace(executed=state.executed + executed * told.price)


def _awaited(orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Without those that wait for an order that is not among them, and those that wait for these.

    An exchange ignores an order that is to replace one that it does not have, and never tells.
    """
    numbers = {one.number for one in orders}
    kept = tuple(one for one in orders if one.waits is None or one.waits in numbers)
    return kept if kept == orders else _awaited(kept)


def settle(state: State, now: int) -> State:
    """Tokens that are back by cycle `now`: one each `rate_cycles`, the first at `due`."""
    every = state.limits.rate_cycles or 1 << 32
    if not state.spent or now < state.due:
        return state
    back = min(state.spent, 1 + (now - state.due) // every)
    return state._replace(spent=state.spent - back, due=state.due + back * every)


def gross(state: State) -> int:
    """Executed and open, in ticks times shares."""
    sides = (orders for slot in state.slots for orders in slot.open)
    return state.executed + sum(one.price * one.shares for orders in sides for one in orders)


def reach(slot: Slot, side: int) -> int:
    """How far the position goes if all that is open on one side is executed; short is positive.

    That is the position if all buys are, and what is sold short if all sales are.
    """
    held = -slot.position if side else slot.position
    return held + sum(one.shares for one in slot.open[side])


def _slot(state: State, at: int, **changes: object) -> State:
    new = state.slots[at]._replace(**changes)  # type: ignore[arg-type]
    return state._replace(slots=(*state.slots[:at], new, *state.slots[at + 1 :]))


def _reason(state: State, intent: Intent, now: int) -> Reason:
    """The first that applies, and those of no cancel behind those of all."""
    cancel = intent.action == Action.CANCEL
    if not intent.action or (not cancel and not (intent.shares and intent.price)):
        return Reason.MALFORMED
    mine = state.slots[intent.slot].open[intent.side]
    if intent.action != Action.ENTER and all(one.number != intent.replaces for one in mine):
        return Reason.UNKNOWN
    if cancel:
        return Reason.ACCEPTED
    checks = {
        Reason.KILLED: state.killed or state.broken,
        **_of_the_slot(state.slots[intent.slot], intent),
        Reason.DUPLICATE: _repeats(state, intent, now),
        Reason.OPEN_ORDERS: len(mine) == OPEN or _named(state, intent.number),
        Reason.GROSS: gross(state) + intent.price * intent.shares
        > state.limits.max_gross << NOTIONAL_BITS,
        Reason.RATE: not state.limits.rate_cycles or state.spent >= state.limits.rate_burst,
    }
    return min((reason for reason, applies in checks.items() if applies), default=Reason.ACCEPTED)


def _of_the_slot(slot: Slot, intent: Intent) -> dict[Reason, bool]:
    """What the instrument's limits, its book and its own orders say."""
    limits, price, theirs = slot.limits, intent.price, slot.open[1 - intent.side]
    bid, ask = slot.quote.bid, slot.quote.ask
    if intent.side:
        beyond, crosses = (
            price < (bid or ask) - limits.collar,
            any(price <= o.price for o in theirs),
        )
    else:
        beyond, crosses = (
            price > (ask or bid) + limits.collar,
            any(price >= o.price for o in theirs),
        )
    return {
        Reason.RESTRICTED: bool(limits.restricted),
        Reason.STALE: bool(slot.quote.stale),
        Reason.COLLAR: beyond or not (bid or ask),
        Reason.SIZE: intent.shares > limits.max_shares,
        Reason.NOTIONAL: -(-price * intent.shares >> NOTIONAL_BITS) > limits.max_notional,
        Reason.SELF_CROSS: crosses,
        Reason.POSITION: reach(slot, intent.side) + intent.shares > limits.max_position,
    }


def _repeats(state: State, intent: Intent, now: int) -> bool:
    """Whether the same order was accepted less than `repeat_cycles` ago."""
    this, within = (intent.slot, intent.side, intent.price, intent.shares), state.limits
    return intent.action == Action.ENTER and any(
        one[:4] == this and now - one[4] < within.repeat_cycles for one in state.remembered
    )


def _named(state: State, number: int) -> bool:
    """Whether the low bits of the number are those of an open order's."""
    low = (1 << NAME_BITS) - 1
    sides = (orders for slot in state.slots for orders in slot.open)
    return any((one.number ^ number) & low == 0 for orders in sides for one in orders)
