"""How far a line's next number is ahead of the one waited for, known in every cycle."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

NEAR = 3  # bits of a number that is near, but for its sign
LOW = NEAR + 2  # bits that tell a number apart which was near some steps ago
GROUP = 16  # bits whose test is one register


class Distance(wiring.Component):
    """Whether a number that takes steps is at zero or below, from registers, at any clock.

    Only the lowest bits take the steps. Whether the number is near zero, so that these are all of
    it, and on which side it is if not, is found from the whole numbers some cycles late: it cannot
    have come from afar since. So no long adder is between a step and the flags.

    Members
    -------
    load : In(1)
        The number is `ahead` minus `of` and `late`, and steps from there on: that of this cycle,
        too. The flags mean nothing in this cycle and the next; from then on they do.
    valid, ahead : In(1), In(width)
        What the number is the distance of, where `valid`: in a cycle of `load`, and of `up`. It
        may rise by one where it is `valid`, and then is not shown until it is `valid` again.
    of, late : In(width), In(1)
        What it is the distance from, one cycle late, and whether that rose by one in that cycle.
    up, down : In(1)
        Steps by one; both together are none. A rise of `ahead` and `of` in one cycle is none.
    number : Out(width)
        `ahead`, as it was last `valid` before this cycle.
    value : Out(signed width)
        The distance, exact if for two cycles nothing moved and `ahead` was `valid`.
    low : Out(signed 5)
        Its lowest bits, without the step of the last cycle.
    zero, behind : Out(1)
        The distance is zero; is below.

    Reset leaves all unknown until `load`.
    """

    def __init__(self, width=64):
        super().__init__(
            {
                **{name: In(1) for name in ("load", "valid", "late", "up", "down")},
                "ahead": In(width),
                "of": In(width),
                "number": Out(width),
                "value": Out(signed(width)),
                "low": Out(signed(LOW)),
                "zero": Out(1),
                "behind": Out(1),
            }
        )

    def elaborate(self, platform):
        """`before` is the step that `low` does not know yet."""
        m = Module()
        value, number, low = (
            Signal.like(port, reset_less=True) for port in (self.value, self.number, self.low)
        )
        before = Signal(signed(2), reset_less=True)
        m.d.comb += [self.value.eq(value), self.number.eq(number), self.low.eq(low)]
        m.d.sync += [value.eq(number - self.of), low.eq(low + before)]
        m.d.sync += before.eq(self.up - self.down - (self.load & self.late))
        with m.If(self.valid):
            m.d.sync += number.eq(self.ahead)
        with m.If(self.load):
            m.d.sync += low.eq(self.ahead[:LOW] - self.of[:LOW])
        near, below = self._whole(m, value, low)
        zero, behind = Signal(3), Signal(3)  # after a step down, none, and a step up
        with m.Switch(before):
            for known in range(-2, 2):
                totals = [known + coming for coming in (-1, 0, 1)]
                with m.Case(known):
                    m.d.comb += zero.eq(Cat(low == -total for total in totals))
                    m.d.comb += behind.eq(Cat(low < -total for total in totals))
        for flag, after, far in ((self.zero, zero, 0), (self.behind, behind, below)):
            step = Mux(self.up == self.down, after[1], Mux(self.up, after[2], after[0]))
            m.d.sync += flag.eq(Mux(near, step, far))
        return m

    def _whole(self, m, value, low):
        """Whether `low` is all of it, and if not, whether it is below zero."""
        loaded, negative = Signal(), Signal(reset_less=True)
        was_near, was_below = Signal(reset_less=True), Signal(reset_less=True)
        high = value[NEAR:]
        small, small_below = self._small(m)
        near = Mux(loaded, Mux(low[NEAR], small_below, small), was_near)
        below = Mux(loaded, negative, was_below)
        m.d.sync += [
            loaded.eq(self.load),
            negative.eq((self.ahead - self.of)[len(self.of) - 1]),
            was_near.eq(Mux(loaded, near, ~high.any() | high.all())),
            was_below.eq(Mux(loaded, negative, value[-1])),
        ]
        return near, below

    def _small(self, m):
        """One cycle late, if bit `NEAR` of the difference is 0, or 1: whether all above it are.

        Without its carries: where a bit of a sum is known, so is the carry out of it.
        """
        a, b = self.ahead, ~self.of  # the difference is their sum, and one
        carry, no_carry = (a | b)[NEAR:-1], (a & b)[NEAR:-1]
        odd = (a ^ b)[NEAR + 1 :]
        found = []
        for right in (~(odd ^ carry), odd ^ no_carry):
            groups = [right[at : at + GROUP].all() for at in range(0, len(right), GROUP)]
            tested = Signal(len(groups), reset_less=True)
            m.d.sync += tested.eq(Cat(groups))
            found.append(tested.all())
        return found
