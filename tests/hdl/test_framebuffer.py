"""Frames leave the frame buffer as they came, or are cut or dropped where it says so."""

import random

import pytest

from tapeout.hdl.itch.layout import pack
from tapeout.hdl.net.layout import BEAT
from tapeout.sim.engine import READY, engines, play

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Module, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from tapeout.hdl.elastic.gateware import SmallFifo
from tapeout.hdl.framebuffer.gateware import FrameBuffer

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
ENGINES = engines()
Beat = data.StructLayout(BEAT)
LAST, ERROR = 1 << 68, 1 << 69
CLOCK = 10**9  # of the first cycle; one more each cycle


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


def frame(rng, longest, bad=0.0):
    """The beats of one frame of random bytes."""
    count, error = rng.randrange(1, longest + 1), rng.random() < bad
    return [
        pack((rng.getrandbits(64), 8, at == count - 1, error and at == count - 1), BEAT)
        for at in range(count)
    ]


def run(buffer, pins, go):
    """What leaves in each cycle as (cycle, beat, arrival), and the counters at the end."""
    seen, told = [], {}

    async def bench(ctx):
        for cycle, beat in enumerate([*pins, None]):
            ctx.set(buffer.i_valid, beat is not None)
            ctx.set(Value.cast(buffer.i), beat or 0)
            ctx.set(buffer.now_ns, CLOCK + cycle)
            ctx.set(buffer.go, go[cycle % len(go)])
            if ctx.get(buffer.o_valid):
                assert go[cycle % len(go)]
                seen.append((cycle, ctx.get(Value.cast(buffer.o)), ctx.get(buffer.arrival_ns)))
            await ctx.tick()
        for name in ("frames", "bad", "cut", "dropped"):
            told[name] = ctx.get(getattr(buffer, name))

    simulator = Simulator(buffer)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return seen, told


def frames(beats):
    """Cut a row of (beat, arrival) where a frame ends."""
    out = [[]]
    for beat, arrival in beats:
        out[-1].append((beat, arrival))
        if beat & LAST:
            out.append([])
    return out


def sent(pins):
    """The same of what the pins brought."""
    return frames((beat, CLOCK + at) for at, beat in enumerate(pins) if beat is not None)[:-1]


def fates(came, left):
    """What became of each frame that came: what left must be these, in order, whole or cut."""
    told, left = [], iter(left)
    now = next(left)
    for one in came:
        if now and one == now:
            told.append("kept")
        elif now and one[: len(now) - 1] == now[:-1] and now[-1][1] == one[len(now) - 1][1]:
            cut, whole = now[-1][0], one[len(now) - 1][0]
            assert cut == whole | LAST | ERROR
            told.append("cut")
        else:
            told.append("dropped")
            continue
        now = next(left)
    assert [now, *left] == [[]]
    return told


def gaps(rng, beats, chance):
    """The beats with pauses among them."""
    for beat in beats:
        while rng.random() < chance:
            yield None
        yield beat


def test_latency_is_one_cycle_while_nothing_waits():
    rng = random.Random(1)
    pins = [beat for _ in range(20) for beat in frame(rng, 12)]
    seen, told = run(FrameBuffer(32), [*pins, *[None] * 4], [1])
    assert seen == [(at + 1, beat, CLOCK + at) for at, beat in enumerate(pins)]
    assert told == {"frames": 20, "bad": 0, "cut": 0, "dropped": 0}


@pytest.mark.parametrize("seed", range(5))
def test_what_leaves_came_and_what_did_not_is_counted(seed):
    """From a line that keeps up to one that takes one beat in eight."""
    rng = random.Random(seed)
    beats = [beat for _ in range(120) for beat in frame(rng, 24, bad=0.1)]
    pins = list(gaps(rng, beats, 0.3 * (seed % 2))) + [None] * 1000
    go = [rng.random() < (0.9, 0.7, 0.5, 0.3, 0.125)[seed] for _ in range(997)]
    seen, told = run(FrameBuffer(32), pins, go)
    came = sent(pins)
    fate = fates(came, frames((beat, at) for _, beat, at in seen))
    assert told == {
        "frames": 120,
        "bad": sum(bool(one[-1][0] & ERROR) for one in came),
        "cut": fate.count("cut"),
        "dropped": fate.count("dropped"),
    }
    assert seed < 2 or min(fate.count("cut"), fate.count("dropped")) > 3
    assert fate.count("kept") > 5


@pytest.mark.parametrize("seed", range(4))
def test_whole_frames_only(seed):
    rng = random.Random(seed)
    beats = [beat for _ in range(120) for beat in frame(rng, 20, bad=0.2)]
    pins = list(gaps(rng, beats, 0.3 * (seed % 2))) + [None] * 1000
    go = [rng.random() < (1.0, 0.8, 0.5, 0.25)[seed] for _ in range(997)]
    seen, told = run(FrameBuffer(32, whole=True), pins, go)
    came, left = sent(pins), frames((beat, at) for _, beat, at in seen)
    good = [one for one in came if not one[-1][0] & ERROR]
    fate = fates(good, left)
    assert fate.count("kept") > 15
    assert told == {
        "frames": 120,
        "bad": 120 - len(good),
        "cut": 0,
        "dropped": 120 - fate.count("kept"),
    }
    assert "cut" not in fate
    assert seed < 2 or fate.count("dropped") > 3


def test_with_room_every_good_frame_leaves_four_cycles_after_its_end():
    rng = random.Random(3)
    pins = [b for _ in range(12) for b in [*frame(rng, 10, bad=0.3), *[None] * 12]]
    seen, _ = run(FrameBuffer(64, whole=True), pins, [1])
    ends = [at for at, beat in enumerate(pins) if beat and beat & LAST and not beat & ERROR]
    starts = [0] + [at + 1 for at, (_, beat, _) in enumerate(seen) if beat & LAST]
    assert [seen[at][0] for at in starts[:-1]] == [end + 4 for end in ends]


def test_pressed_says_that_three_quarters_are_taken():
    buffer, when = FrameBuffer(32), []

    async def bench(ctx):
        ctx.set(buffer.i_valid, 1)
        for _ in range(60):
            when.append(ctx.get(buffer.pressed))
            await ctx.tick()

    simulator = Simulator(buffer)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert when == [0] * (16 + 24 + 1) + [1] * 19  # sixteen in the head, then 24 of the 32


class Streamed(wiring.Component):
    """A frame buffer between two streams, as a line uses it: `go` is room in the next FIFO."""

    i: In(stream.Signature(Beat))
    o: Out(stream.Signature(Beat))

    def __init__(self, *, whole):
        self._whole = whole
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = FrameBuffer(512, whole=self._whole)
        m.submodules.fifo = fifo = SmallFifo(Beat, 16)
        wiring.connect(m, fifo.o, wiring.flipped(self.o))
        m.d.sync += buffer.go.eq(fifo.level < 12)
        m.d.comb += [
            self.i.ready.eq(1),
            buffer.i.eq(self.i.payload),
            buffer.i_valid.eq(self.i.valid),
            fifo.i.payload.eq(buffer.o),
            fifo.i.valid.eq(buffer.o_valid),
        ]
        return m


@pytest.mark.every_engine
@pytest.mark.parametrize("whole", [False, True])
def test_beats_leave_as_they_came_on_every_engine(engine, whole):
    rng = random.Random(8)
    beats = [beat for _ in range(40) for beat in frame(rng, 24)]
    assert play(Streamed(whole=whole), beats, engine=engine, seed=3, pause=0.4) == beats


@pytest.mark.parametrize("words", [16, 100])
def test_words_that_cannot_be_are_refused(words):
    """Of no object: Amaranth would complain that the one refused is not used."""
    with pytest.raises(
        ValueError, match=f"^words must be a power of two, 32 or more; got {words}$"
    ):
        FrameBuffer.__init__(None, words)
