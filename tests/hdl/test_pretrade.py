"""The gate in gateware decides what its model does, in the same cycle, whatever it is sent."""

import os
import random
from collections import Counter

import numpy as np
import pytest

from tapeout.hdl.itch.layout import pack
from tapeout.hdl.pretrade.layout import (
    DECISION,
    GLOBAL_LIMITS,
    INTENT,
    LIMITS,
    NAME_BITS,
    NOTIONAL_UNIT,
    OPEN,
    QUOTE,
    REPORT,
    SLOT_BITS,
    SLOTS,
    Action,
    Outcome,
    Reason,
)
from tapeout.hdl.pretrade.model import (
    GlobalLimits,
    Intent,
    Limits,
    Order,
    Quote,
    Report,
    State,
    decide,
    gross,
    kill,
    limit,
    limit_all,
    quote,
    reach,
    report,
    settle,
)

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from tapeout.hdl.bucket.gateware import Bucket
from tapeout.hdl.pretrade.gateware import (
    CYCLES,
    GLOBAL_CYCLES,
    KILL_CYCLES,
    LATENCY,
    REPORT_CYCLES,
    Gate,
)
from tapeout.sim.bench.compiled import Model, packed
from tapeout.sim.bench.simulators import READY, verilator
from tapeout.sim.engine import engines, play_streams

pytestmark = pytest.mark.rtl
MOST = 2**32 - 1
LIMIT, QUOTED, ALL, KILL, RESET, INTENDED, REPORTED = range(7)
SLOT_LIMITS = {"slot": SLOT_BITS} | LIMITS
CONTROL = {"kind": 3, "word": sum(SLOT_LIMITS.values())}
#: Behind a word of control, cycles until it counts for an intent.
COUNTS = {LIMIT: 0, QUOTED: 1, ALL: 1 - GLOBAL_CYCLES, KILL: 1 - KILL_CYCLES}
PRICES = 999_900, 1_000_000  # of a buy and a sale that do not meet
PIECE = 20_000  # decisions that are kept at once
needs_verilator = pytest.mark.skipif(verilator() != READY, reason=verilator())


class Driven(wiring.Component):
    """The gate, and a stream of all that has no stream of its own; settings stand in registers."""

    i: In(stream.Signature(data.StructLayout(INTENT)))
    report: In(stream.Signature(data.StructLayout(REPORT)))
    control: In(stream.Signature(data.StructLayout(CONTROL)))
    o: Out(stream.Signature(data.StructLayout(DECISION)))
    order: Out(stream.Signature(data.StructLayout(INTENT)))
    killed: Out(1)
    errors: Out(32)

    def elaborate(self, platform):
        m = Module()
        gate, reset, word = Gate(), Signal(), self.control.payload.word
        m.submodules.gate = ResetInserter(reset)(gate)
        for name in ("i", "report"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(gate, name))
        for name in ("o", "order"):
            wiring.connect(m, getattr(gate, name), wiring.flipped(getattr(self, name)))
        does = [Signal(name=f"does_{kind}") for kind in range(5)]
        m.d.comb += [
            self.control.ready.eq(1),
            *(
                one.eq(self.control.valid & (self.control.payload.kind == kind))
                for kind, one in enumerate(does)
            ),
            Value.cast(gate.limit).eq(word),
            gate.limit_en.eq(does[LIMIT]),
            Value.cast(gate.quote).eq(word),
            gate.quote_valid.eq(does[QUOTED]),
            reset.eq(does[RESET]),
            self.killed.eq(gate.killed),
            self.errors.eq(gate.errors),
        ]
        limits, killed = Signal.like(Value.cast(gate.limits)), Signal()
        m.d.comb += [Value.cast(gate.limits).eq(limits), gate.kill.eq(killed)]
        with m.If(does[ALL]):
            m.d.sync += limits.eq(word)
        with m.If(does[KILL]):
            m.d.sync += killed.eq(word)
        return m


def opens(state):
    """The numbers of all open orders."""
    return [one.number for slot in state.slots for side in slot.open for one in side]


class Day:
    """What is sent and what the model says of it, cycle by cycle; chosen near every edge."""

    def __init__(self, seed, errors=True):
        self.rng = random.Random(seed)
        self.errors, self.state, self.free, self.controlled = errors, State(), 20, 10
        self.waits = []  # what control has sent and does not count yet: cycle, kind, arguments
        self.number, self.reasons, self.reports = 1, Counter(), Counter()
        self.ignored = Counter()  # reports by how many orders went unnamed
        self.quiet, self.past = 0, []  # decisions since one was accepted
        self.begin(self.free)

    def begin(self, cycle):
        """Forget what was sent and expected so far."""
        self.free = max(self.free, cycle)
        self.sent = {"i": [], "report": [], "control": []}
        self.due = {"i": [], "report": [], "control": []}
        self.taken = {"i": [], "report": []}
        self.decisions, self.orders = [], []

    def decide(self, count):
        """So many more decisions, and all that comes with them."""
        while len(self.decisions) < count:
            rng = self.rng
            if rng.random() < 0.0005 or self.quiet > (20 if self.state.broken else 80):
                self._reset()
            at = self.free + rng.choice([0, 0, 0, 0, 1, 2, rng.randrange(40)])
            told = self._report() if rng.random() < 0.35 else None
            if told is not None:
                self._send("report", told, REPORT, at, at)
                ignored = self._ignored(told)
                self.reports[told.outcome] += 1
                self.ignored[ignored] += 1
                self.free = at + REPORT_CYCLES * (1 + ignored)
            if told is None or rng.random() < 0.3:
                due = at if told is not None and rng.random() < 0.7 else max(at, self.free)
                self._intent(due, max(due, self.free))

    def _ignored(self, told):
        """How many orders a report takes off that it does not name."""
        before, was = len(opens(self.state)), self.state
        self.state = report(was, told)
        left = told.outcome == Outcome.REPLACED or told.number not in opens(self.state)
        named = left and self.state.errors == was.errors
        return before - len(opens(self.state)) - named

    def _send(self, name, word, table, due, taken):
        self.sent[name].append(pack(word, table))
        self.due[name].append(due)
        self.taken[name].append(taken)

    def _intent(self, due, at):
        """A decision, taken in cycle `at` or a little later."""
        if due == at and self.rng.random() < 0.2:
            due = at = self._moment(at)
        for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
            self._about(at)
        self._counts(at)
        self.state = settle(self.state, at)
        intent = self._wanted()
        self._send("i", intent, INTENT, due, at)
        reason, self.state = decide(self.state, intent, at)
        self.reasons[reason] += 1
        self.decisions.append(pack((*intent, reason), DECISION))
        self.quiet = self.quiet + 1 if reason else 0
        if not reason:
            self.orders.append(pack(intent, INTENT))
            self.past = [*self.past[-20:], (at, intent)]
        self.free, self.controlled = at + CYCLES, max(self.controlled, at + KILL_CYCLES)

    def _moment(self, at):
        """A cycle near one that matters: a token comes back, an order is repeated."""
        moments = [self.state.due] if self.state.spent else []
        moments += [then + self.state.limits.repeat_cycles for then, _ in self.past[-8:]]
        moments = [one + self.rng.choice([-1, 0, 1]) for one in moments]
        return self.rng.choice([one for one in moments if at <= one < at + 2000] or [at])

    def _counts(self, at):
        """What has counted by now is known to the model, in the order in which it counts."""
        for one in sorted(self.waits, key=lambda one: one[0]):
            if one[0] <= at:
                self.waits.remove(one)
                if one[1] == ALL:
                    self.state = limit_all(self.state, one[2], max(one[0], 0))
                else:
                    self.state = {LIMIT: limit, QUOTED: quote, KILL: kill}[one[1]](
                        self.state, *one[2:]
                    )

    def _about(self, at):
        """A word of control, up to the last cycle in which it may count for an intent."""
        rng, cycle = self.rng, at + self.rng.choice([-9, -6, *range(-2, 9)])
        if cycle <= self.controlled:
            return
        kind = rng.choices([LIMIT, QUOTED, ALL, KILL], [3, 8, 1, 3 if self.state.killed else 0.2])[
            0
        ]
        self._control(cycle, kind)

    def _control(self, cycle, kind):
        """A quote, a limit or the switch."""
        rng = self.rng
        slot = self._slot()
        if kind == LIMIT:
            what = (slot, self._limits())
            word = pack((slot, *what[1]), SLOT_LIMITS)
        elif kind == QUOTED:
            what = (self._quote(slot),)
            word = pack(what[0], QUOTE)
        elif kind == ALL:
            what = (self._all(),)
            word = pack(what[0], GLOBAL_LIMITS)
        else:
            what = (not self.state.killed or rng.random() < 0.1,)
            word = int(what[0])
        self._control_word(cycle, kind, word)
        self.waits.append((cycle + COUNTS[kind], kind, *what))

    def _control_word(self, cycle, kind, word):
        self.sent["control"].append(pack((kind, word), CONTROL))
        self.due["control"].append(cycle)
        self.controlled = cycle

    def _reset(self):
        """Between two jobs; what stands in registers beside the gate counts as before."""
        at = max(self.free, self.controlled + 1)
        self._counts(at)
        self._control_word(at, RESET, 0)
        self.waits = [one for one in self.waits if one[1] in (ALL, KILL)]
        self.state = State(limits=self.state.limits, killed=self.state.killed)
        self.free, self.past, self.quiet = at + 1, [], 0
        for kind in (LIMIT, QUOTED) * 8:
            self._control(self.controlled + 1, kind)
        self.free = self.controlled + 2

    def _slot(self):
        return self.rng.choice([0, 1, 1, 2, 15, self.rng.randrange(SLOTS)])

    def _limits(self):
        rng = self.rng
        return Limits(
            restricted=rng.random() < 0.03,
            collar=rng.choice([0, 1, 50, 50, 5000, 5000, MOST]),
            max_shares=rng.choices([0, 100, 1000, MOST], [0.2, 2, 4, 4])[0],
            max_notional=rng.choices([0, 3, 300, MOST], [0.1, 0.2, 1, 6])[0],
            max_position=rng.choice([200, 2000, 2**31 - 1, 2**31 - 1, 2**31 - 1]),
        )

    def _quote(self, slot):
        rng, bid = (
            self.rng,
            self.rng.choices([0, 1, 1000, 500_000, MOST - 1], [0.5, 0.2, 4, 6, 0.2])[0],
        )
        ask = rng.choice([0, bid + 1, bid + 1, min(bid + 100, MOST), bid])
        return Quote(slot, bid, rng.randrange(9), ask, rng.randrange(9), rng.random() < 0.04)

    def _all(self):
        rng, most = self.rng, MOST
        return GlobalLimits(
            max_gross=rng.choice(
                [most, most, most, 100_000, min(gross(self.state) // NOTIONAL_UNIT + 2, most)]
            ),
            rate_cycles=rng.choice([0, 1, 1, 2, 2, 3, 9, 10, 11, 40, 300])
            if rng.random() < 0.9
            else most,
            rate_burst=rng.choices([0, 1, 2, 5, 255], [0.2, 1, 1, 1, 5])[0],
            repeat_cycles=rng.choice([0, 1, 10, 11, 40, 200, most]),
        )

    def _wanted(self):
        """An intent near an edge of what is allowed now."""
        rng, slot, side = self.rng, self._slot(), self.rng.randrange(2)
        row = self.state.slots[slot]
        if self.past and rng.random() < 0.1:
            return rng.choice(self.past)[1]._replace(number=self._number(), action=Action.ENTER)
        there = row.open[side] or rng.random() < 0.05
        action = rng.choices([0, *Action], [0.1, 6, 6 if there else 0, 1 if there else 0])[0]
        own = [one.number for one in row.open[side]] or [self.number]
        others = [one.number for slots in self.state.slots for one in slots.open[1 - side]]
        replaces = (
            rng.choice(own) if rng.random() < 0.93 else rng.choice([*others, rng.getrandbits(32)])
        )
        price = self._price(row, side)
        shares = self._shares(row, side, price)
        return Intent(action, side, slot, self._number(), replaces, shares, price)

    def _price(self, row, side):
        """Near the collar, or near own orders of the other side."""
        bid, ask, collar = row.quote.bid, row.quote.ask, row.limits.collar
        edge = (bid or ask) - collar if side else (ask or bid) + collar
        inside = (bid or ask) + self.rng.randrange(-3, 4)
        near = [edge, inside, inside, inside, *(one.price for one in row.open[1 - side])]
        price = self.rng.choice(near) + self.rng.choice([-1, 0, 0, 1])
        return self._held(
            self.rng.choice([max(price, 1)] * 100 + [0, MOST, self.rng.getrandbits(32)])
        )

    def _shares(self, row, side, price):
        """Few, or near the most that one of the limits allows."""
        rng, limits, units = self.rng, row.limits, NOTIONAL_UNIT
        few = rng.randrange(1, 100)
        most = [
            limits.max_shares,
            limits.max_position - reach(row, side),
            (limits.max_notional * units) // max(price, 1),
            (self.state.limits.max_gross * units - gross(self.state)) // max(price, 1),
        ]
        edge = rng.choice([min(most), *most]) + rng.choice([-1, 0, 0, 1])
        odd = rng.choice([0, MOST, rng.getrandbits(32)])
        return self._held(rng.choices([few, max(edge, 1), odd], [14, 6, 0.4])[0])

    def _held(self, number):
        return min(max(number, 0), MOST)

    def _report(self):
        """What the exchange may say now of any open order; or, seldom, what it may not."""
        rng = self.rng
        open_ = [side for slot in self.state.slots for side in slot.open if side]
        if self.errors and rng.random() < 0.004 and not self.state.broken:
            return self._nonsense(open_)
        if not open_:
            return None
        side = rng.choice(open_)
        waited = [one for one in side if any(other.waits == one.number for other in side)]
        one = rng.choice(waited if waited and rng.random() < 0.6 else side)
        others = [other.number for other in side if other.number != one.number]
        outcome = rng.choices(list(Outcome), [5, 3, 2 if others else 0])[0]
        replaces = rng.choice(others) if others else rng.getrandbits(32)
        shares = rng.choice([one.shares, one.shares, 1, rng.randint(1, one.shares), 0])
        prices = [one.price, rng.getrandbits(20), MOST, rng.getrandbits(32)]
        price = rng.choices(prices, [9, 3, 0.02, 0.02])[0]
        return Report(outcome, one.number, replaces, shares, price)

    def _nonsense(self, open_):
        """Of no order, of more than is open, of two orders that are not of a kind."""
        rng = self.rng
        orders = [one for side in open_ for one in side] or [Order(rng.getrandbits(32), 1, 1)]
        one, other = rng.choice(orders), rng.choice(orders)
        return rng.choice(
            [
                Report(rng.choice(list(Outcome)), rng.getrandbits(32), one.number, 1, 1),
                Report(Outcome.EXECUTED, one.number, 0, self._held(one.shares + 1), 5),
                Report(Outcome.LEFT, one.number, 0, MOST, 5),
                Report(Outcome.REPLACED, one.number, one.number, 0, 0),
                Report(Outcome.REPLACED, one.number, rng.getrandbits(32), 1, 0),
                Report(Outcome.REPLACED, one.number, other.number, 0, 0),
                Report(0, one.number, 0, 0, 0),
            ]
        )

    def _number(self):
        """The next one; sometimes the low bits are those of an order that may still be open."""
        self.number = (self.number + 1) & MOST
        if self.rng.random() < 0.02:
            open_ = [one.number for slot in self.state.slots for side in slot.open for one in side]
            if open_:
                return self.rng.choice(open_) + (self.rng.randrange(9) << NAME_BITS) & MOST
        return self.number


TABLES = {"i": INTENT, "report": REPORT, "control": CONTROL}


def same_as_the_model(day, session, count):
    """Play a piece of the day: what leaves, and when, is the model's."""
    day.decide(count)
    words = {name: packed(day.sent[name], sum(table.values())) for name, table in TABLES.items()}
    due = {name: np.array(day.due[name], np.uint64) for name in TABLES}
    played = session.play(words, due=due)
    for name, cycles in day.taken.items():
        assert played.inputs[name].taken.tolist() == cycles
    decided, left = played.outputs["o"], played.outputs["order"]
    assert decided.payloads() == day.decisions
    assert decided.shown.tolist() == [cycle + LATENCY for cycle in day.taken["i"]]
    assert left.payloads() == day.orders
    assert set(left.shown.tolist()) <= set(decided.shown.tolist())
    assert played.plain["errors"] == day.state.errors
    assert played.plain["killed"] == (day.state.killed or day.state.broken)
    return played.cycles


def spoken(counts, kinds):
    return ", ".join(f"{counts[kind]:,} {kind.name.lower()}" for kind in kinds)


@pytest.fixture(scope="module")
def compiled():
    return Model(Driven())


def decisions(compiled, seed, count):
    """So many decisions of a day, in pieces; the day."""
    day = Day(seed)
    with compiled.session(asked=True) as session:
        for start in range(0, count, PIECE):
            cycles = same_as_the_model(day, session, min(PIECE, count - start))
            day.begin(cycles + 20)
    return day


@needs_verilator
def test_every_decision_is_the_models(compiled, figure):
    """20,000; each reason and each outcome is met."""
    print("seed 1")
    day = decisions(compiled, 1, 20_000)
    assert all(day.reasons[reason] >= 20 for reason in Reason)
    assert all(day.reports[outcome] >= 20 for outcome in (0, *Outcome)[1:])
    assert all(day.ignored[count] >= 3 for count in range(OPEN))
    figure(f"gate = model on {day.reasons.total():,} decisions: {spoken(day.reasons, Reason)}")


@needs_verilator
@pytest.mark.blocks
def test_a_million_decisions_are_the_models(compiled, figure):
    """As many as TAPEOUT_DECISIONS says, from the seed TAPEOUT_SEED."""
    count = int(os.environ.get("TAPEOUT_DECISIONS", "1000000"))
    seed = int(os.environ.get("TAPEOUT_SEED", "2"))
    print("seed", seed)
    day = decisions(compiled, seed, count)
    figure(f"gate = model on {day.reasons.total():,} decisions: {spoken(day.reasons, Reason)}")
    figure(f"  and {day.reports.total():,} reports: {spoken(day.reports, Outcome)}")


def opened(slots=SLOTS, **limits):
    """Words of control with which everything may leave; then, what the model knows."""
    state, words = State(), []
    limits = {
        "collar": MOST,
        "max_shares": MOST,
        "max_notional": MOST,
        "max_position": 2**31 - 1,
    } | limits
    for slot in range(slots):
        words += [(LIMIT, pack((slot, *Limits(**limits)), SLOT_LIMITS))]
        words += [(QUOTED, pack(Quote(slot, 999_900, 1, 1_000_000, 1), QUOTE))]
        state = limit(quote(state, Quote(slot, 999_900, 1, 1_000_000, 1)), slot, Limits(**limits))
    return state, words


def with_all(state, words, now=0, **limits):
    """The same with limits of all orders."""
    new = GlobalLimits(**({"max_gross": MOST, "rate_cycles": 1, "rate_burst": 255} | limits))
    return limit_all(state, new, now), [*words, (ALL, pack(new, GLOBAL_LIMITS))]


def streams(**words):
    """Rows of each stream that is named."""
    return {name: packed(sent, sum(TABLES[name].values())) for name, sent in words.items()}


@needs_verilator
@pytest.mark.parametrize("when", range(400, 400 + CYCLES))
def test_the_switch_closes_the_gate_in_the_next_cycle_under_full_load(compiled, when):
    """Orders stand in line at `i`, and one leaves every tenth cycle until the switch rises."""
    _, words = with_all(*opened())
    control = [pack(word, CONTROL) for word in (*words, (KILL, 1))]
    intents = [
        Intent(Action.ENTER, k % 2, k // 2 % SLOTS, k, 0, 1, PRICES[k % 2]) for k in range(1, 200)
    ]
    due = np.array([*range(len(words)), when], np.uint64)
    sent = streams(control=control, i=[pack(one, INTENT) for one in intents])
    first = np.full(len(intents), 50, np.uint64)
    with compiled.session(asked=True) as session:
        played = session.play(sent, due={"control": due, "i": first})
    rises, left = when + 1, played.outputs["order"].shown.tolist()
    assert rises - CYCLES < max(left) <= rises
    assert len(left) == 1 + (rises - min(left)) // CYCLES
    reasons = [word >> sum(INTENT.values()) for word in played.outputs["o"].payloads()]
    assert reasons == [Reason.ACCEPTED] * len(left) + [Reason.KILLED] * (199 - len(left))
    taken = played.inputs["i"].taken
    assert (np.diff(taken) == CYCLES).all()
    assert (played.outputs["o"].shown - taken == LATENCY).all()
    assert played.plain["killed"]


@needs_verilator
@pytest.mark.parametrize("pause", [0.2, 0.7])
def test_outputs_held_back_change_no_decision(compiled, pause):
    """Nor the cycles from an intent to its decision; what stands there stands."""
    rng = random.Random(8)
    state, words = with_all(*opened(max_position=12))
    expected, intents = [], []
    for number in range(1, 400):
        side, slot, what = rng.randrange(2), rng.randrange(SLOTS), rng.choice([1, 1, 1, 2, 2, 3])
        old = [order.number for order in state.slots[slot].open[side]] or [number]
        one = Intent(what, side, slot, number, rng.choice(old), rng.randrange(1, 6), PRICES[side])
        reason, state = decide(state, one, 1000 * number)
        expected.append(pack((*one, reason), DECISION))
        intents.append(pack(one, INTENT))
    sent = streams(control=[pack(word, CONTROL) for word in words], i=intents)
    due = {"i": np.full(len(intents), 400, np.uint64)}
    played = compiled.play(sent, due=due, pause=pause, seed=3)
    assert played.outputs["o"].payloads() == expected
    met = {word >> sum(INTENT.values()) for word in expected}
    assert met == {Reason.ACCEPTED, Reason.UNKNOWN, Reason.OPEN_ORDERS, Reason.POSITION}
    assert (played.outputs["o"].shown - played.inputs["i"].taken == LATENCY).all()


@needs_verilator
@pytest.mark.parametrize("behind", range(LATENCY + 5))
def test_a_reset_in_any_cycle_of_a_decision_forgets_everything(compiled, behind):
    """The same order may leave again, though one token, one order and its shares are the limit."""
    limits = {"rate_cycles": MOST, "rate_burst": 1, "repeat_cycles": MOST, "max_gross": 153}
    _, words = with_all(*opened(max_position=10), **limits)
    again = [word for word in words if word[0] != ALL]
    at = 100
    control = [*words, (RESET, 0), *again]
    due = [*range(len(words)), at + behind, *range(at + behind + 1, at + behind + 1 + len(again))]
    order = Intent(Action.ENTER, 0, 5, 7, 0, 10, 1_000_000)
    sent = streams(control=[pack(word, CONTROL) for word in control], i=[pack(order, INTENT)] * 3)
    times = {"control": np.array(due, np.uint64), "i": np.array([at, at + 90, at + 110], np.uint64)}
    with compiled.session(asked=True) as session:
        played = session.play(sent, due=times)
    shown = [pack((*order, reason), DECISION) for reason in (Reason.ACCEPTED, Reason.DUPLICATE)]
    assert played.outputs["o"].payloads() == shown[:1] * (behind >= LATENCY) + shown
    assert len(played.outputs["order"].payloads()) == 1 + (behind >= LATENCY)


@needs_verilator
def test_after_the_reset_nothing_may_leave(compiled):
    """Neither the limits of a slot nor those of all orders are there."""
    order = Intent(Action.ENTER, 0, 5, 7, 0, 1, 1)
    told = (QUOTED, pack(Quote(5, 1, 1, 2, 1), QUOTE))
    sent = streams(control=[pack(told, CONTROL)], i=[pack(order, INTENT)] * 2)
    played = compiled.play(sent, due={"i": np.array([0, 50], np.uint64)}, asked=True)
    reasons = [word >> sum(INTENT.values()) for word in played.outputs["o"].payloads()]
    assert reasons == [Reason.COLLAR, Reason.SIZE]
    assert not played.outputs["order"].payloads()


class InOrder(wiring.Component):
    """All in one stream, so that every engine plays it in one order whatever the pauses."""

    i: In(stream.Signature(data.StructLayout(CONTROL)))
    o: Out(stream.Signature(data.StructLayout(DECISION)))
    order: Out(stream.Signature(data.StructLayout(INTENT)))

    def elaborate(self, platform):
        m = Module()
        m.submodules.gate = gate = Driven()
        wiring.connect(m, gate.o, wiring.flipped(self.o))
        wiring.connect(m, gate.order, wiring.flipped(self.order))
        kind, word = self.i.payload.kind, self.i.payload.word
        controls = (kind != INTENDED) & (kind != REPORTED)
        m.d.comb += [
            Value.cast(gate.control.payload).eq(self.i.payload),
            gate.control.valid.eq(self.i.valid & controls),
            Value.cast(gate.i.payload).eq(word),
            gate.i.valid.eq(self.i.valid & (kind == INTENDED)),
            Value.cast(gate.report.payload).eq(word),
            gate.report.valid.eq(self.i.valid & (kind == REPORTED)),
            self.i.ready.eq(
                Mux(kind == INTENDED, gate.i.ready, Mux(kind == REPORTED, gate.report.ready, 1))
            ),
        ]
        return m


@pytest.mark.blocks
@pytest.mark.every_engine
@pytest.mark.parametrize("engine", engines())
def test_every_engine_says_the_same(engine):
    if engines()[engine] != READY:
        pytest.skip(f"{engine}: {engines()[engine]}")
    day = Day(8, errors=False)
    state, words = with_all(*opened())
    expected, left = [], []
    for number in range(1, 150):
        day.state, day.past = state, []
        told = day._report() if number % 3 == 0 else None
        if told:
            words, state = [*words, (REPORTED, pack(told, REPORT))], report(state, told)
        one = day._wanted()
        reason, state = decide(state, one, 1000 * number)
        words = [*words, (INTENDED, pack(one, INTENT))]
        expected.append(pack((*one, reason), DECISION))
        left += [] if reason else [pack(one, INTENT)]
    sent = {"i": [pack(word, CONTROL) for word in words]}
    for pause in (0.0, 0.4):
        out = play_streams(InOrder(), sent, engine=engine, seed=4, pause=pause)
        assert out == {"o": expected, "order": left}
    assert len(left) > 20


@pytest.mark.parametrize(("every", "burst"), [(2, 1), (9, 3), (10, 1), (11, 2), (37, 4), (3, 0)])
def test_tokens_come_back_one_by_one(every, burst):
    """Each so many cycles behind the one before it, or behind when it was spent."""
    rng, bucket, back = random.Random(f"{every} {burst}"), Bucket(), []

    async def bench(ctx):
        ctx.set(bucket.every, every)
        ctx.set(bucket.burst, burst)
        await ctx.tick().repeat(4)
        last = -CYCLES
        for cycle in range(3000):
            out = sum(one > cycle for one in back)
            assert ctx.get(bucket.spare) == (out < burst)
            spends = out < burst and cycle >= last + CYCLES and rng.random() < 0.7
            ctx.set(bucket.spend, spends)
            if spends:
                last = cycle
                back.append((back[-1] if out else cycle) + every)
            await ctx.tick()

    simulator = Simulator(bucket)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert bool(back) == bool(burst)
    assert len(back) in range(50, 400) or not burst
