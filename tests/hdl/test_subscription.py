"""Which instruments are listened to: what the host says and what the directory teaches."""

import gc
import random

import pytest

from tapeout.hdl.subscription.layout import ENTRY

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.sim import Simulator

from tapeout.hdl.subscription.gateware import WRITING, Subscription

pytestmark = pytest.mark.rtl
LOCATES, INSTRUMENTS = 32, 4


def simulate(component, *benches):
    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    for bench in benches:
        simulator.add_testbench(bench)
    simulator.run()


async def ask(ctx, it, locate, symbol=None):
    """The answer to one question, two cycles after it: the instrument, or None."""
    while not ctx.get(it.ready):
        await ctx.tick()
    ctx.set(it.locate, locate)
    ctx.set(it.asked, 1)
    ctx.set(it.directory, symbol is not None)
    ctx.set(it.symbol, symbol or 0)
    await ctx.tick()
    ctx.set(it.asked, 0)
    await ctx.tick()
    return ctx.get(it.instrument) if ctx.get(it.subscribed) else None


async def say(ctx, it, locate, instrument, subscribed=1):
    for name, value in zip(ENTRY, (locate, instrument, subscribed), strict=True):
        ctx.set(it.i.payload[name], value)
    ctx.set(it.i.valid, 1)
    await ctx.tick().until(it.i.ready)
    ctx.set(it.i.valid, 0)


def test_answers_are_those_of_a_dictionary():
    it, rng = Subscription(LOCATES, INSTRUMENTS), random.Random(3)

    async def bench(ctx):
        known = {}
        for _ in range(300):
            locate = rng.randrange(LOCATES + 4)
            if rng.random() < 0.3:
                instrument, subscribed = rng.randrange(INSTRUMENTS), rng.random() < 0.7
                await say(ctx, it, locate, instrument, subscribed)
                known[locate] = instrument if subscribed and locate < LOCATES else None
            assert await ask(ctx, it, locate) == known.get(locate)
        assert len({i for i in known.values() if i is not None}) == INSTRUMENTS

    simulate(it, bench)


def test_questions_come_every_cycle():
    it = Subscription(LOCATES, INSTRUMENTS)
    asked, answers = [5, 6, 5, 7, 40, 6], []

    async def bench(ctx):
        await say(ctx, it, 5, 1)
        await say(ctx, it, 6, 2)
        for locate in [*asked, 0, 0]:
            ctx.set(it.locate, locate)
            answers.append(ctx.get(it.instrument) if ctx.get(it.subscribed) else None)
            await ctx.tick()

    simulate(it, bench)
    assert answers[2:] == [1, 2, 1, None, None, 2]


def test_directory_messages_take_the_free_instruments_in_order():
    it = Subscription(LOCATES, INSTRUMENTS)

    async def bench(ctx):
        assert await ask(ctx, it, 9, symbol=0xAA) is None  # learning is off
        ctx.set(it.learn, 1)
        for turn, locate in enumerate((9, 3, 9, 30, 7, 11)):
            await ask(ctx, it, locate, symbol=100 + turn)
        assert [await ask(ctx, it, locate) for locate in (9, 3, 30, 7, 11)] == [0, 1, 2, 3, None]
        assert (ctx.get(it.learned), ctx.get(it.refused)) == (INSTRUMENTS, 1)
        for instrument, symbol in enumerate((100, 101, 103, 104)):
            ctx.set(it.shown, instrument)
            await ctx.tick().repeat(2)
            assert ctx.get(it.shown_symbol) == symbol

    simulate(it, bench)


def test_the_question_behind_a_directory_message_finds_what_it_taught():
    it = Subscription(LOCATES, INSTRUMENTS)

    async def bench(ctx):
        ctx.set(it.learn, 1)
        assert await ask(ctx, it, 9, symbol=1) is None
        waited = 0
        while not ctx.get(it.ready):
            await ctx.tick()
            waited += 1
        assert waited <= WRITING
        assert await ask(ctx, it, 9) == 0

    simulate(it, bench)


def test_what_is_listed_is_told():
    it, told = Subscription(LOCATES, INSTRUMENTS), []

    async def listener(ctx):
        async for _, _, listed, entry in ctx.tick().sample(it.listed, it.entry):
            if listed:
                told.append((entry.locate, entry.instrument, entry.subscribed))

    async def bench(ctx):
        await say(ctx, it, 5, 3)
        ctx.set(it.learn, 1)
        await ask(ctx, it, 8, symbol=1)
        await ctx.tick().repeat(8)

    simulator = Simulator(it)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.add_process(listener)
    simulator.run()
    assert told == [(5, 3, 1), (8, 0, 1)]


def test_reset_forgets_everything():
    from amaranth.hdl import ResetInserter, Signal

    it, reset = Subscription(LOCATES, INSTRUMENTS), Signal()

    async def bench(ctx):
        ctx.set(it.learn, 1)
        await say(ctx, it, 5, 3)
        await ask(ctx, it, 8, symbol=1)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        assert not ctx.get(it.ready)
        assert [await ask(ctx, it, locate) for locate in (5, 8)] == [None, None]
        assert ctx.get(it.learned) == 0

    simulate(ResetInserter(reset)(it), bench)


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_parameters_are_checked():
    with pytest.raises(ValueError, match="locates must be a power of two up to 65536; got 12"):
        Subscription(12)
    gc.collect()  # Amaranth warns of components that nobody used, and here is the place for that
