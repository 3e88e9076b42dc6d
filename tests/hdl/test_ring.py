"""What the ring writes into the host's memory is every record in order, or a word of its loss."""

import random

import pytest

from tapeout.hdl.card.layout import RECORD_BYTES, Entry
from tapeout.hdl.itch.layout import pack
from tapeout.hdl.ring.model import Ring as Model
from tapeout.hdl.ring.model import overflow
from tapeout.hdl.top.layout import BOOK_RECORD, BookRecord, unpack

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Value
from amaranth.sim import Simulator

from tapeout.hdl.ring.gateware import Ring
from tapeout.hdl.waiting.gateware import Waiting

pytestmark = pytest.mark.rtl
BASE, INDEX, BITS = 0x1_2345_6000, 0x7_0000_0040, 4
OKAY, SLVERR, DECERR = 0, 2, 3
COUNTERS = ("producer", "dropped", "most")


def record(number, rng=None):
    """A record whose every byte depends on its number; its arrival is 1,000 + number."""
    rng = rng or random.Random(number)
    word = rng.getrandbits(512)
    return unpack(word)._replace(number=number, arrival_ns=1000 + number, kind=number % 8)


class Memory:
    """The host's memory behind an AXI4 slave: pauses, answers late, refuses, and keeps watch.

    Parameters
    ----------
    pause : float
        Chance that a channel pauses in a cycle.
    delay : int
        Cycles from a burst's last beat or address to its response, at most.
    refuse : set of int
        Bursts, counted from 0, that are answered by an error.
    """

    def __init__(self, seed=1, pause=0.0, delay=0, refuse=()):
        self.rng = random.Random(seed)
        self.pause, self.delay, self.refuse = pause, delay, set(refuse)
        self.bytes, self.bursts, self.written = {}, [], []
        self.addresses, self.beats, self.answers = [], [], []
        self.open, self.cycle, self.done = 0, 0, 0
        self.offered = {}
        self.awake = True

    def drive(self, ctx, ring):
        """What the slave says in this cycle."""
        for channel in (ring.dma_address, ring.dma_data):
            ctx.set(channel.ready, self.awake and self.rng.random() >= self.pause)
        due = self.answers and self.answers[0][0] <= self.cycle
        ctx.set(ring.dma_response.valid, bool(due))
        if due:
            ctx.set(ring.dma_response.payload.resp, self.answers[0][1])

    def see(self, ctx, ring):
        """What crossed; what is offered and not taken must stand."""
        for name in ("dma_address", "dma_data"):
            channel = getattr(ring, name)
            valid, word = ctx.get(channel.valid), ctx.get(Value.cast(channel.payload))
            held = self.offered.pop(name, None)
            assert held is None or (valid and word == held), f"{name} does not stand"
            if valid and not ctx.get(channel.ready):
                self.offered[name] = word
            elif valid:
                self.take(name, ctx.get(channel.payload))
        if ctx.get(ring.dma_response.valid) and ctx.get(ring.dma_response.ready):
            self.answers.pop(0)
        self.cycle += 1

    def take(self, name, word):
        if name == "dma_address":
            self.addresses.append((word.addr, word.length))
            assert word.addr % (8 * (word.length + 1)) == 0
        else:
            self.beats.append((word.data, word.strobe))
            if word.last:
                self.bursts.append(self.beats)
                self.beats = []
        while self.done < min(len(self.bursts), len(self.addresses)):
            self.end(*self.addresses[self.done], self.bursts[self.done])

    def end(self, address, length, beats):
        """A burst is whole: it is written, and will be answered."""
        assert len(beats) == length + 1
        refused = self.done in self.refuse
        for k, (word, strobe) in enumerate(beats):
            assert strobe in (0, 255)
            if strobe and not refused:
                self.bytes[address + 8 * k] = word
        self.written.append((self.cycle, address))
        when = self.cycle + 1 + self.rng.randrange(self.delay + 1)
        when = max([when, *(each + 1 for each, _ in self.answers)])
        self.answers.append((when, self.rng.choice((SLVERR, DECERR)) if refused else OKAY))
        self.done += 1

    def entry(self, number, bits=BITS):
        """What the ring holds at the place of record `number`."""
        at = BASE + RECORD_BYTES * (number % (1 << bits))
        return unpack(sum(self.bytes[at + 8 * k] << 64 * k for k in range(8)))

    @property
    def index(self):
        """The count of records that was written."""
        return self.bytes.get(INDEX, 0)


class Host:
    """Plays records into a ring and reads what is written, as a host would.

    Parameters
    ----------
    offers : iterable of BookRecord or None
        What comes in each cycle.
    reads : callable
        Of the cycle: how many records the host takes then, at most.
    restarts : set of int
        Cycles in which the ring is told to restart; the host begins anew.
    """

    def __init__(self, offers, memory=None, *, reads=lambda cycle: 8, restarts=(), **ring):
        self.offers, self.memory = list(offers), memory or Memory()
        self.reads, self.restarts = reads, set(restarts)
        self.settings = {"base": BASE, "bits": BITS, "index": INDEX} | ring.pop("settings", {})
        self.ring, self.entries, self.told, self.pulses = Ring(**ring), [[]], [], []
        self.consumer, self.busy = 0, []

    def run(self, cycles):
        """Play so many cycles, with what is offered first; the entries read since each restart."""
        simulator = Simulator(self.ring)
        simulator.add_clock(1e-8)
        self.cycles = cycles
        simulator.add_testbench(self.bench)
        simulator.run()
        return self.entries

    async def bench(self, ctx):
        ring, memory = self.ring, self.memory
        for name, value in self.settings.items():
            ctx.set(getattr(ring, name), value)
        for cycle in range(self.cycles):
            offer = self.offers[cycle] if cycle < len(self.offers) else None
            ctx.set(ring.i.valid, offer is not None)
            if offer is not None:
                ctx.set(Value.cast(ring.i.payload), pack(offer, BOOK_RECORD))
            ctx.set(ring.restart, cycle in self.restarts)
            assert ctx.get(ring.i.ready)
            memory.drive(ctx, ring)
            memory.see(ctx, ring)
            self.pulses.append((ctx.get(ring.overflowed), ctx.get(ring.bus)))
            self.busy.append(ctx.get(ring.busy))
            await ctx.tick()
            self.take(ctx, cycle)
        self.told = {name: ctx.get(getattr(ring, name)) for name in (*COUNTERS, "stopped", "full")}

    def take(self, ctx, cycle):
        """The host looks at the index in its memory, and copies what is there."""
        if cycle in self.restarts:
            self.entries.append([])
        if cycle in self.restarts or ctx.get(self.ring.busy):
            self.consumer, self.memory.bytes[INDEX] = 0, 0  # a count from before may still come
        for _ in range(self.reads(cycle)):
            if self.consumer == self.memory.index:
                break
            self.entries[-1].append(self.memory.entry(self.consumer, self.settings["bits"]))
            self.consumer += 1
        ctx.set(self.ring.consumer, self.consumer)


def accounted(entries, offers):
    """How many records were lost, if all others stand in order and each loss where it was."""
    left, lost = iter([one for one in offers if one is not None]), 0
    for entry in entries:
        if entry.kind == Entry.OVERFLOW:
            gone = [next(left) for _ in range(entry.subject)]
            assert entry == overflow(len(gone), gone[0].arrival_ns)
            lost += len(gone)
        else:
            assert entry == next(left)
    assert list(left) == []
    return lost


def spaced(seed, count, chance):
    """Records that come in a cycle with this chance."""
    rng, number = random.Random(seed), 0
    while number < count:
        number += (came := rng.random() < chance)
        yield record(number) if came else None


def test_every_record_is_in_memory_before_its_number_is():
    offers = list(spaced(1, 60, 0.1))
    host = Host(offers, Memory(seed=3, pause=0.3, delay=12), depth=16)
    (entries,) = host.run(len(offers) + 400)
    assert accounted(entries, offers) == 0
    assert host.told["producer"] == 60
    assert host.told["dropped"] == 0
    assert host.memory.index == 60


@pytest.mark.parametrize("seed", range(4))
def test_what_finds_no_place_is_told_where_it_is_missing(seed):
    """A slow host, a slow memory, bursts of records in every cycle; then time to read it all."""
    rng = random.Random(seed)
    offers = []
    for _ in range(8):
        offers += spaced(rng.random(), rng.randrange(4, 40), rng.choice((1.0, 0.5, 0.05)))
        offers += [None] * rng.randrange(300)
    numbered = iter(range(1, len(offers)))
    offers = [one and record(next(numbered)) for one in offers]
    memory = Memory(seed, pause=rng.choice((0.0, 0.5)), delay=rng.choice((0, 30)))
    host = Host(offers, memory, reads=lambda cycle: cycle % 40 == 0, depth=4, outstanding=2)
    (entries,) = host.run(len(offers) + 3000)
    lost = accounted(entries, offers)
    assert lost > 10
    assert host.told["dropped"] == lost == sum(over for over, _ in host.pulses)
    assert host.told["producer"] == len(entries)


def test_a_full_ring_is_not_written_over_and_all_is_as_the_model_says():
    """Nobody reads: 16 stand in memory, depth + 1 wait; what is dropped is one entry later."""
    offers = [record(k) for k in range(1, 61)]
    spread = [one for each in offers for one in (each, *[None] * 9)]
    host = Host(spread, reads=lambda cycle: 20 * (cycle > 1200), depth=8)
    (entries,) = host.run(2400)
    model, memory, read = Model(places=9, bits=BITS), {}, []
    for one in offers:
        model.offer(one)
        while written := model.write():
            memory.update([written])
            model.answer()
    assert (model.producer, model.dropped) == (16, 60 - 16 - 9)
    while model.consumer < model.producer:
        read.append(memory[model.consumer % 16 * RECORD_BYTES])
        model.consumer += 1
        while written := model.write():
            memory.update([written])
            model.answer()
        model.offer()
    assert entries == read
    assert entries[-1] == overflow(35, 1026)
    assert host.told | {"full": 0, "stopped": 0} == host.told
    assert {name: host.told[name] for name in COUNTERS} == {
        "producer": model.producer, "dropped": model.dropped, "most": model.most,
    }  # fmt: skip


def test_records_leave_back_to_back_while_the_memory_takes_them():
    """A beat in every cycle: eight of them a record, and one its count where that is wanted."""
    for index, beats in ((0, 8), (INDEX, 9)):
        offers = [None] * 5 + [record(k) for k in range(1, 33)]
        host = Host(offers, reads=lambda cycle: 0, settings={"index": index, "bits": 6})
        host.run(400)
        ends = [cycle for cycle, at in host.memory.written if at != INDEX]
        assert len(ends) == 32
        assert ends[-1] - ends[0] <= 31 * beats
        assert ends[-1] - ends[0] >= 31 * 8
        assert ends[0] == 5 + 4 + 7  # the first beat is taken four cycles after its record came


def test_an_address_is_offered_three_cycles_after_its_record():
    seen = []

    class Watch(Memory):
        def see(self, ctx, ring):
            seen.append((ctx.get(ring.dma_address.valid), ctx.get(ring.dma_data.valid)))
            super().see(ctx, ring)

    Host([None] * 5 + [record(1)], Watch()).run(20)
    assert seen.index((1, 0)) == 5 + 3
    assert seen.index((0, 1)) == 5 + 4


def test_the_count_is_written_nowhere_if_the_host_says_so():
    host = Host([record(1)], settings={"index": 0x3F})
    host.run(60)
    assert host.memory.addresses == [(BASE, 7)]
    assert host.told["producer"] == 1


@pytest.mark.parametrize("bits", [0, 3, 21, 31])
def test_a_ring_of_no_size_is_not_written_and_what_comes_is_counted(bits):
    host = Host([record(k) for k in range(40)], depth=8, settings={"bits": bits})
    host.run(100)
    assert host.memory.addresses == []
    assert host.told == {"producer": 0, "dropped": 31, "most": 0, "stopped": 0, "full": 1}


@pytest.mark.parametrize("burst", [0, 4, 5])
def test_a_memory_that_refuses_stops_the_ring_and_what_it_has_not_is_not_counted(burst):
    """Burst by burst a record and its count: 4 is the third record, 5 its count."""
    offers = [one for k in range(1, 31) for one in (record(k), *[None] * 30)]
    host = Host(offers, Memory(refuse={burst}), depth=8)
    (entries,) = host.run(1200)
    held = {0: 0, 4: 2, 5: 3}[burst]
    assert entries == [record(k) for k in range(1, min(held, 2) + 1)]
    assert host.told["producer"] == held
    assert host.told["stopped"]
    assert host.told["full"]
    assert len(host.memory.addresses) == burst + 1
    assert sum(bus for _, bus in host.pulses) == 1


def test_a_record_behind_a_refused_one_is_not_counted_though_it_was_taken():
    host = Host([record(k) for k in range(1, 9)], Memory(delay=60, refuse={1}), depth=8)
    host.run(600)
    assert host.told["producer"] == 1
    assert len([at for at, _ in host.memory.addresses if at != INDEX]) > 2


@pytest.mark.parametrize("seed", range(6))
def test_a_restart_in_mid_burst_ends_the_burst_and_begins_anew(seed):
    """At every place in a burst, with the memory pausing: bursts stay whole, and all is new."""
    rng = random.Random(seed)
    offers = [record(k) for k in range(1, 41)]
    offers = [one for each in offers for one in (each, *[None] * rng.randrange(12))]
    restarts = sorted(rng.sample(range(5, len(offers)), 3))
    memory = Memory(seed, pause=rng.choice((0.0, 0.6)), delay=rng.choice((0, 40)))
    host = Host(offers, memory, restarts=restarts, depth=16)
    parts = host.run(len(offers) + 900)
    edges = [-1, *restarts, len(offers)]
    for at, entries in enumerate(parts):
        since = [one for one in offers[edges[at] + 1 : edges[at + 1]] if one is not None]
        if at + 1 == len(parts):
            assert accounted(entries, since) == host.told["dropped"]
            assert host.told["producer"] == len(entries)
        else:
            assert entries == since[: len(entries)]
    assert len(memory.addresses) == len(memory.bursts)
    assert not memory.beats
    assert any(host.busy)


def test_a_restart_starts_a_stopped_ring_again():
    offers = [record(1), *[None] * 100, record(2), *[None] * 100, record(3)]
    host = Host(offers, Memory(refuse={0}), restarts={150})
    assert host.run(400) == [[], [record(3)]]
    assert not host.told["stopped"]


def test_what_waits_is_dropped_in_its_turn():
    """The waiting records alone: depth and one, then a loss of every record until one leaves."""
    part, model = Waiting(4), Model(places=5, bits=BITS)
    rng, seen, expected = random.Random(4), [], []

    async def bench(ctx):
        for k in range(300):
            offer = record(k) if rng.random() < 0.7 else None
            ctx.set(part.i.valid, offer is not None)
            if offer is not None:
                ctx.set(Value.cast(part.i.payload), pack(offer, BOOK_RECORD))
            await ctx.tick()
            model.offer(offer)
            ctx.set(part.i.valid, 0)
            for _ in range(2):
                await ctx.tick()
                model.offer()
            if rng.random() < 0.4 and ctx.get(part.o.valid):
                ctx.set(part.o.ready, 1)
                seen.append(unpack(ctx.get(Value.cast(part.o.payload))))
                await ctx.tick()
                expected.append(model.write()[1])
                model.consumer += 1
                ctx.set(part.o.ready, 0)
                for _ in range(2):
                    await ctx.tick()
                    model.offer()
            assert ctx.get(part.dropped) == model.dropped

    simulator = Simulator(part)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == expected
    assert {one.kind for one in seen} >= {Entry.OVERFLOW, 0}


@pytest.mark.parametrize("depth", [1, 12])
def test_a_depth_that_cannot_be_is_refused(depth):
    """Of no object: Amaranth would complain that the one refused is not used."""
    with pytest.raises(ValueError, match=f"^depth must be a power of two, 2 or more; got {depth}$"):
        Waiting.__init__(None, depth)


def test_an_entry_of_dropped_ones_says_how_many_and_since_when():
    assert overflow(3, 77) == BookRecord(kind=48, subject=3, arrival_ns=77)
