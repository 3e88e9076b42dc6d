"""Microprice: whether a quote's lots lean far enough to one side, in exact integers."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.bounds.gateware import above
from tapeout.hdl.policy.layout import (
    LOTS_BITS,
    SPREAD_BITS,
    THRESHOLD_BITS,
    THRESHOLD_FRACTION,
)
from tapeout.hdl.pretrade.layout import QUOTE

Quote = data.StructLayout(QUOTE)
LATENCY = 4


def most(value, bits):
    """A number as far as it fits so many bits."""
    return Mux(value[bits:].any(), C((1 << bits) - 1, bits), value[:bits])


def some_of(word):
    """Which bytes of a word are not zero."""
    return Cat(word[at : at + 8].any() for at in range(0, len(word), 8))


class Microprice(wiring.Component):
    """Judges a quote as `tapeout.hdl.policy.model.signal` and `usable` say.

    Latency is four cycles; one quote every cycle.

    Members
    -------
    quote : In(`QUOTE`)
    threshold : In(18)
        Ticks / 256, as in `tapeout.hdl.policy.layout`; steady while a quote is judged.
    usable : Out(1)
        Both sides are known, not crossed, and not stale.
    buy, sell : Out(1), Out(1)
        The microprice is above, or below, the midprice by the threshold at least. Never both, and
        neither of a quote that is not usable.

    Reset does nothing: what comes out is of what went in four cycles ago.
    """

    quote: In(Quote)
    threshold: In(THRESHOLD_BITS)
    usable: Out(1)
    buy: Out(1)
    sell: Out(1)

    def elaborate(self, platform):
        """Cut to width, difference and sum, two products, compare: a cycle each."""
        m = Module()
        quote = self.quote

        def register(name, width):
            return Signal(width, name=name, reset_less=True)

        bid, ask = (register(f"{side}_lots", LOTS_BITS) for side in ("bid", "ask"))
        spread, wide = register("spread", 33), register("wide", SPREAD_BITS)
        apart, both = register("apart", LOTS_BITS), register("both", LOTS_BITS + 1)
        leans = [register(f"leans{k}", 2) for k in range(2)]  # more is bid, more is offered
        some, apart_by, there = register("some", 13), register("apart_by", 5), register("there", 1)
        good = register("good", 1)
        moved, needed = register("moved", SPREAD_BITS + LOTS_BITS), register("needed", 36)
        words = (quote.bid, quote.bid_lots, quote.ask_lots)
        below = ask - bid
        m.d.sync += [
            bid.eq(most(quote.bid_lots, LOTS_BITS)),
            ask.eq(most(quote.ask_lots, LOTS_BITS)),
            spread.eq(quote.ask - quote.bid),
            some.eq(Cat(*(some_of(word) for word in words), ~quote.stale)),
            wide.eq(most(spread[:32], SPREAD_BITS)),
            apart.eq(Mux(below[-1], bid - ask, below)),
            both.eq(bid + ask),
            leans[0].eq(Cat(below[-1], ~below[-1] & (bid != ask))),
            there.eq(Cat(some[at : at + 4].any() for at in (0, 4, 8)).all() & some[12]),
            apart_by.eq(Cat(some_of(spread[:32]), spread[-1])),
            moved.eq(wide * apart),
            needed.eq(self.threshold * both),
            leans[1].eq(leans[0]),
            good.eq(there & apart_by[:4].any() & ~apart_by[4]),
        ]
        far = Signal()
        m.d.comb += far.eq(~above(needed, moved << THRESHOLD_FRACTION - 1))
        m.d.sync += [
            self.usable.eq(good),
            self.buy.eq(good & far & leans[1][0]),
            self.sell.eq(good & far & leans[1][1]),
        ]
        return m
