"""Orders that wait to replace one that is gone: an exchange never says that it ignored them."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.choice.gateware import first_of
from tapeout.hdl.pretrade.layout import OPEN

PLACES = 2 * OPEN  # of a slot: buys, then sales
Waits = data.ArrayLayout(OPEN, PLACES)  # for which order of its side, one bit a place


class Orphans(wiring.Component):
    """Finds the first order of a slot that waits for one that is not open any more.

    Latency is two cycles from all but `closes`, which counts in the same one.

    Members
    -------
    open, waits : In(8), In(8 of 4 bits)
        Which places have an open order, and which of the four of its side each waits for.
    named, replaced, replaces : In(8), In(8), In(1)
        The place that a report is of; that of the order that it replaces, if it `replaces` one.
    closes : In(1)
        The order that the report is of is not open any more.
    any, first : Out(1), Out(8)
        There is one but for those two; one bit: which.

    Reset does nothing: what comes out is of what went in two cycles ago.
    """

    open: In(PLACES)
    waits: In(Waits)
    named: In(PLACES)
    replaced: In(PLACES)
    replaces: In(1)
    closes: In(1)
    any: Out(1)
    first: Out(PLACES)

    def elaborate(self, platform):
        """Those that wait for the order that may close, and those that are orphans in any case."""
        m = Module()
        may, sure = Signal(PLACES, reset_less=True), Signal(PLACES, reset_less=True)
        for side in (slice(0, OPEN), slice(OPEN, PLACES)):
            gone = ~self.open[side] | Mux(self.replaces, self.replaced[side], 0)
            for place in range(PLACES)[side]:
                waits = self.waits[place]
                there = self.open[place] & ~self.named[place]
                there &= ~(self.replaces & self.replaced[place])
                m.d.sync += [
                    may[place].eq(there & (waits & self.named[side]).any()),
                    sure[place].eq(there & (waits & gone).any()),
                ]
        either, known = Signal(2), [Signal(PLACES, name=f"first_{k}") for k in range(2)]
        m.d.sync += either.eq(Cat(sure.any(), may.any()))
        m.d.sync += (
            one.eq(first_of(bits)) for one, bits in zip(known, (sure, sure | may), strict=True)
        )
        m.d.comb += [
            self.any.eq(either[0] | (self.closes & either[1])),
            self.first.eq(Mux(self.closes, known[1], known[0])),
        ]
        return m
