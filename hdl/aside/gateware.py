"""What the books do not need of a message waits here until its update is known."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import RECORD
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.top.layout import Report

OFF_THE_BOOK = {
    "P": Kind.TRADE, "Q": Kind.CROSS, "B": Kind.BREAK, "H": Kind.STATE, "I": Report.IMBALANCE,
}  # fmt: skip
KEPT = (
    "sequence", "arrival_ns", "timestamp", "locate", "subject", "other", "shares", "price",
    "mpid", "code", "side",
)  # fmt: skip

OF_A_GAP = ("sequence", "arrival_ns", "subject")  # its other fields mean nothing

#: What a message that changes no level reports, a bit each: `OFF` of a held message.
OFF = {kind.name.lower(): kind for kind in (*OFF_THE_BOOK.values(), Kind.GAP)}

#: Of a record: its fields; which of `OFF` it is; whether it names a price other than its order's,
#: and whether its print counts; whether it replaces an order; whether its taker sold.
HELD = {name: RECORD[name] for name in KEPT} | dict.fromkeys(
    (*OFF, "priced", "counts", "replacing", "sold"), 1
)

Record = data.StructLayout(RECORD)
Held = data.StructLayout(HELD)


class Aside(wiring.Component):
    """A ring of messages, in LUT RAM.

    Members
    -------
    taken, record : In(1), In(`RECORD`)
        A message is set aside, in this cycle.
    subscribed : In(1)
        Whether the message taken two cycles ago is of an instrument that is listened to.
    done : In(1)
        The front message is not needed after the next cycle.
    front : Out(`HELD`)
        The oldest message, two cycles after the one before was done.
    tells : Out(1)
        Whether it is one of `OFF`, and a gap or of an instrument that is listened to.

    Nothing is refused: who takes messages holds back while `depth - 1` are on their way. The RAM is
    written in every cycle, at a place that is free, a cycle after the message is taken. Reset
    forgets all of them.
    """

    taken: In(1)
    record: In(Record)
    subscribed: In(1)
    done: In(1)
    front: Out(Held)
    tells: Out(1)

    def __init__(self, depth=16):
        self._depth = depth
        super().__init__()

    def elaborate(self, platform):
        """Write at the back, read at the front."""
        m = Module()
        ring = memory.Memory(
            shape=Held, depth=self._depth, init=[], attrs={"ram_style": "distributed"}
        )
        m.submodules.ring = ring
        write, read = ring.write_port(), ring.read_port(domain="comb")
        heard, back, front = Signal(self._depth), Signal(range(self._depth)), Signal.like(read.addr)
        held, places = Signal(Held, reset_less=True), Signal(2 * len(back))
        asked = Signal(2)
        m.d.comb += [write.addr.eq(places[: len(back)]), write.en.eq(1), read.addr.eq(front)]
        m.d.comb += write.data.eq(held)
        self._hold(m, held)
        m.d.sync += [asked.eq(Cat(self.taken, asked[0])), places.eq(Cat(back, places))]
        with m.If(self.taken):
            m.d.sync += back.eq(back + 1)
        with m.If(asked[1]):
            m.d.sync += heard.bit_select(places[len(back) :], 1).eq(self.subscribed)
        with m.If(self.done):
            m.d.sync += front.eq(front + 1)
        shown, off = Signal(Held, reset_less=True), Cat(read.data[name] for name in OFF)
        listened = heard.bit_select(front, 1) | read.data.gap
        m.d.sync += [shown.eq(read.data), self.tells.eq(off.any() & listened)]
        m.d.comb += self.front.eq(shown)
        return m

    def _hold(self, m, held):
        """What is kept of the record, into a register: from there the way to the RAM is free."""
        record = self.record
        gap = (record.flags & Flag.GAP).any()
        well = (record.flags & Flag.WELL_FORMED).any() & ~gap
        for name in KEPT:
            m.d.sync += held[name].eq(Mux(0 if name in OF_A_GAP else gap, 0, record[name]))
        for letter, kind in OFF_THE_BOOK.items():
            m.d.sync += held[kind.name.lower()].eq(well & (record.type == ord(letter)))
        priced = record.type == ord("C")
        trade = well & (record.type == ord("P"))
        m.d.sync += [
            held.gap.eq(gap),
            held.priced.eq(priced),
            held.counts.eq(~priced | (record.code == ord("Y"))),
            held.replacing.eq(record.type == ord("U")),
            held.sold.eq(trade & (record.side == ord("S"))),
        ]
