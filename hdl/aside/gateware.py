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

#: Of a record: its fields, what it reports if it changes no level, whether it names a price other
#: than its order's, and whether it replaces an order.
HELD = {name: RECORD[name] for name in KEPT} | {"kind": 8, "priced": 1, "replacing": 1}

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
        The front message has had its last update.
    front : Out(`HELD`)
        The oldest message, two cycles after the one before was done.
    heard : Out(1)
        Whether its instrument is listened to.

    Nothing is refused: who takes messages holds back while `depth` are on their way. Reset forgets
    all of them.
    """

    taken: In(1)
    record: In(Record)
    subscribed: In(1)
    done: In(1)
    front: Out(Held)
    heard: Out(1)

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
        m.d.comb += [write.addr.eq(back), write.en.eq(self.taken), read.addr.eq(front)]
        gap = (self.record.flags & Flag.GAP).any()
        for name in KEPT:
            blank = 0 if name in OF_A_GAP else gap
            m.d.comb += write.data[name].eq(Mux(blank, 0, self.record[name]))
        m.d.comb += [
            write.data.priced.eq(self.record.type == ord("C")),
            write.data.replacing.eq(self.record.type == ord("U")),
        ]
        with m.If(gap):
            m.d.comb += write.data.kind.eq(Kind.GAP)
        with m.Elif((self.record.flags & Flag.WELL_FORMED).any()), m.Switch(self.record.type):
            for letter, kind in OFF_THE_BOOK.items():
                with m.Case(ord(letter)):
                    m.d.comb += write.data.kind.eq(kind)

        places, asked = Signal(2 * len(back)), Signal(2)
        m.d.sync += [asked.eq(Cat(self.taken, asked[0])), places.eq(Cat(back, places))]
        with m.If(self.taken):
            m.d.sync += back.eq(back + 1)
        with m.If(asked[1]):
            m.d.sync += heard.bit_select(places[len(back) :], 1).eq(self.subscribed)
        with m.If(self.done):
            m.d.sync += front.eq(front + 1)
        m.d.sync += [self.front.eq(read.data), self.heard.eq(heard.bit_select(front, 1))]
        return m
