"""Two lines become one stream: in sequence, each number once, what is missing told."""

import random

import pytest

from tapeout.hdl.arbiter.model import Arbiter as Model
from tapeout.hdl.itch.layout import RECORD, Record, pack, unpack
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.moldudp.layout import END_OF_SESSION, HEARTBEAT
from tapeout.sim.engine import READY, engines

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Value
from amaranth.sim import Simulator

from tapeout.hdl.arbiter.gateware import Arbiter

pytestmark = pytest.mark.rtl
ENGINES = engines()
FIRST = 2**40 - 3  # carries run through the number
LONG = 1 << 12  # a window that never ends within a test
SESSION, NEXT_SESSION = (0x3031323334353637, 0x3839), (0x3031323334353637, 0x3840)


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


def header(number, count, session=SESSION, arrival=0):
    """The record of a packet."""
    return Record(
        sequence=number,
        arrival_ns=arrival,
        subject=session[0],
        locate=session[1],
        length=count,
        flags=Flag.PACKET,
    )


def message(number, arrival=0, kind=None, flags=Flag.WELL_FORMED):
    """The same for one number whoever brings it, but for the clock."""
    rng = random.Random(number)
    kind = kind or rng.choice("AAAADDDXUEPFNLY")
    body = {name: rng.getrandbits(RECORD[name]) for name in ("subject", "other", "price", "locate")}
    return Record(sequence=number, arrival_ns=arrival, type=ord(kind), flags=flags, **body)


def packet(number, count, session=SESSION, arrival=0):
    """A packet and its messages."""
    body = [message(number + at, arrival) for at in range(count)]
    return [header(number, count, session, arrival), *body]


def line(rng, count, session=SESSION, lose=0.0, swap=0.0, again=0.0, cut=0.0, first=FIRST):
    """Messages of one line in packets of random size: lost, swapped, sent again, cut short."""
    packets, at = [], 0
    while at < count:
        size = min(rng.randrange(1, 9), count - at)
        packets.append(packet(first + at, size, session))
        at += size
        if rng.random() < 0.2:
            packets.append([header(first + at, HEARTBEAT, session)])
    packets = [one for one in packets if rng.random() >= lose]
    for at in range(len(packets) - 1):
        if rng.random() < swap:
            packets[at : at + 2] = packets[at + 1], packets[at]
    packets = [one for one in packets for _ in range(1 + (rng.random() < again))]
    packets = [
        one[: rng.randrange(1, len(one))] if rng.random() < cut and len(one) > 1 else one
        for one in packets
    ]
    packets += [[header(first + count, END_OF_SESSION, session)]] * 2
    return [
        record._replace(arrival_ns=arrival)
        for arrival, one in enumerate(packets, rng.randrange(1000, 2000))
        for record in one
    ]


class Played:
    """What an arbiter did: began, gave up and took; what left, each with its cycle."""

    def __init__(self, arbiter, lines, seed=0, pause=(0.3, 0.3), hold=0.3, **settings):
        self.steps, self.out, self.counts = [], [], {}
        self.taken = [0, 0]
        self._lines, self._pause, self._hold = lines, pause, hold
        self._offering, self._locked, self._held = [False, False], None, None
        self._rng = random.Random(seed)
        self._arbiter, self._settings = arbiter, settings
        simulator = Simulator(arbiter)
        simulator.add_clock(1e-8)
        simulator.add_testbench(self._bench)
        simulator.run()

    async def _bench(self, ctx):
        for name, value in self._settings.items():
            ctx.set(getattr(self._arbiter, name), value)
        cycle, last = 0, 0
        while cycle - last < 150:
            self._offer(ctx)
            ready = self._rng.random() >= self._hold
            ctx.set(self._arbiter.o.ready, ready)
            self._decided(ctx, cycle)
            if self._moved(ctx, cycle, ready):
                last = cycle
            cycle += 1
            await ctx.tick()
        self._tell(ctx)

    def _offer(self, ctx):
        for at, port in enumerate((self._arbiter.a, self._arbiter.b)):
            if not self._offering[at] and self.taken[at] < len(self._lines[at]):
                self._offering[at] = self._rng.random() >= self._pause[at]
                if self._offering[at]:
                    record = self._lines[at][self.taken[at]]
                    ctx.set(Value.cast(port.payload), pack(record, RECORD))
            ctx.set(port.valid, self._offering[at])

    def _decided(self, ctx, cycle):
        """A session has begun, or something was given up, in the cycle before."""
        arbiter, o = self._arbiter, self._arbiter.o
        heads = [self._lines[at][self.taken[at]] for at in (0, 1) if self._offering[at]]
        session = arbiter.session
        locked = (ctx.get(arbiter.locked), ctx.get(session.subject), ctx.get(session.locate))
        if locked[0] and locked != self._locked:
            number = None if self._settings.get("start_valid") else ctx.get(arbiter.begun)
            head = next(h for h in heads if h.sequence == (number or h.sequence))
            self.steps.append((cycle, "begin", head))
        self._locked = locked
        word = ctx.get(Value.cast(o.payload)) if ctx.get(o.valid) else None
        assert self._held in (None, word), "o must hold a record until it is taken"
        if word is not None and self._held is None and unpack(word).flags & Flag.GAP:
            gap = unpack(word)
            told = gap.sequence + gap.subject, gap.arrival_ns
            head = next(h for h in heads if (h.sequence, h.arrival_ns) == told)
            self.steps.append((cycle, "give up", head))
        self._held = word

    def _moved(self, ctx, cycle, ready):
        """What is taken in this cycle, and what leaves; an end of session is last to be seen."""
        moved, ends = False, []
        for at, port in enumerate((self._arbiter.a, self._arbiter.b)):
            if self._offering[at] and ctx.get(port.ready):
                record, moved = self._lines[at][self.taken[at]], True
                final = record.flags & Flag.PACKET and record.length == END_OF_SESSION
                (ends if final else self.steps).append((cycle, at, record))
                self.taken[at], self._offering[at] = self.taken[at] + 1, False
        self.steps += ends
        if self._held is not None and ready:
            self.out.append((cycle, unpack(self._held)))
            self._held, moved = None, True
        return moved

    def _tell(self, ctx):
        arbiter = self._arbiter
        for name in ("delivered", "unwanted", "gaps", "sessions", "lost", "begun", "expected"):
            self.counts[name] = ctx.get(getattr(arbiter, name))
        for name in ("first", "repeated", "foreign"):
            self.counts[name] = [ctx.get(getattr(arbiter, f"{one}_{name}")) for one in "ab"]

    @property
    def records(self):
        return [meant(record) for _, record in self.out]


def meant(record):
    """Of a gap, only what means something."""
    if not record.flags & Flag.GAP:
        return record
    return Record(
        *(
            record._asdict()[name]
            if name in ("sequence", "arrival_ns", "subject", "flags", "type")
            else 0
            for name in Record._fields
        )
    )


def same_as_the_model(played, **options):
    """The model, doing the same in the same order, lets the same leave and counts the same."""
    model, out = Model(**options), []
    for _, what, record in played.steps:
        if what == "begin":
            out += model.begin(record)
        elif what == "give up":
            out += model.give_up(record)
        else:
            out += model.take(what, record)
    assert played.records == out
    assert played.counts == {name: getattr(model, name) for name in played.counts}
    return model


FAULTS = {
    "clean": {},
    "loss": {"lose": 0.2},
    "loss of much": {"lose": 0.7},
    "reordering": {"swap": 0.3},
    "repeats": {"again": 0.3},
    "cut frames": {"cut": 0.2},
    "all": {"lose": 0.1, "swap": 0.2, "again": 0.2, "cut": 0.1},
}


@pytest.mark.parametrize("window", [2, 40])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_leaves_is_the_models_whatever_the_lines_do(fault, window):
    for seed in range(2):
        rng = random.Random(f"{fault} {seed}")
        lines = [line(rng, 120, **FAULTS[fault]) for _ in range(2)]
        speed = rng.choice([(0.0, 0.0), (0.3, 0.3), (0.1, 0.7), (0.9, 0.2)])
        played = Played(Arbiter(window=window), lines, seed, speed, rng.choice([0.0, 0.4]))
        model = same_as_the_model(played)
        assert played.taken == [len(one) for one in lines]
        assert model.delivered + model.lost == model.expected - model.begun
        assert model.expected == FIRST + 120
        numbers = [record.sequence for record in played.records]
        assert numbers == sorted(set(numbers))
