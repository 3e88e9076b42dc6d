"""Register slices and small FIFOs keep what they are given, in order, and say how much it is."""

import random

import pytest

from tapeout.sim.engine import READY, engines, play

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from tapeout.hdl.elastic.gateware import Slice, SmallFifo

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
ENGINES = engines()
ITEM = data.StructLayout({"low": 20, "high": 21})
PARTS = {
    "slice": lambda: Slice(ITEM),
    "fifo of 4": lambda: SmallFifo(ITEM, depth=4),
    "fifo of 16": lambda: SmallFifo(ITEM, depth=16),
    "fifo, half of it early": lambda: SmallFifo(ITEM, depth=4, early={"high"}),
}


class Two(wiring.Component):
    """A FIFO behind a slice: what waits in one is fed by what waits in the other."""

    i: In(stream.Signature(ITEM))
    o: Out(stream.Signature(ITEM))

    def elaborate(self, platform):
        m = Module()
        m.submodules.first = first = Slice(ITEM)
        m.submodules.second = second = SmallFifo(ITEM, depth=4)
        wiring.connect(m, wiring.flipped(self.i), first.i)
        wiring.connect(m, first.o, second.i)
        wiring.connect(m, second.o, wiring.flipped(self.o))
        return m


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


@pytest.mark.every_engine
@pytest.mark.parametrize("part", [*PARTS, "both"])
def test_all_come_out_in_order(engine, part):
    rng = random.Random(5)
    items = [rng.getrandbits(41) for _ in range(300)]
    for pause in (0.0, 0.4):
        component = Two() if part == "both" else PARTS[part]()
        assert play(component, items, engine=engine, seed=9, pause=pause) == items


def cycles(component, offers, takes):
    """What stream `o` and the level show in each cycle; `offers` and `takes` are bits a cycle."""
    seen, sent = [], 0

    async def bench(ctx):
        nonlocal sent
        for offer, take in zip(offers, takes, strict=True):
            ctx.set(component.i.valid, offer)
            ctx.set(component.i.payload.low, sent + 1)
            ctx.set(component.o.ready, take)
            put, shown = ctx.get(component.i.ready) & offer, ctx.get(component.o.valid)
            item = ctx.get(component.o.payload.low) if shown else None
            level = ctx.get(component.level) if hasattr(component, "level") else None
            seen.append((put, item, level))
            sent += put
            await ctx.tick()

    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize("part", PARTS)
def test_latency_is_one_cycle_and_nothing_waits(part):
    seen = cycles(PARTS[part](), [1] * 50, [1] * 50)
    assert [put for put, _, _ in seen] == [1] * 50
    assert [item for _, item, _ in seen] == [None, *range(1, 50)]


def test_a_slice_holds_two_and_ready_does_not_follow_the_other_side():
    seen = cycles(Slice(ITEM), [1] * 7, [0, 0, 0, 1, 1, 1, 1])
    assert [put for put, _, _ in seen] == [1, 1, 0, 0, 1, 1, 1]
    assert [item for _, item, _ in seen] == [None, 1, 1, 1, 2, 3, 4]


@pytest.mark.parametrize("early", [None, {"high"}], ids=["all early", "half early"])
@pytest.mark.parametrize("depth", [4, 8, 16])
def test_a_fifo_holds_as_many_as_its_depth_and_no_more(depth, early):
    seen = cycles(SmallFifo(ITEM, depth, early), [1] * (depth + 5), [0] * (depth + 5))
    assert sum(put for put, _, _ in seen) == depth
    assert seen[-1] == (0, 1, depth)


@pytest.mark.parametrize("early", [None, {"high"}], ids=["all early", "half early"])
@pytest.mark.parametrize("seed", range(3))
def test_level_is_what_came_in_less_what_went_out(seed, early):
    """With runs of offers and of takes, so that full and empty are met many times.

    What went out in the cycle before is still counted.
    """
    rng, offers, takes = random.Random(seed), [], []
    for _ in range(150):
        length, offer, take = rng.randrange(1, 12), rng.random(), rng.random()
        offers += [rng.random() < offer for _ in range(length)]
        takes += [rng.random() < take for _ in range(length)]
    came, went, last, met = 0, 0, 0, set()
    for number, (put, item, level) in enumerate(cycles(SmallFifo(ITEM, 4, early), offers, takes)):
        held = came - went
        assert (level, item) == (held + last, went + 1 if held else None), f"cycle {number}"
        assert put == (offers[number] and held + last < 4)
        met.add(held)
        last = bool(held and takes[number])
        went += last
        came += put
    assert met == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("depth", [2, 12])
def test_a_depth_that_cannot_be_is_refused(depth):
    """Of no object: Amaranth would complain that the one refused is not used."""
    with pytest.raises(ValueError, match=f"^depth must be a power of two, 4 or more; got {depth}$"):
        SmallFifo.__init__(None, ITEM, depth)
