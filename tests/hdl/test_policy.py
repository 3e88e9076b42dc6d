"""The policy quotes where the microprice leans to; gateware and model ask for the same orders."""

import random
import secrets
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.hdl.itch.layout import pack
from tapeout.hdl.policy.layout import DEFAULTS, MOST_NUMBERS, THRESHOLD_FRACTION
from tapeout.hdl.policy.model import BUY, SELL, Policy, signal, usable
from tapeout.hdl.pretrade.layout import INTENT, QUOTE, REPORT, SLOTS, Action, Outcome, Reason
from tapeout.hdl.pretrade.model import Intent, Quote, Report
from tapeout.sim.engine import READY, engines, play_streams

ENGINES = engines()
LATENCY = 6
BIDDEN = Quote(3, 100, 900, 200, 100)  # the microprice is 40 ticks above the midprice
OFFERED = Quote(3, 100, 100, 200, 900)
EVEN = Quote(3, 100, 500, 200, 500)
TICKS_40 = 40 << THRESHOLD_FRACTION


@given(*[st.integers(1, 100_000) for _ in range(4)], st.integers(0, 1 << 18))
def test_the_signal_is_the_microprice_less_the_midprice(bid, ask, bid_lots, ask_lots, threshold):
    if bid == ask or max(bid, ask) - min(bid, ask) >= 1 << 18:
        return
    quote = Quote(0, min(bid, ask), bid_lots, max(bid, ask), ask_lots)
    micro = Fraction(quote.bid * ask_lots + quote.ask * bid_lots, bid_lots + ask_lots)
    away = micro - Fraction(quote.bid + quote.ask, 2)
    limit = Fraction(threshold, 1 << THRESHOLD_FRACTION)
    wanted = BUY if away > 0 and away >= limit else SELL if away < 0 and -away >= limit else None
    assert signal(quote, threshold) == wanted


def test_at_the_threshold_it_is_signalled_and_above_it_is_not():
    assert [signal(quote, TICKS_40) for quote in (BIDDEN, OFFERED, EVEN)] == [BUY, SELL, None]
    assert [signal(quote, TICKS_40 + 1) for quote in (BIDDEN, OFFERED)] == [None, None]


def test_a_side_that_is_empty_crossed_or_stale_is_not_usable():
    assert usable(BIDDEN)
    for wrong in (
        {"bid": 0},
        {"bid_lots": 0},
        {"ask_lots": 0},
        {"ask": 100},
        {"ask": 0},
        {"stale": 1},
    ):
        assert not usable(BIDDEN._replace(**wrong))


def accepted(*quotes, policy=None):
    """A policy whose intents about these quotes were all accepted, and the intents."""
    policy = policy or Policy(threshold=TICKS_40, shares=70, cooldown=10)
    asked = []
    for quote in quotes:
        asked += [policy.evaluate(quote, True, 0)]
        if asked[-1]:
            policy.decide(Reason.ACCEPTED, 0)
    return policy, asked


def test_it_joins_the_side_that_is_signalled_once():
    assert accepted(EVEN, BIDDEN, BIDDEN)[1] == [
        None,
        Intent(Action.ENTER, BUY, 3, 1, 0, 70, 100),
        None,
    ]
    assert accepted(OFFERED)[1] == [Intent(Action.ENTER, SELL, 3, 1, 0, 70, 200)]


def test_it_follows_the_best_price_with_what_is_left_and_leaves_when_the_signal_turns():
    policy, _ = accepted(BIDDEN)
    assert policy.report(Report(Outcome.EXECUTED, 1, 0, 30, 100), 0)
    higher = BIDDEN._replace(bid=101)
    moved = policy.evaluate(higher, True, 0)
    assert moved == Intent(Action.REPLACE, BUY, 3, 2, 1, 40, 101)
    policy.decide(Reason.ACCEPTED, 0)
    assert policy.evaluate(OFFERED, True, 0) is None  # the exchange has not answered
    assert policy.report(Report(Outcome.REPLACED, 2, 1, 40, 101), 0)
    assert policy.evaluate(higher._replace(bid_lots=500, ask_lots=500), True, 0) is None
    gone = Intent(Action.CANCEL, BUY, 3, 3, 2, 40, 101)
    assert policy.evaluate(OFFERED, True, 0) == gone
    policy.decide(Reason.ACCEPTED, 0)
    assert policy.evaluate(OFFERED, True, 0) is None
    assert policy.report(Report(Outcome.LEFT, 2), 0)
    assert policy.evaluate(OFFERED, True, 0).action == Action.ENTER


@pytest.mark.parametrize("how", [{"stale": 1}, {"bid": 0}, {"ask": 0}])
def test_it_leaves_when_the_quote_is_not_usable_or_it_may_not_trade(how):
    policy, _ = accepted(BIDDEN)
    gone = Intent(Action.CANCEL, BUY, 3, 2, 1, 70, 100)
    assert policy.evaluate(BIDDEN._replace(**how), True, 0) == gone
    assert accepted(BIDDEN)[0].evaluate(BIDDEN, False, 0) == gone
    assert Policy().evaluate(BIDDEN, False, 0) is None


def test_what_was_refused_is_not_asked_again_before_the_cooldown_is_over():
    policy = Policy(threshold=TICKS_40, cooldown=10)
    assert policy.evaluate(BIDDEN, True, 5).number == 1
    policy.decide(Reason.RATE, 7)
    assert policy.evaluate(BIDDEN, True, 16) is None
    assert policy.evaluate(BIDDEN, True, 17).number == 2
    policy.decide(Reason.ACCEPTED, 18)
    assert policy.evaluate(BIDDEN._replace(bid=101), True, 20).action == Action.REPLACE
    policy.decide(Reason.COLLAR, 22)
    assert policy.evaluate(BIDDEN._replace(bid=102), True, 30) is None
    assert policy.evaluate(OFFERED, True, 30).action == Action.CANCEL  # does not wait
    policy.decide(Reason.RATE, 31)
    assert policy.evaluate(OFFERED, True, 40) is None
    assert policy.evaluate(OFFERED, True, 41).action == Action.CANCEL


def test_an_order_that_the_exchange_refuses_or_does_not_move_is_known():
    policy, _ = accepted(BIDDEN)
    assert policy.report(Report(Outcome.LEFT, 1), 5)
    assert policy.evaluate(BIDDEN, True, 14) is None
    assert policy.evaluate(BIDDEN, True, 15).number == 2
    policy.decide(Reason.ACCEPTED, 15)
    assert policy.evaluate(BIDDEN._replace(bid=101), True, 16).replaces == 2
    policy.decide(Reason.ACCEPTED, 17)
    assert policy.report(Report(Outcome.LEFT, 3), 18)  # the replacement was refused
    assert policy.orders[3].number == 2
    assert not policy.report(Report(Outcome.LEFT, 3), 19)


def test_near_the_end_of_its_numbers_it_only_cancels():
    policy, _ = accepted(BIDDEN)
    policy.number = MOST_NUMBERS
    assert policy.evaluate(BIDDEN._replace(bid=101), True, 0) is None
    assert policy.evaluate(BIDDEN._replace(slot=4), True, 0) is None
    assert policy.evaluate(OFFERED, True, 0).number == MOST_NUMBERS


HEARD = {"quote": sum(QUOTE.values()), "trade": 1}
#: A report as the bench is fed: of the last accepted intent of a slot, `older`: of the order that
#: intent replaces, `theirs`: of an order that is not the policy's.
RUMOUR = {"outcome": 2, "slot": 4, "older": 1, "theirs": 1, "shares": 32, "price": 32}
TRACE = {
    "evaluated": 1, "trade": 1, "settled": 1, "applied": 1, "missed": 1, "asked": 1, "reason": 4,
    "cycle": 32, "quote": sum(QUOTE.values()), "report": sum(REPORT.values()),
    "intent": sum(INTENT.values()),
}  # fmt: skip


def traced():
    """The policy with a gate that refuses some intents, and all that it does as a stream."""
    from amaranth.hdl import Cat, Module, Mux, Signal, Value
    from amaranth.lib import data, fifo, stream, wiring
    from amaranth.lib.wiring import In, Out

    from tapeout.hdl.policy.gateware import Policy as Gateware

    class Traced(wiring.Component):
        heard: In(stream.Signature(data.StructLayout(HEARD)))
        rumours: In(stream.Signature(data.StructLayout(RUMOUR)))
        o: Out(stream.Signature(sum(TRACE.values())))
        threshold: In(18, init=1 << THRESHOLD_FRACTION)
        cooldown: In(24, init=60)

        def elaborate(self, platform):
            m = Module()
            m.submodules.policy = policy = Gateware()
            width = sum(TRACE.values())
            m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=width, depth=256)
            cycle, trade, room = Signal(32), Signal(), queue.level < 64
            m.d.sync += cycle.eq(cycle + 1)
            came = self.heard.valid & self.heard.ready
            with m.If(came):
                m.d.sync += trade.eq(self.heard.payload.trade)
            m.d.comb += [
                self.heard.ready.eq(room),
                Value.cast(policy.quote).eq(self.heard.payload.quote),
                policy.quote_valid.eq(came),
                policy.trade.eq(trade),
                policy.threshold.eq(self.threshold),
                policy.cooldown.eq(self.cooldown),
                policy.shares.eq(90),
                policy.o.ready.eq(room),
            ]
            asked = policy.o.valid & policy.o.ready
            intents = [Signal.like(policy.o.payload.as_value(), name=f"late{k}") for k in range(3)]
            late, names, taken = Signal(3), Signal(68), Signal(4)
            m.d.sync += [late.eq(Cat(asked, late)), intents[0].eq(policy.o.payload)]
            m.d.sync += [intents[k].eq(intents[k - 1]) for k in (1, 2)]
            number, price = intents[2][7:39], intents[2][-32:]
            mix, reason = number[:4] ^ number[4:8] ^ price[:4], Signal(4)
            m.d.comb += [
                reason.eq(Mux(mix == 3, Reason.UNKNOWN, Mux(mix[:3] == 5, Reason.RATE, 0))),
                Value.cast(policy.decision).eq(Cat(intents[2], reason)),
                policy.decision_valid.eq(late[2]),
            ]
            with m.If(late[2]):  # no exchange answers within four cycles
                m.d.sync += names.eq(Cat(intents[2][3:7], number, intents[2][39:71]))
            m.d.sync += taken.eq(Cat(late[2] & (reason == 0), taken))
            self._report(m, policy, names, taken[-1], room)
            said = Signal(4)
            m.d.sync += said.eq(reason)
            flags = [policy.evaluated, policy.traded, policy.settled, policy.applied, policy.missed]
            words = [asked, said, cycle, policy.seen, policy.told, policy.o.payload]
            m.d.comb += [
                queue.w_data.eq(Cat(*flags, *words)),
                queue.w_en.eq(Cat(flags[0], flags[2:], asked).any()),
                self.o.payload.eq(queue.r_data),
                self.o.valid.eq(queue.r_rdy),
                queue.r_en.eq(self.o.ready),
            ]
            return m

        def _report(self, m, policy, names, accepted, room):
            """A report of the last intent of a slot that was accepted."""
            last = [Signal(64, name=f"last{slot}") for slot in range(SLOTS)]
            rumour, pair = self.rumours.payload, Signal(64)
            for slot in range(SLOTS):
                with m.If(accepted & (names[:4] == slot)):
                    m.d.sync += last[slot].eq(names[4:])
                with m.If(rumour.slot == slot):
                    m.d.comb += pair.eq(last[slot])
            number = Mux(rumour.older, pair[32:], pair[:32]) | rumour.theirs << 31
            m.d.comb += [
                policy.report.valid.eq(self.rumours.valid & room),
                self.rumours.ready.eq(policy.report.ready & room),
                policy.report.payload.outcome.eq(rumour.outcome),
                policy.report.payload.number.eq(number),
                policy.report.payload.replaces.eq(pair[32:]),
                policy.report.payload.shares.eq(rumour.shares),
                policy.report.payload.price.eq(rumour.price),
            ]

    return Traced()


def heard(seed, count):
    """Quotes of which many lean one way or the other, and whether trading is on."""
    rng, trade, out = random.Random(seed), 1, []
    for _ in range(count):
        bid, lots = rng.choice([100, 101, 102, 1 << 30]), [1, 90, 1000, (1 << 17) + 5, 1 << 31]
        fields = [bid, rng.choice(lots), bid + rng.choice([1, 4, 4, 9, 1 << 18]), rng.choice(lots)]
        slot = rng.choice([rng.randrange(SLOTS), 3, 4, 9])
        if rng.random() < 0.8:  # most lean as their slot does
            fields[1::2] = sorted(fields[1::2], reverse=slot % 2 == 0)
        for place in range(4):
            fields[place] *= rng.random() > 0.01
        trade ^= rng.random() < (0.002 if trade else 0.1)
        quote = Quote(slot, *fields, rng.random() < 0.02)
        out.append(pack((pack(quote, QUOTE), trade), HEARD))
    return out


def rumours(seed, count):
    """Reports of the last intents, most of them of the slots that have most quotes."""
    rng, slots = random.Random(seed), [*range(SLOTS), *[3, 4, 9] * 8]
    return [
        pack(
            (
                rng.choice([*Outcome, Outcome.EXECUTED]), rng.choice(slots),
                rng.random() < 0.5, rng.random() < 0.1, rng.choice([0, 1, 30, 90, 1 << 31]),
                rng.choice([100, 101]),
            ),
            RUMOUR,
        )
        for _ in range(count)
    ]  # fmt: skip


def unpacked(word, table):
    """The fields of a word."""
    fields = {}
    for name, bits in table.items():
        fields[name], word = word & (1 << bits) - 1, word >> bits
    return fields


def replayed(words):
    """Hold everything that the gateware did to the model; how often what happened."""
    policy, due, counts = Policy(1 << THRESHOLD_FRACTION, 90, 60), None, {}
    seen = {}
    for place, word in enumerate(words):
        did = unpacked(word, TRACE)
        now, report = did["cycle"], Report(**unpacked(did["report"], REPORT))
        happened = []
        if did["evaluated"]:
            assert due is None, place
            quote = Quote(**unpacked(did["quote"], QUOTE))
            due = policy.evaluate(quote, bool(did["trade"]), now)
            seen[quote.slot] = quote, did["trade"]
            happened += ["evaluated"]
        if did["asked"]:
            asked = Intent(**unpacked(did["intent"], INTENT))
            assert asked == due, f"{place}: {asked}, not {due}"
            happened += [Action(asked.action).name]
        if did["settled"]:
            policy.decide(did["reason"], now)
            happened += [Reason(did["reason"]).name]
            due = None
        if did["applied"]:
            assert policy.report(report, now), place
            happened += [Outcome(report.outcome).name]
        if did["missed"]:
            assert not policy.report(report, now), place
            happened += ["missed"]
        for what in happened:
            counts[what] = counts.get(what, 0) + 1
    assert due is None
    return counts, seen


WHAT = {
    "evaluated", "missed", *(action.name for action in Action), *(one.name for one in Outcome),
    "ACCEPTED", "UNKNOWN", "RATE",
}  # fmt: skip


def check(words, sent, least):
    """All that was done is the model's, everything happened, and every slot's newest is seen."""
    counts, seen = replayed(words)
    print(counts)
    assert {what for what, count in counts.items() if count >= least} == WHAT
    newest = {}
    for word in sent:
        told = unpacked(word, HEARD)
        quote = Quote(**unpacked(told["quote"], QUOTE))
        newest[quote.slot] = quote
    trade = unpacked(sent[-1], HEARD)["trade"]
    assert seen == {slot: (quote, trade) for slot, quote in newest.items()}


@pytest.mark.rtl
def test_it_asks_for_what_the_model_asks():
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    words = {"heard": heard(seed, 3_000), "rumours": rumours(seed, 900)}
    out = play_streams(traced(), words, engine="amaranth", seed=seed, pause=0.5, patience=200)["o"]
    check(out, words["heard"], 1)


@pytest.mark.rtl
@pytest.mark.blocks
@pytest.mark.parametrize("pause", [0.0, 0.3, 0.9])
def test_over_a_hundred_thousand_quotes_it_asks_for_what_the_model_asks(pause):
    if ENGINES["verilator"] != READY:
        pytest.skip(f"verilator: {ENGINES['verilator']}")
    from tapeout.sim.bench.compiled import Model as Compiled
    from tapeout.sim.bench.compiled import packed

    seed = secrets.randbits(32)
    print(f"seed {seed}")
    sent = {"heard": heard(seed, 100_000), "rumours": rumours(seed, 30_000)}
    rows = {"heard": packed(sent["heard"], sum(HEARD.values()))}
    rows["rumours"] = packed(sent["rumours"], sum(RUMOUR.values()))
    played = Compiled(traced()).play(rows, seed=seed, pause=pause, patience=200)
    check(played.outputs["o"].payloads(), sent["heard"], 20)


def shown(quotes, length, trade=1):
    """The cycles in which an intent is shown and a quote evaluated; quotes come in these cycles."""
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    from tapeout.hdl.policy.gateware import Policy as Gateware

    policy, asked, evaluated = Gateware(), [], []

    async def bench(ctx):
        ctx.set(policy.trade, trade)
        ctx.set(policy.threshold, TICKS_40)
        for cycle in range(length):
            ctx.set(policy.quote_valid, cycle in quotes)
            ctx.set(Value.cast(policy.quote), pack(quotes[cycle], QUOTE) if cycle in quotes else 0)
            if ctx.get(policy.o.valid):
                asked.append((cycle, ctx.get(policy.o.payload.price)))
            if ctx.get(policy.evaluated):
                evaluated.append((cycle, ctx.get(policy.seen.slot), ctx.get(policy.seen.bid)))
            await ctx.tick()

    simulator = Simulator(policy)
    simulator.add_clock(6.4e-9)
    simulator.add_testbench(bench)
    simulator.run()
    return asked, evaluated


@pytest.mark.rtl
def test_an_intent_is_out_six_cycles_after_its_quote():
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    start = 8  # after the change of `trade`
    asked, evaluated = shown({start: BIDDEN}, start + 10)
    assert evaluated == [(start + 1, 3, 100)]
    assert asked == [(start + LATENCY + k, 100) for k in range(4)]


@pytest.mark.rtl
def test_of_quotes_that_come_too_fast_the_newest_of_each_slot_is_evaluated():
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    quotes = {
        10 + k: EVEN._replace(slot=slot, bid=100 + k)
        for k, slot in enumerate([2, 3, 3, 1, 3, 9, 1])
    }
    _, evaluated = shown(quotes, 60)
    assert [pair for _, *pair in evaluated] == [[2, 100], [3, 104], [9, 105], [1, 106]]
    assert [cycle for cycle, *_ in evaluated] == [11, 17, 23, 29]


@pytest.mark.rtl
@pytest.mark.parametrize("threshold", [0, 1, TICKS_40, (1 << 18) - 1])
def test_every_lean_is_judged_as_the_model_judges_it(threshold):
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    from tapeout.hdl.microprice.gateware import LATENCY as CYCLES
    from tapeout.hdl.microprice.gateware import Microprice

    seed = secrets.randbits(32)
    print(f"seed {seed}")
    rng, part, said = random.Random(seed), Microprice(), []
    quotes = [BIDDEN, OFFERED, EVEN]
    sizes = [0, 1, 2, 100, 900, (1 << 17) - 1, 1 << 17, 1 << 31, (1 << 32) - 1]
    for _ in range(1_000):
        bid, lots = rng.choice([0, 100, 1 << 31, rng.getrandbits(32)]), rng.choices(sizes, k=2)
        ask = bid + rng.choice([0, 1, 100, (1 << 18) - 1, 1 << 18, 1 << 30, -1, rng.getrandbits(9)])
        quotes.append(Quote(0, bid, lots[0], ask % (1 << 32), lots[1], rng.random() < 0.05))

    async def bench(ctx):
        ctx.set(part.threshold, threshold)
        for quote in [*quotes, *[EVEN] * CYCLES]:
            ctx.set(Value.cast(part.quote), pack(quote, QUOTE))
            said.append((ctx.get(part.usable), ctx.get(part.buy), ctx.get(part.sell)))
            await ctx.tick()

    simulator = Simulator(part)
    simulator.add_clock(6.4e-9)
    simulator.add_testbench(bench)
    simulator.run()
    for quote, got in zip(quotes, said[CYCLES:], strict=True):
        side = signal(quote, threshold) if usable(quote) else None
        assert got == (usable(quote), side == BUY, side == SELL), quote


def test_what_it_starts_with_is_the_layouts():
    policy = Policy()
    assert {name: getattr(policy, name) for name in DEFAULTS} == DEFAULTS
