"""The card's clock: nanoseconds with a fraction, that add up in halves."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.card.layout import FRACTION, LINE_RATE

HALF = (64 + FRACTION) // 2  # bits of the lower half, of which carries go to the upper one
LATENCY = 3


class Clock(wiring.Component):
    """Counts as `tapeout.hdl.clock.model.Clock` does.

    Latency is `LATENCY` (three) cycles from what comes in to a `now_ns` that has it: what is added
    is joined, added to the lower half, and the carry to the upper one, a register behind each. A
    rate or a jump may come in every cycle.

    Members
    -------
    rate : In(32)
        ns a cycle, with `FRACTION` bits behind the point.
    adjust, adjusted : In(64), In(1)
        In a cycle with `adjusted` the clock jumps by `adjust` ns, signed, beside its rate.
    now_ns : Out(64)
        The clock; both halves are of one moment.
    valid : Out(1)
        It counts: not in the first cycles after reset.

    Reset puts it back to zero.
    """

    rate: In(32, init=LINE_RATE)
    adjust: In(64)
    adjusted: In(1)
    now_ns: Out(64)
    valid: Out(1)

    def elaborate(self, platform):
        """What is added; the lower half; the upper half."""
        m = Module()
        whole = HALF - FRACTION  # bits of ns in the lower half
        jump = Mux(self.adjusted, self.adjust, 0)
        step, carried = Signal(HALF + 1), Signal()
        early, above = Signal(64 - whole), Signal(64 - whole)
        low, high, shown = Signal(HALF), Signal(64 - whole), Signal(whole)
        counts = Signal(LATENCY)
        summed = low + step[:HALF]
        m.d.sync += [
            step.eq(self.rate + Cat(C(0, FRACTION), jump[:whole])),
            early.eq(jump[whole:]),
            Cat(low, carried).eq(summed),
            above.eq(early + step[HALF]),
            high.eq((Cat(C(1, 1), high) + Cat(carried, above))[1:]),  # with the carry in
            shown.eq(low[FRACTION:]),
            counts.eq(Cat(C(1, 1), counts)),
        ]
        m.d.comb += [self.now_ns.eq(Cat(shown, high)), self.valid.eq(counts[-1])]
        return m
