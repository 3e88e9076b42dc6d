"""Two lines become one stream: in sequence, each number once, what is missing told."""

import itertools
import random

import pytest

from tapeout.hdl.arbiter.model import Arbiter as Model
from tapeout.hdl.itch.layout import MESSAGES, RECORD, Record, pack, unpack
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.moldudp.layout import END_OF_SESSION, HEARTBEAT
from tapeout.sim.engine import READY, engines, play

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Module, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from tapeout.hdl.arbiter.gateware import Arbiter
from tapeout.hdl.elastic.gateware import SmallFifo

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
ENGINES = engines()
FIRST = 2**40 - 3  # carries run through the number
PATIENCE = 20_000  # cycles
ALL = frozenset(MESSAGES)
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
        self._offering, self._locked, self._held, self._gaps = [False, False], None, None, 0
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
            assert cycle < PATIENCE, "it never comes to rest"
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
            found = [head for head in heads if number in (None, head.sequence)]
            assert found, f"no line has a packet of number {number}"
            self.steps.append((cycle, "begin", found[0]))
        self._locked = locked
        word = ctx.get(Value.cast(o.payload)) if ctx.get(o.valid) else None
        assert self._held in (None, word), "o must hold a record until it is taken"
        if self._gaps != ctx.get(arbiter.gaps):
            number = ctx.get(arbiter.expected)
            found = [head for head in heads if head.sequence == number]
            assert found, f"no line waits for {number}"
            self.steps.append((cycle, "give up", found[0]))
            self._gaps += 1
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
    try:
        for _, what, record in played.steps:
            if what == "begin":
                out += model.begin(record)
            elif what == "give up":
                out += model.give_up(record)
            else:
                out += model.take(what, record)
    except ValueError as error:
        raise AssertionError(f"the model refuses to {what}: {error}") from error
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


def test_no_message_is_lost_that_one_line_has():
    """Each line loses half, never the same: nothing is missing however far apart they run."""
    for seed, pause in enumerate([(0.0, 0.0), (0.0, 0.8), (0.8, 0.0)]):
        rng = random.Random(seed)
        lines, at = [[], []], FIRST
        for _ in range(40):
            count, who = rng.randrange(1, 6), rng.randrange(3)
            for one in {0: (0,), 1: (1,), 2: (0, 1)}[who]:
                lines[one] += packet(at, count, arrival=one)
            at += count
        for one in (0, 1):  # the first locks, the last ends
            lines[one] = packet(FIRST - 1, 1) + lines[one] + [header(at, END_OF_SESSION)]
        played = Played(Arbiter(window=1 << 10, wanted=ALL), lines, seed, pause)
        assert [record.sequence for record in played.records] == list(range(FIRST - 1, at))
        assert played.counts["lost"] == played.counts["gaps"] == 0
        same_as_the_model(played, wanted=ALL)


def test_what_is_not_wanted_is_numbered_and_goes_no_further():
    kinds = "AFECXDUPQBHIRSYLVWKJhNO"
    body = [message(FIRST + at, kind=kind) for at, kind in enumerate(kinds)]
    wrong = [message(FIRST + len(kinds), kind="A", flags=0)]
    one = [header(FIRST, len(kinds) + 1), *body, *wrong]
    played = Played(Arbiter(), [one, []], pause=(0, 0), hold=0)
    assert "".join(chr(record.type) for record in played.records) == "AFECXDUPQBHIRS"
    assert played.counts["delivered"] == 24
    assert played.counts["unwanted"] == 10
    same_as_the_model(played)


def test_latency_is_one_cycle_and_one_leaves_every_cycle():
    """From the message at the head of its line; and the other line drops as fast."""
    lines = [packet(FIRST, 40, arrival=line) for line in (0, 1)]
    played = Played(Arbiter(wanted=ALL), lines, pause=(0, 0), hold=0)
    taken = {at: [cycle for cycle, what, _ in played.steps if what == at][1:] for at in (0, 1)}
    out = [cycle for cycle, _ in played.out]
    assert out == list(range(out[0], out[0] + 40))
    assert [cycle + 1 for cycle in taken[0]] == out
    assert taken[1] == taken[0]
    assert {record.arrival_ns for record in played.records} == {0}


def test_a_packet_stands_two_cycles_once_a_session_is_known():
    one = [*packet(FIRST, 1), *packet(FIRST + 1, 1), *packet(FIRST + 2, 1)]
    played = Played(Arbiter(wanted=ALL), [one, []], pause=(0, 0), hold=0)
    cycles = [cycle for cycle, what, _ in played.steps if what == 0]
    assert [later - cycle for cycle, later in itertools.pairwise(cycles)] == [
        1,
        2,
        1,
        2,
        1,
    ]


def waits(lines, window=100, **settings):
    """Cycles from the last record taken before the gap to the gap, and the gap."""
    settings = {"pause": (0, 0), "hold": 0} | settings
    played = Played(Arbiter(window=window, wanted=ALL), lines, **settings)
    same_as_the_model(played, wanted=ALL)
    gaps = [(cycle, record) for cycle, record in played.out if record.flags & Flag.GAP]
    assert gaps, "nothing was given up"
    cycle, gap = gaps[0]
    return cycle - max(c for c, what, _ in played.steps if what in (0, 1) and c < cycle), meant(gap)


HOLE = [*packet(FIRST, 3), *packet(FIRST + 5, 3, arrival=9)]
GAP = Record(sequence=FIRST + 3, subject=2, arrival_ns=9, flags=Flag.GAP)


def test_a_line_ahead_waits_for_the_window():
    """Then the gap is made in five cycles, and is at `o` in the next."""
    for window in (1, 2, 100, 128):
        assert waits([HOLE, []], window=window) == (window + 5 + 1, GAP)


@pytest.mark.parametrize("late", range(12, 26))
def test_what_comes_at_the_last_moment_is_not_given_up(late):
    """The other line brings what is missing around the end of the window, or just too late.

    It drops `late` and three messages first; the line ahead waits after three and a packet, which
    takes two cycles.
    """
    one = [*packet(FIRST, 3), *packet(FIRST + 4, 3, arrival=9)]
    other = packet(FIRST - late, late + 4)
    played = Played(Arbiter(window=20, wanted=ALL), [one, other], pause=(0, 0), hold=0)
    model = same_as_the_model(played, wanted=ALL)
    assert model.gaps == model.lost == (late + 3 > 3 + 2 + 20)


@pytest.mark.parametrize("settings", [{"enable": 1}, {"pressed": 1}], ids=str)
def test_it_does_not_wait_for_a_line_that_is_off_nor_when_there_is_no_room(settings):
    cycles, gap = waits([HOLE, []], **settings)
    assert gap == GAP
    assert cycles <= 7


def test_it_does_not_wait_when_the_other_line_is_ahead_too():
    """The gap ends at the lower number of the two, whichever line that is."""
    higher = [*packet(FIRST, 3), *packet(FIRST + 6, 2, arrival=8)]
    for lines in ([HOLE, higher], [higher, HOLE]):
        cycles, gap = waits(lines)
        assert gap == GAP
        assert cycles <= 8


@pytest.mark.parametrize("count", [HEARTBEAT, END_OF_SESSION])
def test_the_tail_is_missed_when_a_packet_without_messages_is_ahead(count):
    one = [*packet(FIRST, 3), header(FIRST + 5, count, arrival=9)]
    _, gap = waits([one, []])
    assert gap == GAP
    tail = [*packet(FIRST, 3), *packet(FIRST + 3, 2)]
    played = Played(Arbiter(wanted=ALL), [one, tail], pause=(0, 0.5))
    assert [record.sequence for record in played.records] == [FIRST + at for at in range(5)]


def test_a_heartbeat_that_is_not_ahead_says_nothing():
    one = [*packet(FIRST, 3), header(FIRST + 3, HEARTBEAT), header(FIRST, HEARTBEAT)]
    played = Played(Arbiter(wanted=ALL), [[*one, *packet(FIRST + 3, 1)], []])
    assert [record.sequence for record in played.records] == [FIRST + at for at in range(4)]


def test_another_session_is_dropped_until_the_first_has_ended():
    early = packet(50, 2, NEXT_SESSION)
    end, late = [header(FIRST + 3, END_OF_SESSION)], packet(70, 4, NEXT_SESSION)
    one = [*packet(FIRST, 3), *early, *end, *late]
    for lines in ([one, []], [[], one]):
        played = Played(Arbiter(wanted=ALL), lines)
        model = same_as_the_model(played, wanted=ALL)
        numbers = [FIRST, FIRST + 1, FIRST + 2, 70, 71, 72, 73]
        assert [record.sequence for record in played.records] == numbers
        assert sum(model.foreign) == 2
        assert (model.sessions, model.gaps) == (2, 0)


@pytest.mark.parametrize("seed", range(4))
def test_sessions_follow_each_other_on_two_lines_at_odds(seed):
    """Whichever line is first to the next session: the other's rest of the last is dropped."""
    rng = random.Random(seed)
    lines = [
        [*line(rng, 40, lose=0.1), *line(rng, 40, NEXT_SESSION, lose=0.1, first=1)[:-2]]
        for _ in range(2)
    ]
    lines = [[*one, header(41, HEARTBEAT, NEXT_SESSION)] for one in lines]
    played = Played(Arbiter(window=30), lines, seed, ((0.1, 0.7), (0.7, 0.1))[seed % 2])
    model = same_as_the_model(played)
    assert model.sessions == 2
    assert model.expected == 41
    assert played.taken == [len(one) for one in lines]


@pytest.mark.parametrize("start", [FIRST - 2, FIRST + 1])
def test_the_host_may_say_where_to_begin(start):
    played = Played(
        Arbiter(window=9, wanted=ALL), [packet(FIRST, 3), []], start_valid=1, start=start
    )
    same_as_the_model(played, wanted=ALL, start=start)
    assert played.counts["begun"] == start
    assert played.records[0].sequence == start


def test_a_line_that_is_off_is_taken_and_forgotten():
    lines = [packet(FIRST, 5), packet(FIRST + 90, 5)]
    played = Played(Arbiter(wanted=ALL), lines, enable=1)
    assert [record.sequence for record in played.records] == [FIRST + at for at in range(5)]
    assert played.taken == [6, 6]
    assert played.counts["first"] == [5, 0]
    assert played.counts["repeated"] == played.counts["foreign"] == [0, 0]


class Tagged(wiring.Component):
    """Two lines in one stream, a bit telling which; each waits in a FIFO as in the pipeline."""

    i: In(stream.Signature(data.StructLayout({"record": data.StructLayout(RECORD), "line": 1})))
    o: Out(stream.Signature(data.StructLayout(RECORD)))

    def elaborate(self, platform):
        m = Module()
        m.submodules.arbiter = arbiter = Arbiter(window=24, wanted=ALL)
        for at, port in enumerate((arbiter.a, arbiter.b)):
            m.submodules[f"fifo_{at}"] = fifo = SmallFifo(data.StructLayout(RECORD), 16)
            wiring.connect(m, fifo.o, port)
            mine = self.i.payload.line == at
            m.d.comb += [
                fifo.i.payload.eq(self.i.payload.record),
                fifo.i.valid.eq(self.i.valid & mine),
            ]
            with m.If(mine):
                m.d.comb += self.i.ready.eq(fifo.i.ready)
        wiring.connect(m, arbiter.o, wiring.flipped(self.o))
        return m


@pytest.mark.every_engine
def test_every_engine_says_the_same(engine):
    """Both lines miss the same packets: the gaps are known, whatever the pauses."""
    rng, words, expected, at = random.Random(6), [], [], FIRST
    for number in range(40):
        count = rng.randrange(1, 6)
        if number % 5 == 3:
            expected.append((at, Flag.GAP, count))
        else:
            expected += [(at + k, Flag.WELL_FORMED, message(at + k).subject) for k in range(count)]
            for tag in rng.sample((0, 1), 2):
                body = packet(at, count)
                words += [pack(record, RECORD) | tag << 512 for record in body]
        at += count
    for pause in (0.0, 0.5):
        out = [unpack(word) for word in play(Tagged(), words, engine=engine, seed=2, pause=pause)]
        assert [(record.sequence, record.flags, record.subject) for record in out] == expected
