"""How far a line's next number is ahead of the one waited for, known in every cycle."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.choice.gateware import any_of

NEAR = 3  # bits of a number that is near, but for its sign
LOW = NEAR + 2  # bits that tell a number apart which was near some steps ago
GROUP = 16  # bits whose test is one register
SHOWN = 2  # numbers up to this, and down to its negative, have a flag each


class Distance(wiring.Component):
    """Whether a number that takes steps is at zero or below, from registers, at any clock.

    The numbers around zero have a flag each, which moves with a step to the next one; zero and
    below zero are known from the flags before. Only what comes in at their ends must be found from
    the number: its lowest bits take the steps, and whether these are all of it is found from the
    whole numbers some cycles late, as it cannot have come from afar since.

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
        Steps by one; both together are none. A rise of `ahead` and `of` in one cycle is none. There
        is no `up` in a cycle of `load`, nor in the next.
    number : Out(width)
        `ahead`, as it was last `valid` before this cycle.
    value : Out(signed width)
        The distance, exact if for two cycles nothing moved and `ahead` was `valid`.
    low : Out(5)
        Its lowest bits, without the step of the last cycle.
    around : Out(5)
        The distance is -2, -1, 0, 1, 2: a bit each.
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
                "low": Out(LOW),
                "around": Out(2 * SHOWN + 1),
                "zero": Out(1),
                "behind": Out(1),
            }
        )

    def elaborate(self, platform):
        """Flags in a row; `low` does not know the step of the last cycle yet, `before` is it."""
        m = Module()
        low, before = Signal(LOW, reset_less=True), Signal(signed(2), reset_less=True)
        loaded, start = Signal(), Signal(len(self.of))
        carry = Cat(1, self.ahead) + Cat(~self.late, ~self.of)  # one adder: its lowest bit carries
        m.d.comb += start.eq(carry[1:])
        m.d.sync += [
            loaded.eq(self.load),
            before.eq(self.up - self.down),
            low.eq(Mux(self.load, start, low + before)),
        ]
        starts, below, near = self._start(m, low, loaded, start[-1])
        row = {at: Signal(name=f"at_{at}") for at in range(-SHOWN, SHOWN + 1)}
        ends = (-SHOWN - 1, SHOWN + 1)
        steps = {step: before == step for step in (-1, 0, 1)}
        flags = row | {
            at: near & any_of(on & (low == (at - step) % (1 << LOW)) for step, on in steps.items())
            for at in ends
        }
        fell = before[0]  # in a cycle of `load`, when there is no step up
        for at, flag in row.items():
            stays, falls = (
                Mux(fell, starts[at + down + 1], starts[at + down]) | flags[at + down]
                for down in (0, 1)
            )
            m.d.sync += flag.eq(self._stepped(stays, falls, flags[at - 1]))
        stays = self.behind | below | (starts[0] & fell)
        falls = self.behind | row[0] | below | starts[0] | (starts[1] & fell)
        m.d.sync += self.behind.eq(self._stepped(stays, falls, self.behind & ~row[-1]))
        with m.If(self.load):
            m.d.sync += [*(flag.eq(0) for flag in row.values()), self.behind.eq(0)]
        m.d.comb += [self.low.eq(low), self.around.eq(Cat(*row.values())), self.zero.eq(row[0])]
        return m

    def _stepped(self, stays, falls, rises):
        """What is so after a cycle, by its step: none, one down, or one up."""
        return Mux(self.up & ~self.down, rises, Mux(self.down & ~self.up, falls, stays))

    def _start(self, m, low, loaded, below):
        """One cycle after `load`, what it began with, by number, and whether that is below zero.

        And whether `low` is all of it: some cycles late, and not in that cycle.
        """
        number = Signal.like(self.number, reset_less=True)
        value = Signal.like(self.value, reset_less=True)
        negative, near = Signal(reset_less=True), Signal(reset_less=True)
        with m.If(self.valid):
            m.d.sync += number.eq(self.ahead)
        small, high = self._small(m), value[NEAR:]
        m.d.sync += [
            value.eq(number - self.of),
            negative.eq(below),
            near.eq(Mux(loaded, small.bit_select(low[NEAR], 1), ~high.any() | high.all())),
        ]
        m.d.comb += [self.value.eq(value), self.number.eq(number)]
        starts = {
            at: loaded & small[at < 0] & (low[: NEAR + 1] == at % (2 << NEAR))
            for at in range(-SHOWN, SHOWN + 3)
        }
        return starts, loaded & negative, near & ~loaded

    def _small(self, m):
        """One cycle late, if bit `NEAR` of the difference is 0, or 1: whether all above it are.

        Without its carries: where a bit of a sum is known, so is the carry out of it.
        """
        a, b = self.ahead, ~self.of  # the difference is their sum, and one, or none if `late`
        carry, no_carry = (a | b)[NEAR:-1], (a & b)[NEAR:-1]
        odd = (a ^ b)[NEAR + 1 :]
        found = []
        for right in (~(odd ^ carry), odd ^ no_carry):
            groups = [right[at : at + GROUP].all() for at in range(0, len(right), GROUP)]
            tested = Signal(len(groups), reset_less=True)
            m.d.sync += tested.eq(Cat(groups))
            found.append(tested.all())
        return Cat(found)
