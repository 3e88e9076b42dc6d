"""The decoder in gateware equals its golden model, on every engine that is here."""

import random

import pytest

from tapeout.hdl.itch.layout import MESSAGES, unpack, words
from tapeout.hdl.itch.model import decode
from tapeout.sim.engine import READY, engines, play

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

pytestmark = pytest.mark.rtl
ENGINES = engines()


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


def stream(seed, count):
    """Messages of all types with random bodies, some of the wrong length, some of no type."""
    rng = random.Random(seed)
    messages = [b"", b"A", b"Z" * 12, b"A" * 35, b"A" * 37, b"I" * 57, b"S" * 200]
    while len(messages) < count:
        kind = rng.choice(sorted(MESSAGES))
        messages.append(kind.encode() + rng.randbytes(MESSAGES[kind].length - 1))
    rng.shuffle(messages)
    return messages


@pytest.mark.parametrize("pause", [0.0, 0.3, 0.8])
def test_records_are_the_models(engine, pause, tmp_path):
    from tapeout.hdl.itch.gateware import Decoder

    messages = stream(seed=2, count=120)
    wire = [word for k, m in enumerate(messages) for word in words(m, k, 10**18 + k)]
    out = play(Decoder(), wire, engine=engine, seed=4, pause=pause)
    assert [unpack(word) for word in out] == [
        decode(m, k, 10**18 + k) for k, m in enumerate(messages)
    ]


def test_registers_that_never_change_are_known_from_the_start(engine):
    """Tags of zero: what depends on them alone must not stay unknown in any simulator."""
    from tapeout.hdl.itch.gateware import Decoder

    message = stream(seed=1, count=9)[3]
    (out,) = play(Decoder(), words(message), engine=engine, pause=0.0)
    assert unpack(out) == decode(message)


def test_every_type_was_among_them():
    assert {chr(m[0]) for m in stream(2, 120) if m} >= set(MESSAGES)


def test_latency_is_one_cycle_and_nothing_waits():
    """A message of w words takes w cycles, back to back, and its record is out one cycle later."""
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    from tapeout.hdl.itch.gateware import Decoder

    messages = [m for m in stream(3, 60) if m]
    wire = [word for m in messages for word in words(m)]
    last = [at for at, word in enumerate(wire) if word >> 68 & 1]
    decoder, seen = Decoder(), []

    async def bench(ctx):
        ctx.set(decoder.o.ready, 1)
        ctx.set(decoder.i.valid, 1)
        for cycle in range(len(wire) + 1):
            if cycle < len(wire):
                ctx.set(Value.cast(decoder.i.payload), wire[cycle])
            else:
                ctx.set(decoder.i.valid, 0)
            assert ctx.get(decoder.i.ready)
            if ctx.get(decoder.o.valid):
                seen.append(cycle)
            await ctx.tick()

    simulator = Simulator(decoder)
    simulator.add_clock(6.4e-9)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == [at + 1 for at in last]
