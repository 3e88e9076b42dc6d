"""How far a line's next number is ahead of the one waited for, known in every cycle."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Distance(wiring.Component):
    """Whether a number that takes steps is at zero or below, from registers, at any clock.

    The number itself is known one cycle late; what it is now differs by the step of that cycle. So
    it is compared with the few values that this and the coming step lead to zero from, and no adder
    is between a step and the flags.

    Members
    -------
    load : In(1)
        The number is `ahead` minus `of`, and steps from there on: that of this cycle, too. The
        flags mean nothing in the next cycle; from then on they do.
    ahead, of : In(width)
    up, down : In(1)
        Steps by one; both together are none.
    value : Out(signed width)
        The number, one cycle late: exact if the cycle before had no step.
    zero, behind : Out(1)
        The number is zero; is below.

    Reset leaves all unknown until `load`.
    """

    def __init__(self, width=64):
        super().__init__(
            {
                "load": In(1),
                "ahead": In(width),
                "of": In(width),
                "up": In(1),
                "down": In(1),
                "value": Out(signed(width)),
                "zero": Out(1),
                "behind": Out(1),
            }
        )

    def elaborate(self, platform):
        """`before` is the step that `value` does not know yet."""
        m = Module()
        value = Signal.like(self.value, reset_less=True)
        before, step = Signal(signed(2), reset_less=True), Signal(signed(2))
        m.d.comb += [step.eq(self.up - self.down), self.value.eq(value)]
        m.d.sync += before.eq(step)
        with m.If(self.load):
            m.d.sync += value.eq(self.ahead - self.of)
        with m.Else():
            m.d.sync += value.eq(value + before)
        at = {number: value == number for number in range(-2, 3)}
        below = {0: value < 0}
        for steps in (1, 2):  # upwards, fewer numbers stay below; downwards, more get there
            below[steps] = below[steps - 1] & ~at[-steps]
            below[-steps] = below[1 - steps] | at[steps - 1]
        zero, behind = Signal(3), Signal(3)  # after a step down, none, and a step up
        with m.Switch(before):
            for known in (-1, 0, 1):
                totals = [known + coming for coming in (-1, 0, 1)]
                with m.Case(known):
                    m.d.comb += zero.eq(Cat(at[-total] for total in totals))
                    m.d.comb += behind.eq(Cat(below[total] for total in totals))
        for flag, after in ((self.zero, zero), (self.behind, behind)):
            with m.If(self.up == self.down):
                m.d.sync += flag.eq(after[1])
            with m.Else():  # the step is the last to be known, and only chooses
                m.d.sync += flag.eq(Mux(self.up, after[2], after[0]))
        return m
