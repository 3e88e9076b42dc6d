"""Counts the orders that rest, how many did at most, and what was refused."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.orders.layout import Refusal

STATISTICS = data.StructLayout(
    {
        "live": 32,
        "most_live": 32,
        "stashed": 8,
        "most_stashed": 8,
        "refused": data.ArrayLayout(32, len(Refusal)),
    }
)


class Tally(wiring.Component):
    """Statistics of the order table, three cycles behind its answers.

    Counters are as long as the table has places: it cannot hold more.

    Members
    -------
    stored, gone : In(1)
        An order more, an order less; one of both at most, and not in two cycles in a row.
    stashed : In(1)
        That is in the stash.
    valid : In(1)
        An answer stands.
    refusal : In(bits of `Refusal`)
        What was wrong, with `valid`.
    statistics : Out(`STATISTICS`)
        `refused` by the bits of `Refusal`.

    Reset counts from nothing.
    """

    stored: In(1)
    gone: In(1)
    stashed: In(1)
    valid: In(1)
    refusal: In(len(Refusal))
    statistics: Out(STATISTICS)

    def __init__(self, places: int, stash: int):
        self.places, self.in_stash = places, stash
        super().__init__()

    def elaborate(self, platform):
        """What happened, into registers; then the counts."""
        m = Module()
        count, stash = self.statistics, Signal(reset_less=True)
        more, less, answered, refusal = Signal(), Signal(), Signal(), Signal(len(Refusal))
        m.d.sync += [
            more.eq(self.stored),
            less.eq(self.gone),
            stash.eq(self.stashed),
            answered.eq(self.valid),
            refusal.eq(self.refusal),
        ]
        self._hold(m, count.live, count.most_live, self.places, more, less)
        self._hold(m, count.stashed, count.most_stashed, self.in_stash, more & stash, less & stash)
        for bit in range(len(Refusal)):
            refused = Signal(name=f"refused{bit}")
            m.d.sync += refused.eq(answered & refusal[bit])
            with m.If(refused):
                m.d.sync += count.refused[bit].eq(count.refused[bit] + 1)
        return m

    def _hold(self, m, live, most, places, more, less):
        """How many of some places are taken, and how many have been at most.

        One more or one less in two cycles leaves time to see whether they are as many as ever.
        """
        now, peak = Signal(range(places + 1)), Signal(range(places + 1))
        at_peak = Signal(init=1)
        m.d.comb += [live.eq(now), most.eq(peak)]
        m.d.sync += [
            now.eq(now + Cat(more | less, less.replicate(len(now) - 1))),
            at_peak.eq(now == peak),
            peak.eq(peak + (more & at_peak)),
        ]
