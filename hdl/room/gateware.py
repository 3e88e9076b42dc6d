"""Room for one more order: the place it takes, in the emptier row, else in the stash."""

from itertools import combinations

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import kept
from tapeout.hdl.ways.gateware import BANKS


class Room(wiring.Component):
    """Chooses as `tapeout.hdl.orders.model.Places` does: the emptier row, bank 0 of equal ones.

    Members
    -------
    full : In(one bit a place in the rows)
        What the rows said when they were read, in cycle t.
    changed, kept : In(one bit a place in the rows)
        Places that were written since, and those of them that are full now, in cycle t.
    stash : In(one bit a place in the stash)
        Places there that are taken, in cycle t + 1.
    place : Out(one bit a place)
        The place to take, in cycle t + 1; the rows' in the lowest bits. None where all are full.
    any : Out(1)
        There is one.
    """

    def __init__(self, ways: int, stash: int):
        self.ways = ways
        places = BANKS * ways
        super().__init__(
            {
                "full": In(places),
                "changed": In(places),
                "kept": In(places),
                "stash": In(stash),
                "place": Out(places + stash),
                "any": Out(1),
            }
        )

    def elaborate(self, platform):
        """Free places of the rows into a register; choose behind it."""
        m = Module()
        free = Signal(BANKS * self.ways, reset_less=True)
        m.d.sync += free.eq(~((self.full & ~self.changed) | self.kept))
        stash = self._lowest(~self.stash)
        banks = [free[bank * self.ways :][: self.ways] for bank in range(BANKS)]
        first, second = (
            kept(m, self._at_least(bank), f"free{number}") for number, bank in enumerate(banks)
        )
        full = kept(m, Cat(part.all() for part in _fours(self.stash)), "stash_full")
        somewhere = first[0] | second[0]
        roomier = Cat(more & ~less for more, less in zip(second, first, strict=True)).any()
        lowest = [self._lowest(bank) for bank in banks]
        m.d.comb += [
            self.place.eq(
                Cat(
                    Mux(roomier, 0, lowest[0]),
                    Mux(roomier, lowest[1], 0),
                    Mux(somewhere, 0, stash),
                )
            ),
            self.any.eq(somewhere | ~full.all()),
        ]
        return m

    def _lowest(self, free):
        """The lowest free place."""
        return Cat(free[place] & ~free[:place].any() for place in range(len(free)))

    def _at_least(self, bank):
        """Whether one place is free, two, three and so on: counts that compare without a carry."""
        return Cat(
            Cat(Cat(places).all() for places in combinations(bank, count)).any()
            for count in range(1, self.ways + 1)
        )


def _fours(places):
    """Four places each, as many as one table takes."""
    return [places[at : at + 4] for at in range(0, len(places), 4)]
