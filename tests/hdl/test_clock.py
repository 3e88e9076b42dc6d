"""The clock says what its model does, three cycles later, whatever is added."""

import random

import pytest

from tapeout.hdl.card.layout import FRACTION, LINE_RATE
from tapeout.hdl.clock.model import Clock as Model
from tapeout.hdl.itch.layout import pack
from tapeout.sim.engine import READY, engines, play

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from tapeout.hdl.clock.gateware import LATENCY, Clock

pytestmark = pytest.mark.rtl
ENGINES = engines()
STEP = {"rate": 32, "adjust": 64, "adjusted": 1}
Step = data.StructLayout(STEP)
DAY_NS = 86_400 * 10**9


class Steps(wiring.Component):
    """The clock goes on one step a word, and tells what it says then; it rests between."""

    i: In(stream.Signature(Step))
    o: Out(stream.Signature(64))

    def elaborate(self, platform):
        m = Module()
        m.submodules.clock = clock = Clock()
        left = self.i.payload
        m.d.comb += clock.rate.eq(0)
        with m.FSM():
            with m.State("STEP"), m.If(self.i.valid):
                m.d.comb += [
                    self.i.ready.eq(1),
                    clock.rate.eq(left.rate),
                    clock.adjust.eq(left.adjust),
                    clock.adjusted.eq(left.adjusted),
                ]
                m.next = "0"
            for k in range(LATENCY):
                with m.State(str(k)):
                    m.next = str(k + 1) if k + 1 < LATENCY else "TELL"
            with m.State("TELL"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(clock.now_ns)]
                with m.If(self.o.ready):
                    m.next = "STEP"
        return m


def steps(seed, count):
    """(rate, adjust, adjusted) of each cycle: rates of all sizes, jumps near every carry."""
    rng = random.Random(seed)
    for _ in range(count):
        rate = rng.choice([LINE_RATE, 0, (1 << 32) - 1, rng.getrandbits(32)])
        size = rng.randrange(64)
        jump = rng.choice([1, -1]) * rng.choice([rng.getrandbits(64) >> size, 1 << size])
        yield rate, jump % (1 << 64), rng.random() < 0.3


def signed(number):
    return number - (1 << 64) if number >> 63 else number


def said(words):
    """The model's after each step."""
    model = Model()
    for rate, jump, jumps in words:
        model.step(rate, signed(jump) if jumps else 0)
        yield model.now_ns


def played(words):
    """`now_ns` and `valid` of the gateware in each cycle."""
    clock, seen = Clock(), []

    async def bench(ctx):
        for rate, jump, jumps in words:
            ctx.set(clock.rate, rate)
            ctx.set(clock.adjust, jump)
            ctx.set(clock.adjusted, jumps)
            seen.append((ctx.get(clock.now_ns), ctx.get(clock.valid)))
            await ctx.tick()

    simulator = Simulator(clock)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_model_three_cycles_later(seed):
    words = list(steps(seed, 700))
    seen = played([*words, *[(0, 0, 0)] * LATENCY])
    assert [now for now, _ in seen[:LATENCY]] == [0] * LATENCY
    assert [now for now, _ in seen[LATENCY:]] == list(said(words))
    assert [valid for _, valid in seen] == [0] * LATENCY + [1] * len(words)


def test_ten_gigabit_cycles_make_a_second():
    """156.25 MHz: 6.4 ns each, of which the rate is off by less than one in ten million."""
    model = Model()
    assert abs(LINE_RATE / (1 << FRACTION) - 6.4) < 6.4e-7
    for _ in range(156_250):
        model.step(LINE_RATE)
    assert abs(model.now_ns - 1_000_000) <= 1
    seen = played([(LINE_RATE, 0, 0)] * (157 + LATENCY))
    assert seen[-1][0] == 1004  # 157 * 6.4 = 1004.8


def test_it_wraps_and_jumps_back():
    words = [(0, (1 << 64) - 5, 1), (5 << FRACTION, 0, 0), (0, DAY_NS, 1), (0, -DAY_NS % 2**64, 1)]
    assert list(said(words)) == [(1 << 64) - 5, 0, DAY_NS, 0]
    seen = played([*words, *[(0, 0, 0)] * LATENCY])
    assert [now for now, _ in seen[LATENCY:]] == [(1 << 64) - 5, 0, DAY_NS, 0]


@pytest.mark.blocks
@pytest.mark.every_engine
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_says_the_same(engine):
    if ENGINES[engine] != READY:
        pytest.skip(f"{engine}: {ENGINES[engine]}")
    words = list(steps(9, 1000))
    sent = [pack(word, STEP) for word in words]
    assert play(Steps(), sent, engine=engine, seed=3, pause=0.2) == list(said(words))
