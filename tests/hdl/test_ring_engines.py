"""The ring writes the same memory on every engine, for long, and whatever the memory does."""

import numpy as np
import pytest

from tapeout.hdl.card.layout import Entry
from tapeout.hdl.ring.layout import ADDRESS
from tapeout.hdl.ring.model import overflow
from tapeout.hdl.top.layout import unpack
from tapeout.sim.bench.compiled import Model
from tapeout.sim.engine import READY, engines, play_streams

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from tapeout.hdl.ring.gateware import Ring
from tapeout.hdl.waiting.gateware import BookRecord

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
ENGINES = engines()
BITS, BASE, INDEX = 4, 0x3_0000_0400, 0x5_0000_0080
NEVER = (1 << 32) - 1
#: What must never be set: a burst outside the ring and the index; a burst whose last beat is not
#: its last; an entry written that is not read; a beat without its bytes, but for a restart.
WRONG = {"outside": 1, "length": 1, "unread": 1, "holes": 1}
Told = data.StructLayout({"entry": 512, "wrong": data.StructLayout(WRONG), "day": 1})


class Desk(wiring.Component):
    """A host with its memory around the ring, all of it pausing at random, watching the bus.

    Members
    -------
    i : In(stream of `BOOK_RECORD`)
        Goes into the ring, paused.
    o : Out(stream)
        Entries as the host reads them, what was ever wrong, and whether it was after the restart.
    pace, pause, slow : In(8)
        Chances, of 256: that a record comes in a cycle, the memory pauses, the host reads.
    bursts : In(1)
        In 16 of 512 cycles records come in each.
    shy : In(1)
        The memory takes no address before it is offered data.
    restart_at : In(32)
        In this cycle the ring is told to restart.
    """

    i: In(stream.Signature(BookRecord))
    o: Out(stream.Signature(Told))
    pace: In(8)
    pause: In(8)
    slow: In(8)
    bursts: In(1)
    shy: In(1)
    restart_at: In(32, init=NEVER)

    def elaborate(self, platform):
        m = Module()
        m.submodules.ring = ring = self.ring = Ring(depth=8, outstanding=4)
        state, self.now, self.day = Signal(64, init=0x9E3779B97F4A7C15), Signal(32), Signal()
        first = state ^ (state << 13)[:64]
        second = first ^ (first >> 7)
        m.d.sync += [state.eq(second ^ (second << 17)[:64]), self.now.eq(self.now + 1)]
        self.dice = [state[8 * k : 8 * k + 8] for k in range(6)]
        self.wrong, self.consumer, self.index = Signal(len(WRONG)), Signal(32), Signal(32)
        comes = (self.dice[0] < self.pace) | (self.bursts & self.now[4:9].all())
        m.d.comb += [
            ring.i.valid.eq(self.i.valid & comes),
            self.i.ready.eq(comes),
            ring.i.payload.eq(self.i.payload),
            ring.base.eq(BASE),
            ring.index.eq(INDEX),
            ring.bits.eq(BITS),
            ring.consumer.eq(self.consumer),
            ring.restart.eq(self.now == self.restart_at),
        ]
        m.submodules.memory = ram = memory.Memory(shape=64, depth=8 << BITS, init=[])
        self.write(m, ram.write_port())
        self.read(m, ram.read_port(domain="comb"))
        with m.If(ring.restart):
            m.d.sync += self.day.eq(1)
        with m.If(ring.restart | ring.busy):
            m.d.sync += [self.index.eq(0), self.consumer.eq(0)]
        return m

    def write(self, m, port):
        """Bursts in order: an address, its beats, its response."""
        ring, dice = self.ring, self.dice
        m.submodules.addresses = addresses = SyncFIFOBuffered(width=sum(ADDRESS.values()), depth=8)
        calm = [die >= self.pause for die in dice]
        address, burst = ring.dma_address, Signal(data.StructLayout(ADDRESS))
        beat, open_, records = Signal(8), Signal(5), Signal(32)
        m.d.comb += [
            address.ready.eq(addresses.w_rdy & calm[1] & (~self.shy | ring.dma_data.valid)),
            addresses.w_en.eq(address.valid & address.ready),
            addresses.w_data.eq(Value.cast(address.payload)),
            Value.cast(burst).eq(addresses.r_data),
            ring.dma_data.ready.eq(addresses.r_rdy & calm[2] & (open_ != 31)),
        ]
        word = ring.dma_data.payload
        taken = ring.dma_data.valid & ring.dma_data.ready
        offset = (burst.addr - BASE)[:64]
        inside = offset < (64 << BITS)
        last = beat == burst.length
        whole = word.strobe.all()
        m.d.comb += [
            addresses.r_en.eq(taken & last),
            port.addr.eq(Cat(beat[:3], offset[6 : 6 + BITS])),
            port.data.eq(word.data),
            port.en.eq(taken & inside & whole),
        ]
        with m.If(taken):
            m.d.sync += [
                beat.eq(Mux(last, 0, beat + 1)),
                self.wrong[0].eq(self.wrong[0] | ~(inside | (burst.addr == INDEX))),
                self.wrong[1].eq(
                    self.wrong[1] | (word.last != last) | (burst.length != Mux(inside, 7, 0))
                ),
                self.wrong[3].eq(self.wrong[3] | ~(whole | self.day)),
            ]
        with m.If(taken & inside & whole & ~ring.busy):
            place = offset[6 : 6 + BITS]
            m.d.sync += self.wrong[2].eq(
                self.wrong[2]
                | (place != records[:BITS])
                | ((records - self.consumer)[:32] >= (1 << BITS))
            )
        with m.If(taken & inside & last):
            m.d.sync += records.eq(records + 1)
        with m.If(taken & ~inside & whole):
            m.d.sync += self.index.eq(word.data)
        with m.If(ring.restart | ring.busy):
            m.d.sync += records.eq(0)
        answer = ring.dma_response
        m.d.comb += answer.valid.eq((open_ != 0) & calm[3])
        m.d.sync += open_.eq(open_ + (taken & last) - (answer.valid & answer.ready))

    def read(self, m, port):
        """One entry at a time, a word a cycle."""
        word, entry = Signal(4), Signal(512)
        m.d.comb += [
            port.addr.eq(Cat(word[:3], self.consumer[:BITS])),
            self.o.payload.entry.eq(entry),
            self.o.payload.wrong.eq(self.wrong),
        ]
        with m.FSM():
            with m.State("LOOK"):
                m.d.sync += word.eq(0)
                looks = (self.index != self.consumer) & ~self.ring.busy & ~self.ring.restart
                with m.If(looks & (self.dice[4] < self.slow)):
                    m.d.sync += self.o.payload.day.eq(self.day)
                    m.next = "COPY"
            with m.State("COPY"):
                m.d.sync += [entry.eq(Cat(entry[64:], port.data)), word.eq(word + 1)]
                with m.If(self.o.payload.day != self.day):
                    m.next = "LOOK"  # of a ring that is no more
                with m.Elif(word == 7):
                    m.next = "TELL"
            with m.State("TELL"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.d.sync += self.consumer.eq(self.consumer + (self.o.payload.day == self.day))
                    m.next = "LOOK"


def records(count, seed=1):
    """Rows of random records, numbered, whose arrival is their number: (count, 16) uint32."""
    rows = np.random.default_rng(seed).integers(0, 1 << 32, (count, 16), np.uint32)
    rows[:, 0] = rows[:, 4] = np.arange(1, count + 1)
    rows[:, 1] &= 0xFFFFFF07  # a kind that is no entry of the card's own
    rows[:, 5] = 0
    return rows


def integers(rows):
    return [int.from_bytes(row.astype("<u4").tobytes(), "little") for row in rows]


def losses(told, offered):
    """How many records were lost, if each of the others stands in its place, as it was offered."""
    at = lost = 0
    for word in told:
        entry = unpack(word)
        if entry.kind == Entry.OVERFLOW:
            assert entry == overflow(entry.subject, unpack(offered[at]).arrival_ns)
            lost += entry.subject
            at += entry.subject
        else:
            assert word == offered[at]
            at += 1
    assert at == len(offered)
    return lost


def days(words):
    """The entries before the restart and after it; nothing was ever wrong on the bus."""
    told = [[], []]
    for word in words:
        assert word >> 512 & 15 == 0, [name for k, name in enumerate(WRONG) if word >> 512 + k & 1]
        told[word >> 516].append(word & (1 << 512) - 1)
    return told


WORLDS = {
    "quick": {"pace": 12, "pause": 0, "slow": 255},
    "memory stalls": {"pace": 6, "pause": 128, "slow": 255},
    "memory waits for data": {"pace": 8, "pause": 60, "slow": 255, "shy": 1},
    "bursts": {"pace": 4, "pause": 40, "slow": 200, "bursts": 1},
    "host is slow": {"pace": 12, "pause": 30, "slow": 8},
}
LOSSES = ("bursts", "host is slow")


@pytest.mark.every_engine
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_host_reads_what_came_or_how_much_is_missing(engine, world):
    if ENGINES[engine] != READY:
        pytest.skip(f"{engine}: {ENGINES[engine]}")
    sent = integers(records(150))
    out = play_streams(
        Desk(), {"i": sent}, engine=engine, settings=WORLDS[world], pause=0.0, patience=2000
    )
    told, none = days(out["o"])
    assert none == []
    lost = losses(told, sent)
    assert (lost > 0) == (world in LOSSES)


@pytest.mark.every_engine
@pytest.mark.parametrize("at", range(900, 908))
def test_a_restart_anywhere_in_a_burst_leaves_the_bus_whole(at):
    """Until then a part of what came, from the start; from then on what came, to the end."""
    if ENGINES["verilator"] != READY:
        pytest.skip(f"verilator: {ENGINES['verilator']}")
    rows = records(300)
    world = WORLDS["memory waits for data"] | {"restart_at": at}
    model = Model(Desk())
    played = model.play({"i": rows}, settings=world, patience=3000, asked=True)
    before, after = days(played.outputs["o"].payloads())
    sent = integers(rows)
    assert losses(before, sent[: len(before)]) == 0
    assert 0 < len(before) < len(before) + len(after) <= 300
    assert losses(after, sent[-len(after) :]) == 0


@pytest.mark.parametrize("world", WORLDS)
def test_a_hundred_thousand_records(world):
    """Each as it came, or in a count of lost ones, in the same place."""
    if ENGINES["verilator"] != READY:
        pytest.skip(f"verilator: {ENGINES['verilator']}")
    rows = records(100_000, seed=2)
    played = Model(Desk()).play({"i": rows}, settings=WORLDS[world], patience=5000, asked=True)
    told, none = days(played.outputs["o"].payloads())
    assert none == []
    lost = losses(told, integers(rows))
    print(f"{world}: {lost:,} of 100,000 lost, {played.cycles:,} cycles")
    assert (lost > 0) == (world in LOSSES)
