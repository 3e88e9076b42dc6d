"""Whether an order repeats one that left a short while ago."""

import itertools

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.bounds.gateware import above
from tapeout.hdl.choice.gateware import first_of
from tapeout.hdl.pretrade.layout import REMEMBERED, SLOT_BITS

CLOCK_BITS = 64
Key = data.StructLayout({"slot": SLOT_BITS, "side": 1, "price": 32, "shares": 32})
PIECE = 8  # bits that are compared in one cycle


class Repeats(wiring.Component):
    """Remembers the last `REMEMBERED` orders that it is told to, and when they came.

    Members
    -------
    came : In(1)
        An order comes: `key` is it from the next cycle on, until the next one comes.
    key : In(Key)
    within : In(32)
        Fewer cycles than these behind the same order it is a repetition; of six cycles after
        `came`.
    repeats : Out(1)
        Seven cycles after `came` and until the next comes.
    keep : In(1)
        This order is remembered, for the oldest one; not with `came` but in a cycle of its own key.

    Reset forgets all.
    """

    came: In(1)
    key: In(Key)
    within: In(32)
    repeats: Out(1)
    keep: In(1)

    def elaborate(self, platform):
        """The youngest of those that are alike has the least age: only that one is looked at."""
        m = Module()
        clock, moment = Signal(CLOCK_BITS), Signal(CLOCK_BITS, reset_less=True)
        kept = [Signal(Key, name=f"kept_{k}", reset_less=True) for k in range(REMEMBERED)]
        known, next_place = Signal(REMEMBERED), Signal(range(REMEMBERED))
        m.submodules.moments = moments = memory.Memory(
            shape=CLOCK_BITS, depth=REMEMBERED, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = moments.write_port(), moments.read_port(domain="comb")
        m.d.comb += [write.addr.eq(next_place), write.data.eq(moment), write.en.eq(self.keep)]
        m.d.sync += clock.eq(clock + 1)
        with m.If(self.came):
            m.d.sync += moment.eq(clock)
        with m.If(self.keep):
            m.d.sync += [kept[0].eq(self.key), known.eq(Cat(C(1, 1), known))]
            m.d.sync += [new.eq(old) for old, new in itertools.pairwise(kept)]
            m.d.sync += next_place.eq(next_place + 1)
        alike = Signal(REMEMBERED)
        for place, one in enumerate(kept):
            pieces = self._alike(one)
            found = Signal(len(pieces), name=f"found_{place}", reset_less=True)
            m.d.sync += [found.eq(Cat(pieces)), alike[place].eq(found.all() & known[place])]
        back, any_alike, there = Signal(range(REMEMBERED)), Signal(), Signal()
        youngest = first_of(alike)
        places = [
            Cat(youngest[k] for k in range(REMEMBERED) if k >> bit & 1).any()
            for bit in range(len(back))
        ]
        then, age = Signal(CLOCK_BITS, reset_less=True), Signal(CLOCK_BITS, reset_less=True)
        m.d.comb += read.addr.eq(next_place - 1 - back)
        m.d.sync += [
            back.eq(Cat(places)),
            any_alike.eq(alike.any()),
            then.eq(read.data),
            there.eq(any_alike),
            age.eq(moment - then),
            self.repeats.eq(there & ~age[32:].any() & (above(self.within, age[:32]))),
        ]
        return m

    def _alike(self, one):
        """Piece by piece, whether one that is kept is the key."""
        mine, kept = Value.cast(self.key), Value.cast(one)
        return [mine[at : at + PIECE] == kept[at : at + PIECE] for at in range(0, len(mine), PIECE)]
