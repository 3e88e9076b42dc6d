"""A line in gateware equals its golden model, record by record and count by count."""

import random
from itertools import pairwise

import pytest

from tapeout.hdl.itch.layout import MESSAGES, unpack
from tapeout.hdl.itch.model import decode
from tapeout.hdl.line.layout import COUNTS, FILTER, Flag
from tapeout.hdl.line.model import Frame
from tapeout.hdl.line.model import Line as Model
from tapeout.hdl.moldudp.layout import HEADER_BYTES, SHORTEST_MESSAGE
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.moldudp.model import unframe
from tapeout.hdl.net.layout import beats
from tapeout.hdl.net.model import payload
from tapeout.sim.bench.frames import GROUP, PORT, ethernet, frames, ipv4, message, udp
from tapeout.sim.engine import READY, engines, play

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
ENGINES = engines()
FASTEST = next(name for name, state in ENGINES.items() if state == READY)
DRAIN = 16  # cycles after the last word until all is counted
LATENCY = 4


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


def simulate(run, pause=0.0, seed=1, reset_at=None, **settings):
    """The records of a run with their cycles, the cycle of each word taken, and the counts."""
    from amaranth.hdl import ResetInserter, Signal, Value
    from amaranth.sim import Simulator

    from tapeout.hdl.line.gateware import Line

    line, reset, rng = Line(), Signal(), random.Random(seed)
    out, cycles, counts = [], [], {}
    words = [
        (word, f.arrival_ns if first else rng.getrandbits(64))
        for f in run
        for first, word in zip([True] + [False] * len(f.wire), beats(f.wire, f.error), strict=False)
    ]

    async def bench(ctx):
        for name in FILTER:
            ctx.set(line.filter[name], settings.get(name, 0))
        left, drain, cycle = words[::-1], DRAIN, 0
        while drain:
            go = bool(left) and rng.random() >= pause
            word, now = left[-1] if go else (rng.getrandbits(70), rng.getrandbits(64))
            ctx.set(line.i.valid, go)
            ctx.set(Value.cast(line.i.payload), word)
            ctx.set(line.arrival_ns, now)
            ctx.set(reset, len(cycles) == reset_at)
            *_, ready, valid, record = await ctx.tick().sample(
                line.i.ready, line.valid, Value.cast(line.o)
            )
            assert ready
            if valid:
                out.append((cycle, unpack(record)))
            if go:
                cycles.append(cycle)
                left.pop()
            drain -= not left
            cycle += 1
        counts.update({name: ctx.get(line.counts[name]) for name in COUNTS})

    simulator = Simulator(ResetInserter(reset)(line))
    simulator.add_clock(6.4e-9)
    simulator.add_testbench(bench)
    simulator.run()
    return out, cycles, counts


def golden(run, port=None, group=None):
    model = Model(port, group)
    return [record for f in run for record in model.read(f)], model.counts


def buffered():
    """A line between two streams: words with their time in, records out of a queue."""
    from amaranth.hdl import Module
    from amaranth.lib import data, fifo, stream, wiring
    from amaranth.lib.wiring import In, Out

    from tapeout.hdl.line.gateware import Beat, Line, Record

    depth = 32

    class Buffered(wiring.Component):
        i: In(stream.Signature(data.StructLayout({"beat": Beat, "arrival_ns": 64})))
        o: Out(stream.Signature(Record))

        def elaborate(self, platform):
            m = Module()
            m.submodules.line = line = Line()
            m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=512, depth=depth)
            m.d.sync += self.i.ready.eq(queue.level < depth - LATENCY - 4)
            m.d.comb += [
                line.i.valid.eq(self.i.valid & self.i.ready),
                line.i.payload.eq(self.i.payload.beat),
                line.arrival_ns.eq(self.i.payload.arrival_ns),
                queue.w_en.eq(line.valid),
                queue.w_data.eq(line.o),
                self.o.valid.eq(queue.r_rdy),
                self.o.payload.eq(queue.r_data),
                queue.r_en.eq(self.o.ready),
            ]
            return m

    return Buffered()


def played(run, engine, seed, pause=0.3):
    words = [word | f.arrival_ns << 70 for f in run for word in beats(f.wire, f.error)]
    return [unpack(word) for word in play(buffered(), words, engine=engine, seed=seed, pause=pause)]


def feed(*batches, tags=0, options=b"", pad=60, first=1):
    """A frame a batch of messages, numbered on."""
    out = []
    for batch in batches:
        wire = ethernet(ipv4(udp(packet(b"SESSION7", first, batch)), options), tags, pad=pad)
        out.append(Frame(wire, 10**18 + first))
        first += len(batch)
    return out


def blocks(f):
    """Of each block in a frame of 42 bytes of headers: where it starts and ends in the frame."""
    at = len(f.wire) - len(payload(f.wire)) + HEADER_BYTES
    for one in unframe(payload(f.wire)).messages:
        yield at, at + 2 + len(one) - 1, one
        at += 2 + len(one)


def every_type_at_every_lane():
    """Packets in which a message of each type starts in each lane, between others."""
    rng, out = random.Random(9), []
    for kind, layout in MESSAGES.items():
        for filler in range(8):
            one = kind.encode() + rng.randbytes(layout.length - 1)
            out.append([message(rng, SHORTEST_MESSAGE + filler), one, message(rng), one])
    return feed(*out, pad=0)


# --- The model against hand-made cases, and against the models it is made of


def good(**wrong):
    return ipv4(udp(packet(b"S", 1, [b"D" * 19])), **wrong)


CASES = {
    "not_udp": [
        ethernet(good(), kind=0x0806),
        ethernet(good(), kind=0x86DD),
        ethernet(good(), tags=3),
        ethernet(good(protocol=6)),
    ],
    "bad_header": [ethernet(good(version=6)), ethernet(good(ihl=4))],
    "bad_checksum": [ethernet(good(check=0x1234))],
    "fragment": [ethernet(good(flags=0x2000)), ethernet(good(flags=0x0001))],
    "bad_length": [
        ethernet(ipv4(udp(b"", length=7))),
        ethernet(ipv4(udp(bytes(30), length=39))),
        ethernet(good(total=19)),
    ],
    "filtered": [ethernet(ipv4(udp(packet(b"S", 1, []), port=PORT + 1)))],
    "cut": [ethernet(good())[:n] for n in (1, 13, 14, 41, 42, 61, 82)],
    "not_moldudp64": [
        ethernet(ipv4(udp(packet(b"S", 1, [b"D" * 19])[:-1]))),
        ethernet(ipv4(udp(packet(b"S", 1, [b"D" * 19])[:-1])), pad=90),
        ethernet(ipv4(udp(packet(b"S", 1, [b"D" * 19]) + b"\0"))),
        ethernet(ipv4(udp(packet(b"S", 1, [])[:19]))),
        ethernet(ipv4(udp(packet(b"S", 1 << 62, [b"D" * 19])))),
        ethernet(ipv4(udp(packet(b"S", 1, [b"D" * (SHORTEST_MESSAGE - 1)])))),
    ],
}


@pytest.mark.parametrize("reason", CASES)
def test_a_frame_is_counted_for_what_is_wrong_with_it(reason):
    run = [Frame(wire) for wire in CASES[reason]]
    _, want = golden(run, PORT)
    _, _, counts = simulate(run, port=PORT, port_enable=1)
    outcomes = {name: counts[name] for name in CASES}
    assert outcomes == dict.fromkeys(CASES, 0) | {reason: len(run)}
    assert counts == want


@pytest.mark.parametrize("tags", [0, 1, 2])
@pytest.mark.parametrize("options", [b"", bytes(4), bytes(range(36)), bytes(40)], ids=len)
def test_sound_frames_give_the_messages_of_their_payload(tags, options):
    rng = random.Random(tags)
    run = feed([], [message(rng)], [message(rng) for _ in range(9)], [], tags=tags, options=options)
    records, counts = golden(run)
    want = []
    for f in run:
        got = unframe(payload(f.wire))
        want += [decode(m, got.sequence + k, f.arrival_ns) for k, m in enumerate(got.messages)]
    assert [r for r in records if not r.flags & Flag.PACKET] == want
    heads = [(r.sequence, r.length) for r in records if r.flags & Flag.PACKET]
    assert heads == [(1, 0), (1, 1), (2, 9), (11, 0)]
    assert [record for _, record in simulate(run)[0]] == records
    assert counts["heartbeats"] == 2


def test_the_record_of_a_packet_tells_its_session():
    (head,), _ = golden(feed([], first=77))
    assert head._asdict() | {"arrival_ns": 0} == decode(b"", 77)._asdict() | {
        "subject": int.from_bytes(b"SESSION7"),
        "locate": int.from_bytes(b"  "),
        "flags": Flag.PACKET,
    }


# --- The gateware against the model


@pytest.mark.parametrize(("seed", "pause"), [(1, 0.0), (2, 0.3), (3, 0.8)])
def test_records_and_counts_are_the_models(seed, pause):
    run = frames(seed, 100)
    out, _, counts = simulate(run, pause, seed)
    assert ([record for _, record in out], counts) == golden(run)


def test_every_outcome_was_among_them():
    counts = golden([f for seed in (1, 2, 3) for f in frames(seed, 100)], port=PORT)[1]
    assert not [name for name, count in counts.items() if not count]


@pytest.mark.every_engine
def test_records_are_the_models_on_every_engine(engine):
    run = frames(seed=4, count=60)
    assert played(run, engine, seed=5) == golden(run)[0]


@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_a_long_run_is_the_models(pause):
    run = frames(seed=6, count=1_500)
    assert played(run, FASTEST, seed=7, pause=pause) == golden(run)[0]


def test_every_type_is_read_at_every_lane():
    run = every_type_at_every_lane()
    met = {(one[0], start % 8) for f in run for start, _, one in blocks(f)}
    assert met >= {(ord(kind), lane) for kind in MESSAGES for lane in range(8)}
    records = played(run, FASTEST, seed=8)
    assert records == golden(run)[0]


@pytest.mark.parametrize("pause", [0.0, 0.4])
def test_a_record_leaves_four_cycles_after_its_last_byte(pause):
    """Also of shortest messages back to back, at every lane: nothing ever waits."""
    rng = random.Random(11)
    short = [message(rng, SHORTEST_MESSAGE) for _ in range(40)]
    real = [b"S" + message(rng, 11) for _ in range(40)]
    run = feed(short, real, [message(rng) for _ in range(20)], [], pad=0)
    out, cycles, _ = simulate(run, pause, seed=12)
    want, word = [], 0
    for f in run:
        head = len(f.wire) - len(payload(f.wire)) + HEADER_BYTES - 1
        ends = [head, *(end for _, end, _ in blocks(f))]
        want += [cycles[word + end // 8] + LATENCY for end in ends]
        word += len(beats(f.wire))
    assert [cycle for cycle, _ in out] == want


def test_a_short_frame_keeps_its_time():
    """Frames that end with their packet's header, back to back: the next has begun by then."""
    run = [f for n in range(6) for f in feed([], first=n + 1, tags=n % 3, pad=0)]
    out, _, _ = simulate(run)
    assert [record.arrival_ns for _, record in out] == [f.arrival_ns for f in run]


def test_a_block_may_end_in_every_word():
    rng = random.Random(13)
    run = feed([message(rng, SHORTEST_MESSAGE) for _ in range(80)], pad=0)
    words = [end // 8 for _, end, _ in blocks(run[0])]
    assert len({*words}) == len(words)
    assert {b - a for a, b in pairwise(words)} == {1, 2}
    assert [record for _, record in simulate(run)[0]] == golden(run)[0]


def test_jumbo_frames_and_long_messages_are_read():
    rng = random.Random(14)
    run = feed(
        [message(rng) for _ in range(280)],
        [message(rng, 4_000), message(rng), message(rng, 255), message(rng), message(rng, 256)],
        [message(rng, 8_900)],
        [message(rng)],
    )
    assert len(run[0].wire) > 8_000
    assert played(run, FASTEST, seed=15) == golden(run)[0]


@pytest.mark.parametrize(
    ("settings", "read"),
    [
        ({}, [1, 2, 3]),
        ({"port": PORT}, [1, 2, 3]),
        ({"port": PORT, "group": GROUP, "group_enable": 1}, [1, 2, 3]),
        ({"port": PORT + 1, "port_enable": 1}, [2]),
        ({"port": PORT, "port_enable": 1}, [1, 3]),
        ({"group": GROUP ^ 1 << 24, "group_enable": 1}, []),
    ],
)
def test_only_the_port_and_group_asked_for_are_read(settings, read):
    run = [
        Frame(ethernet(ipv4(udp(packet(b"S", n, []), port=PORT + (n == 2)), bytes(4 * n)), n % 3))
        for n in (1, 2, 3)
    ]
    out, _, counts = simulate(run, **settings)
    assert [record.sequence for _, record in out] == read
    assert counts["filtered"] == len(run) - len(read)
    port, group = (settings.get(f"{n}_enable") and settings[n] for n in ("port", "group"))
    assert golden(run, port or None, group or None)[0] == [record for _, record in out]


def test_what_follows_a_reset_is_read():
    """The word of that cycle is lost; the rest of its frame counts as one, if there is any."""
    rng = random.Random(16)
    run = feed(*([message(rng) for _ in range(3)] for _ in range(4)), pad=0)
    whole = [record for _, record in simulate(run)[0]]
    length = len(beats(run[0].wire))
    for at in range(length - 1):
        out, _, counts = simulate(run, reset_at=at)
        assert [record for _, record in out if record.sequence > 3] == whole[4:]
        assert counts["frames"] == 4
        assert counts["packets"] == 3
        assert counts["messages"] == 9


def test_real_captures_are_read(data):
    dpkt = pytest.importorskip("dpkt")
    run = []
    for path in sorted((data / "itch" / "pcap").rglob("*.pcap")):
        with path.open("rb") as file:
            run += [Frame(wire, int(at * 10**9)) for at, wire in dpkt.pcap.Reader(file)]
    records, _ = golden(run)
    want = []
    for f in run:
        got = unframe(payload(f.wire))
        want += [decode(m, got.sequence + k, f.arrival_ns) for k, m in enumerate(got.messages)]
    assert [record for record in records if not record.flags & Flag.PACKET] == want
    assert len(want) >= len(run) > 30
    assert played(run, FASTEST, seed=17) == records
