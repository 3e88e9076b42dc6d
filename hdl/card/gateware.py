"""The card: feed handler, register window, ring and desk, joined."""

from amaranth import *
from amaranth.hdl import ResetInserter
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.card.layout import CAPABILITIES, DECISION_PLACE, STATUS
from tapeout.hdl.clock.gateware import Clock
from tapeout.hdl.desk.gateware import Desk
from tapeout.hdl.levels.layout import LEVELS
from tapeout.hdl.line.gateware import Beat
from tapeout.hdl.pretrade.layout import Reason
from tapeout.hdl.registers.gateware import Address, ReadData, Registers, Response, WriteData
from tapeout.hdl.ring.gateware import Address as DmaAddress
from tapeout.hdl.ring.gateware import Response as DmaResponse
from tapeout.hdl.ring.gateware import Ring
from tapeout.hdl.ring.gateware import Word as DmaWord
from tapeout.hdl.top.gateware import FeedHandler
from tapeout.hdl.top.layout import Mark

HELD = 4  # cycles a reset lasts
LINE = ("frames", "filtered", "messages")  # counted by the line itself
BUS = ("write_address", "write_data", "write_response", "read_address", "read_data")
DMA = ("dma_address", "dma_data", "dma_response")
STALE = Mark.STALE.bit_length() - 1
_, REASON_AT = DECISION_PLACE["reason"]


class Card(wiring.Component):
    """What a host finds behind its bus, as `tapeout.hdl.card.layout` says.

    From the word with a message's last byte to the first word of the order that it leads to are 40
    cycles: 20 to the book record, the other 20 as `Desk` says.

    Parameters
    ----------
    build : int
        Shown in register `build`.
    clock_hz : int
        Shown in register `clock_hz`.
    instruments : int
        As for `FeedHandler`, whose parameters the others are.

    Members
    -------
    a, b : In(stream of `BEAT`)
        What two Ethernet MACs receive.
    write_address, write_data, write_response, read_address, read_data
        AXI4-Lite, as in `Registers`.
    dma_address, dma_data, dma_response
        The writing half of AXI4, as in `Ring`.
    orders, reports : Out(stream of `BEAT`), In(stream of `BEAT`)
        OUCH messages to and from the exchange, one a frame.

    A ring that is full or a host that looks away holds nothing back: entries are dropped, counted
    and told. Reset is that of the bus, too; register `reset` is that of all but the bus.
    """

    a: In(stream.Signature(Beat))
    b: In(stream.Signature(Beat))
    write_address: In(stream.Signature(Address))
    write_data: In(stream.Signature(WriteData))
    write_response: Out(stream.Signature(Response))
    read_address: In(stream.Signature(Address))
    read_data: Out(stream.Signature(ReadData))
    dma_address: Out(stream.Signature(DmaAddress))
    dma_data: Out(stream.Signature(DmaWord))
    dma_response: In(stream.Signature(DmaResponse))
    orders: Out(stream.Signature(Beat))
    reports: In(stream.Signature(Beat))

    def __init__(self, *, build=0, clock_hz=156_250_000, instruments=256, **parameters):
        self._shown = {"build": build, "clock_hz": clock_hz, "instruments": instruments}
        self.handler = FeedHandler(instruments=instruments, **parameters)
        self.desk = Desk()
        super().__init__()

    def elaborate(self, platform):
        """Each part, then what goes from one to the next."""
        m = Module()
        reset, left = Signal(), Signal(range(HELD + 1))
        again = ResetInserter(reset)
        m.submodules.registers = registers = Registers()
        m.submodules.clock = clock = Clock()
        m.submodules.ring = ring = Ring()
        m.submodules.handler, m.submodules.desk = again(self.handler), again(self.desk)
        told = Module()
        m.submodules.told = again(told)
        for name in BUS:
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(registers, name))
        for name in DMA:
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(ring, name))
        m.d.comb += reset.eq(left.any())
        m.d.sync += left.eq(Mux(registers.restart, HELD, left - reset))
        self._feed(m, registers, clock)
        self._trade(m, registers, clock)
        self._write(m, registers.settings, ring, reset)
        self._show(m, told, registers, clock, ring, reset)
        return m

    def _feed(self, m, registers, clock):
        """What the host has set of the clock and the lines."""
        said, handler = registers.settings, self.handler
        wiring.connect(m, wiring.flipped(self.a), handler.a)
        wiring.connect(m, wiring.flipped(self.b), handler.b)
        m.d.comb += [
            clock.rate.eq(said.clock_rate.rate),
            clock.adjust.eq(said.adjust),
            clock.adjusted.eq(registers.adjusted),
            handler.now_ns.eq(clock.now_ns),
            handler.enable.eq(said.control.lines),
            handler.learn.eq(said.control.learn),
            handler.filter.port.eq(said.filter_port.port),
            handler.filter.port_enable.eq(said.filter_port.port_enable),
            handler.filter.group.eq(said.filter_group.group),
            handler.filter.group_enable.eq(said.filter_group_enable.group_enable),
            handler.listing_instrument.eq(said.listing_instrument.instrument),
            handler.listen.valid.eq(registers.listen.valid),
            registers.listen.ready.eq(handler.listen.ready),
            handler.o.ready.eq(1),
        ]
        for name in ("locate", "instrument", "subscribed"):
            m.d.comb += handler.listen.payload[name].eq(registers.listen.payload[name])

    def _trade(self, m, registers, clock):
        """The desk sees what the host sees."""
        desk = self.desk
        wiring.connect(m, registers.limit_write, desk.limit_write)
        wiring.connect(m, registers.order_send, desk.order_send)
        wiring.connect(m, desk.orders, wiring.flipped(self.orders))
        wiring.connect(m, wiring.flipped(self.reports), desk.reports)
        m.d.comb += [
            desk.record.eq(self.handler.o.payload),
            desk.record_valid.eq(self.handler.o.valid),
            desk.settings.eq(registers.settings),
            desk.now_ns.eq(clock.now_ns),
        ]

    def _write(self, m, said, ring, reset):
        """Book records go into the ring, decisions where there is none."""
        record, decision = self.handler.o, self.desk.o
        m.d.comb += [
            ring.restart.eq(reset),
            ring.base.eq(said.ring_base),
            ring.index.eq(said.ring_index),
            ring.bits.eq(said.ring_bits.bits),
            ring.consumer.eq(said.ring_consumer.count),
            ring.i.valid.eq(record.valid | decision.valid),
            ring.i.payload.eq(Mux(record.valid, record.payload, decision.payload)),
            decision.ready.eq(~record.valid),
        ]

    def _show(self, m, told, registers, clock, ring, reset):
        """What the host reads, and what happened; `told` forgets it all with the books."""
        shown, books, listing = registers.shown, self.handler.books, self.handler.listing
        record, stale, ready = self.handler.o, Signal(), Signal()
        gap = record.valid & (record.payload.kind == Kind.GAP)
        refused = record.valid & (record.payload.kind == Kind.STALE)
        swept = books.subscription.ready & books.levels.ready & books.publisher.room
        counts = self._count(told, ring, record, refused)
        cut = self._grows(told, *(counts[f"{line}_cut"] for line in "ab"))
        checksum = self._grows(told, *(counts[f"{line}_bad"] for line in "ab"))
        told.d.sync += [
            ready.eq(ready | swept),
            stale.eq(stale | (record.valid & record.payload.flags[STALE]) | ring.overflowed),
        ]
        status = {
            "ready": ready, "stale": stale, "full": ring.full, "killed": self.desk.killed,
            "busy": reset | ring.busy,
        }  # fmt: skip
        happened = {
            "overflow": ring.overflowed, "bus": ring.bus, "gap": gap, "refused": refused,
            "cut": cut, "checksum": checksum,
        }  # fmt: skip
        m.d.comb += [
            *(shown.capabilities[name].eq(1) for name in CAPABILITIES),
            shown.build.build.eq(self._shown["build"]),
            shown.clock_hz.hz.eq(self._shown["clock_hz"]),
            shown.geometry.instruments.eq(self._shown["instruments"]),
            shown.geometry.levels.eq(LEVELS),
            *(shown.status[name].eq(status[name]) for name in STATUS),
            shown.now.eq(clock.now_ns),
            shown.listing_locate.locate.eq(listing.locate),
            shown.listing_symbol.eq(listing.symbol),
            shown.ring_producer.count.eq(ring.producer),
            shown.ring_dropped.count.eq(ring.dropped),
            *(registers.happened[name].eq(bit) for name, bit in happened.items()),
            *(registers.statistics[name].eq(count) for name, count in counts.items()),
        ]

    def _grows(self, m, *counters):
        """Whether one of them is another than a cycle ago."""
        lasts = [Signal(2, name=f"last_{k}") for k in range(len(counters))]
        m.d.sync += (last.eq(counter) for last, counter in zip(lasts, counters, strict=True))
        pairs = zip(lasts, counters, strict=True)
        return Cat(last != counter[: len(last)] for last, counter in pairs).any()

    def _count(self, m, ring, record, refused):
        """Every statistic under its name."""
        merged, decision = self.handler.statistics, self.desk.o
        counts = {name: getattr(ring, name) for name in ("dropped", "most")}
        counts["written"] = ring.producer
        for name in ("delivered", "gaps", "lost", "sessions"):
            counts[name] = merged[name][:32]
        for line in "ab":
            for name in (*LINE, "bad", "cut", "first", "repeated"):
                each = merged[line].line if name in LINE else merged[line]
                counts[f"{line}_{name}"] = each[name]
        made = decision.valid & decision.ready
        reason = decision.payload.detail[REASON_AT : REASON_AT + 8]
        events = {"records": record.valid, "refused": refused}
        events |= {f"gate_{one.name.lower()}": made & (reason == one) for one in Reason}
        for name, event in events.items():
            counts[name] = Signal(32, name=name)
            late = Signal(name=f"{name}_late")
            m.d.sync += [late.eq(event), counts[name].eq(counts[name] + late)]
        return counts
