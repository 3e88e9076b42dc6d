"""The register window answers every read and write as its model does, on every engine."""

import random

import pytest

from tapeout.hdl.card.layout import ERRORS, MAGIC, REGISTERS, STATISTICS, Access
from tapeout.hdl.itch.layout import pack
from tapeout.hdl.registers.layout import ASKED, HALF, OKAY, SHOWN, SLVERR, WHOLE
from tapeout.hdl.registers.model import Registers as Model
from tapeout.sim.engine import READY, engines, play_streams

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from tapeout.hdl.registers.gateware import Registers

pytestmark = pytest.mark.rtl
ENGINES = engines()
READ, WRITE, WORLD = range(3)
#: What a test asks for: kind; where; what; and by how many cycles the address of a write comes
#: before its data (up to 3), or after it (from 4 on), and what was asked for waits.
ASK = {"kind": 2, "at": 12, "value": 32, "strobe": 4, "skew": 3, "wait": 3}
DONE = ("adjust", "reset", *ASKED)
ANSWER = {"value": 32, "resp": 2, "done": len(DONE), "what": 64}
Ask, Answer = data.StructLayout(ASK), data.StructLayout(ANSWER)
COUNTER = 0x01234567  # between neighbours among the counters


class Host(wiring.Component):
    """A bus master that asks one thing at a time, and the card around the registers.

    A word of kind `WORLD` sets what is shown and counted, and what happens for one cycle.
    """

    i: In(stream.Signature(Ask))
    o: Out(stream.Signature(Answer))

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = Registers()
        ask, cycle, going = self.i.payload, Signal(5), Signal()
        world, step = Signal(32), Signal()
        m.d.comb += step.eq(self.i.valid & ~going & ~self.o.valid)
        with m.If(going):
            m.d.sync += cycle.eq(cycle + (cycle != 31))
        with m.If(step):
            m.d.sync += [going.eq(1), cycle.eq(0), self.o.payload.eq(0)]
        early, late = ask.skew[2] & ask.skew[:2].any(), ~ask.skew[2] & ask.skew[:2].any()
        sent = {name: Signal(name=f"sent_{name}") for name in ("aw", "w", "ar")}
        channels = {
            "aw": (part.write_address, (ask.kind == WRITE) & (~early | (cycle >= ask.skew[:2]))),
            "w": (part.write_data, (ask.kind == WRITE) & (~late | (cycle >= ask.skew[:2]))),
            "ar": (part.read_address, ask.kind == READ),
        }
        for name, (channel, offers) in channels.items():
            m.d.comb += channel.valid.eq(going & offers & ~sent[name])
            with m.If(channel.valid & channel.ready):
                m.d.sync += sent[name].eq(1)
        m.d.comb += [
            part.write_address.payload.addr.eq(ask.at),
            part.read_address.payload.addr.eq(ask.at),
            part.write_data.payload.data.eq(ask.value),
            part.write_data.payload.strobe.eq(ask.strobe),
            part.write_response.ready.eq(cycle >= ask.wait),
            part.read_data.ready.eq(cycle >= ask.wait),
            self.i.ready.eq(self.o.valid & self.o.ready),
        ]
        over = Signal()
        m.d.comb += over.eq(
            (part.write_response.valid & part.write_response.ready)
            | (part.read_data.valid & part.read_data.ready)
            | (going & (ask.kind == WORLD))
        )
        read = part.read_data
        with m.If(over):
            m.d.sync += [
                going.eq(0),
                self.o.valid.eq(1),
                self.o.payload.value.eq(Mux(read.valid, read.payload.data, 0)),
                self.o.payload.resp.eq(Mux(read.valid, read.payload.resp, 0)),
                *(one.eq(0) for one in sent.values()),
            ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(part.write_response.valid):
            m.d.sync += self.o.payload.resp.eq(part.write_response.payload.resp)
        self.surround(m, part, ask, world, going & (ask.kind == WORLD))
        self.take(m, part, ask, cycle)
        return m

    def surround(self, m, part, ask, world, now):
        """What the card shows and counts."""
        with m.If(now):
            m.d.sync += world.eq(ask.value)
            m.d.comb += Value.cast(part.happened).eq(ask.at)
        for place, name in enumerate(SHOWN):
            bits = Value.cast(part.shown[name])
            wide = Cat((world + place * COUNTER)[:32], world ^ place)
            m.d.comb += bits.eq(wide[: len(bits)])
        for place, name in enumerate(STATISTICS):
            m.d.comb += part.statistics[name].eq(world - place * COUNTER)

    def take(self, m, part, ask, cycle):
        """What is asked for is taken after a while, and told with the answer."""
        told = self.o.payload
        for place, name in enumerate(DONE):
            if name in ASKED:
                channel = getattr(part, name)
                m.d.comb += channel.ready.eq(cycle >= 8 + ask.wait)
                seen, value = channel.valid & channel.ready, channel.payload
            else:
                seen = part.adjusted if name == "adjust" else part.restart
                value = part.settings.adjust if name == "adjust" else 1
            with m.If(seen):
                m.d.sync += [told.done[place].eq(1), told.what.eq(Value.cast(value))]


def asked(seed, count):
    """Asks of all kinds: registers that are there above all, each at least sometimes."""
    rng = random.Random(seed)
    places = [each.at for each in REGISTERS.values()]
    for _ in range(count):
        kind = rng.choices((READ, WRITE, WORLD), (5, 5, 1))[0]
        at = rng.choice(places) if rng.random() < 0.9 else rng.randrange(0x1000)
        strobe = WHOLE if rng.random() < 0.9 else rng.randrange(WHOLE)
        if kind == WORLD:
            at = rng.randrange(1 << len(ERRORS))
        yield kind, at, rng.getrandbits(32), strobe, rng.randrange(8), rng.randrange(8)


def every(kind):
    """A read or a write of each register, and of its neighbours that are none."""
    for at in sorted({each.at + k for each in REGISTERS.values() for k in (0, 1, 2, 4)}):
        yield kind, at, 0xFFFFFFFF, WHOLE, at % 8, at % 5


def answers(asks):
    """The model's."""
    model = Model()
    world(model, 0)
    for kind, at, value, strobe, _, _ in asks:
        model.done.clear()
        got = 0, OKAY
        if kind == READ:
            got = model.read(at)
        elif kind == WRITE:
            got = 0, model.write(at, value, strobe)
        else:
            world(model, value)
            model.happen(*(name for k, name in enumerate(ERRORS) if at >> k & 1))
        done = sum(1 << DONE.index(name) for name, _ in model.done)
        what = model.done[0][1] if model.done else 0
        yield pack((*got, done, what), ANSWER)


def world(model, value):
    """What `Host.surround` shows."""
    for place, (name, fields) in enumerate(SHOWN.items()):
        bits = fields if isinstance(fields, int) else sum(fields.values())
        wide = (value + place * COUNTER) % (1 << 32) | (value ^ place) << 32
        model.shown[name] = wide & (1 << bits) - 1
    for place, name in enumerate(STATISTICS):
        model.statistics[name] = (value - place * COUNTER) % (1 << 32)


def check(asks, engine, pause=0.0):
    words = [pack(ask, ASK) for ask in asks]
    got = play_streams(
        Host(), {"i": words}, engine=engine, pause=pause, seed=5, settings={}, patience=100
    )["o"]
    expected = list(answers(asks))
    for place, (mine, models) in enumerate(zip(got, expected, strict=False)):
        assert mine == models, f"answer {place}, of {asks[place]}"
    assert len(got) == len(expected)


def test_answers_are_the_models():
    check(list(asked(1, 120)), "amaranth")


@pytest.mark.blocks
@pytest.mark.every_engine
@pytest.mark.parametrize("engine", ENGINES)
def test_answers_are_the_models_on_every_engine(engine):
    if ENGINES[engine] != READY:
        pytest.skip(f"{engine}: {ENGINES[engine]}")
    check(list(asked(2, 1500 if engine == "verilator" else 500)), engine, pause=0.3)


@pytest.mark.blocks
def test_every_address_answers_as_the_table_says():
    """All ones written to each place, then what each reads as."""
    check([*every(WRITE), *every(READ)], "amaranth")
    check([(READ, at, 0, 0, 0, 0) for at in range(0, 0x1000, 4)], "amaranth")


def test_the_table_has_no_two_registers_in_one_place():
    places = [each.at for each in REGISTERS.values()]
    assert len(set(places)) == len(places)
    assert all(at % 4 == 0 and at < 0x1000 for at in places)
    assert all(sum(each.fields.values()) <= 32 for each in REGISTERS.values())
    assert all(each.init >> sum(each.fields.values()) == 0 for each in REGISTERS.values())


def test_the_model_keeps_halves_together_and_counters_of_one_moment():
    model, at = Model(), {name: each.at for name, each in REGISTERS.items()}
    assert model.read(at["magic"]) == (MAGIC, OKAY)
    model.shown["now"] = 0x1_FFFF_FFFF
    assert model.read(at["now_low"]) == (0xFFFF_FFFF, OKAY)
    model.shown["now"] = 0x2_0000_0000
    assert model.read(at["now_high"]) == (1, OKAY)
    model.statistics["gaps"] = 3
    assert model.read(at["statistics_gaps"]) == (0, OKAY)
    assert model.write(at["snapshot"], 1) == OKAY
    model.statistics["gaps"] = 4
    assert model.read(at["statistics_gaps"]) == (3, OKAY)
    assert model.write(at["magic"], 0) == SLVERR
    assert model.write(at["ring_bits"], 8, 0b0111) == SLVERR
    assert model.setting("ring_bits") == 0
    model.happen("gap", "bus")
    assert model.write(at["errors"], 1 << list(ERRORS).index("gap")) == OKAY
    assert model.read(at["errors"]) == (1 << list(ERRORS).index("bus"), OKAY)
    model.write(at["adjust_low"], 0xFFFF_FFFF)
    model.write(at["adjust_high"], 0xFFFF_FFFF)
    assert model.done == [("adjust", (1 << 64) - 1)]
    assert model.read(at["magic"] + 1) == (0, SLVERR)


def by_hand(bench):
    """Run Amaranth's simulator; `bench` drives the bus of the part that it is given."""
    part = Registers()

    async def drive(ctx):
        await bench(ctx, part)

    simulator = Simulator(part)
    simulator.add_clock(1e-8)
    simulator.add_testbench(drive)
    simulator.run()


def test_latency_is_three_cycles_and_what_is_shown_is_of_one_moment():
    async def bench(ctx, part):
        ctx.set(part.shown, {"now": 0x7_FFFF_FFFF})
        ctx.set(part.read_address.valid, 1)
        ctx.set(part.read_address.payload.addr, REGISTERS["now_low"].at)
        assert ctx.get(part.read_address.ready)
        await ctx.tick()
        ctx.set(part.read_address.valid, 0)
        await ctx.tick()
        ctx.set(part.shown, {"now": 0x8_0000_0000})
        assert not ctx.get(part.read_data.valid)
        await ctx.tick()
        assert ctx.get(part.read_data.valid)
        assert ctx.get(part.read_data.payload.data) == 0xFFFF_FFFF
        ctx.set(part.read_data.ready, 1)
        await ctx.tick()
        ctx.set(part.read_address.valid, 1)
        ctx.set(part.read_address.payload.addr, REGISTERS["now_high"].at)
        await ctx.tick().repeat(3)
        assert ctx.get(part.read_data.payload.data) == 7
        assert not ctx.get(part.read_address.ready)

    by_hand(bench)


def test_a_write_is_done_when_it_is_answered_and_three_cycles_after_its_last_half():
    async def bench(ctx, part):
        assert ctx.get(part.settings.kill.kill) == 1
        assert ctx.get(part.settings.control.lines) == 3
        ctx.set(part.write_data.valid, 1)
        ctx.set(part.write_data.payload, {"data": 0x5, "strobe": 15})
        await ctx.tick()
        ctx.set(part.write_data.valid, 0)
        await ctx.tick().repeat(4)
        assert not ctx.get(part.write_response.valid)
        ctx.set(part.write_address.valid, 1)
        ctx.set(part.write_address.payload.addr, REGISTERS["control"].at)
        await ctx.tick()
        ctx.set(part.write_address.valid, 0)
        await ctx.tick()
        assert ctx.get(part.settings.control.lines) == 3
        await ctx.tick()
        assert ctx.get(part.write_response.valid)
        assert ctx.get(part.write_response.payload.resp) == OKAY
        assert ctx.get(part.settings.control.lines) == 1
        assert ctx.get(part.settings.control.learn) == 1
        assert not ctx.get(part.write_address.ready)

    by_hand(bench)


def test_an_error_that_happens_while_it_is_taken_back_stays():
    """The write is done two cycles after it is taken: in that cycle the gap happens again."""

    async def bench(ctx, part):
        ctx.set(part.happened, {"gap": 1, "bus": 1})
        ctx.set(part.write_address.valid, 1)
        ctx.set(part.write_address.payload.addr, REGISTERS["errors"].at)
        ctx.set(part.write_data.valid, 1)
        ctx.set(part.write_data.payload, {"data": 0x3F, "strobe": 15})
        await ctx.tick()
        ctx.set(part.write_address.valid, 0)
        ctx.set(part.write_data.valid, 0)
        for again in (0, 1, 0):
            ctx.set(part.happened, {"gap": again})
            await ctx.tick()
        ctx.set(part.read_address.valid, 1)
        ctx.set(part.read_address.payload.addr, REGISTERS["errors"].at)
        await ctx.tick().repeat(3)
        assert ctx.get(part.read_data.payload.data) == 1 << list(ERRORS).index("gap")

    by_hand(bench)


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_for_waits_until_it_is_taken(name):
    """By the rules of streams, on the channel itself: asked for three times, paused at random."""
    at = REGISTERS[name].at
    words = {
        "write_address": [pack((at,), {"addr": 12})] * 3,
        "write_data": [pack((2 * k + 1, WHOLE), {"data": 32, "strobe": 4}) for k in range(3)],
    }
    out = play_streams(Registers(), words, engine="amaranth", seed=3, pause=0.5)
    mask = (1 << sum(REGISTERS[name].fields.values())) - 1
    assert out[name] == [(2 * k + 1) & mask for k in range(3)]
    assert out["write_response"] == [OKAY] * 3


def test_halves_are_told_from_registers_of_one_name():
    assert HALF["ring_base_high"] == ("ring_base", 1)
    assert "limit_symbol_low" not in HALF
    assert {name for name, each in REGISTERS.items() if each.access is Access.DO} == {
        "reset", "snapshot", *ASKED,
    }  # fmt: skip
