"""Token bucket: so many orders at once, and one more each so many cycles."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Bucket(wiring.Component):
    """Counts tokens that are not back yet, so that the limits may change at any time.

    A token spent in cycle t is back in cycle t + `every`, or, if others were not back, `every`
    cycles behind the last of them. `every` and `burst` are those of two cycles before. A token on
    its way comes when it would have come before `every` changed.

    Members
    -------
    every : In(32)
        Cycles for a token to come back; 0: there is nothing to spend.
    burst : In(8)
        Tokens there are.
    spend : In(1)
        One is spent; only where `spare` is, and ten cycles after the last one at least.
    spare : Out(1)
        There is one, as of this cycle.

    Reset brings all tokens back.
    """

    every: In(32)
    burst: In(8)
    spend: In(1)
    spare: Out(1)

    def elaborate(self, platform):
        """`left` cycles until the next token; it stands ready for the first that is spent."""
        m = Module()
        every, burst = Signal(32), Signal(8)
        first, again, most = Signal(32), Signal(32), Signal(8)
        some, first_zero, again_zero = Signal(), Signal(), Signal()
        m.d.sync += [every.eq(self.every), burst.eq(self.burst), most.eq(burst)]
        early = every - 2
        m.d.sync += [
            first.eq(Mux(early[-1], 0, early)),
            first_zero.eq(~every[2:].any() & (every[:2] != 3)),
            again.eq(every - 1),
            again_zero.eq(every == 1),
            some.eq(every.any()),
        ]
        spent, left, zero = Signal(8), Signal(32), Signal()
        back = zero & spent.any()
        m.d.comb += self.spare.eq(some & (spent < most))
        with m.If(~spent.any()):
            m.d.sync += [left.eq(first), zero.eq(first_zero)]
        with m.Elif(zero):
            m.d.sync += [left.eq(again), zero.eq(again_zero)]
        with m.Else():
            m.d.sync += [left.eq(left - 1), zero.eq(left == 1)]
        with m.If(self.spend & ~back):
            m.d.sync += spent.eq(spent + 1)
        with m.Elif(back & ~self.spend):
            m.d.sync += spent.eq(spent - 1)
        return m
