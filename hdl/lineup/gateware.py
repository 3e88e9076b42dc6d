"""Slots that wait for their turn, and which is next."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.choice.gateware import any_of, first_of
from tapeout.hdl.pretrade.layout import SLOTS


class Lineup(wiring.Component):
    """Slots take turns: the next one is the lowest behind the last, else the lowest of all.

    Members
    -------
    comes, done : In(16), In(16)
        These slots wait from the next cycle on; this one had its turn, and waits only if it comes
        in this cycle.
    waits : Out(16)
        One bit a slot.
    next, some : Out(16), Out(1)
        One bit: whose turn is next, of those that waited two cycles ago; whether there is one. So a
        slot must not be asked for within the two cycles after its turn.

    Reset makes none wait.
    """

    comes: In(SLOTS)
    done: In(SLOTS)
    waits: Out(SLOTS)
    next: Out(SLOTS)
    some: Out(1)

    def elaborate(self, platform):
        """Whoever waits, and who of these is behind; a cycle later the lowest of either."""
        m = Module()
        behind, ahead, everyone = Signal(SLOTS), Signal(SLOTS), Signal(SLOTS)
        m.d.sync += [
            self.waits.eq((self.waits & ~self.done) | self.comes),
            ahead.eq(self.waits & behind),
            everyone.eq(self.waits),
            self.next.eq(Mux(any_of(ahead), first_of(ahead), first_of(everyone))),
            self.some.eq(any_of(everyone)),
        ]
        with m.If(any_of(self.done)):
            m.d.sync += behind.eq(~(self.done | (self.done - 1)))
        return m
