"""A few orders in registers: those whose rows in block RAM are full."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.orders.layout import ENTRY, REFERENCE_BITS

CHUNK = 8  # bits of a reference that are compared before a register
Entry = data.StructLayout(ENTRY)


class Stash(wiring.Component):
    """`places` orders with their whole references.

    Three cycles from `key` to the answer, one a cycle. What is put shows in answers to keys asked
    two cycles later or more.

    Members
    -------
    key : In(64)
        The reference to look for, in cycle t.
    hit : Out(one bit a place)
        Where it is, in cycle t + 3.
    found : Out(`ENTRY`)
        The order itself, in cycle t + 3; all zero where there is none.
    free : Out(one bit a place)
        A place to put an order, the lowest; none when all are taken. Knows all `put` before.
    put : In(one bit a place)
        Places taken (`keep`) or given back in this cycle t.
    keep : In(1)
    put_key : In(64)
        Whose, in cycle t + 1.
    put_entry : In(`ENTRY`)
        In cycle t + 1.
    entry : Out(array of `ENTRY`)
        All of it, from cycle t + 2 on.

    Reset empties it.
    """

    def __init__(self, places: int):
        self.places = places
        super().__init__(
            {
                "key": In(REFERENCE_BITS),
                "hit": Out(places),
                "found": Out(Entry),
                "free": Out(places),
                "put": In(places),
                "keep": In(1),
                "put_key": In(REFERENCE_BITS),
                "put_entry": In(Entry),
                "entry": Out(data.ArrayLayout(Entry, places)),
            }
        )

    def elaborate(self, platform):
        """Compare in two cycles, select in the third."""
        m = Module()
        taken, put, keep = Signal(self.places), Signal(self.places), Signal()
        hit = Signal(self.places, reset_less=True)
        free = ~taken
        m.d.comb += self.free.eq(free & (taken + 1)[: self.places])
        m.d.sync += [
            taken.eq(Mux(self.keep, taken | self.put, taken & ~self.put)),
            put.eq(self.put),
            keep.eq(self.keep),
            self.hit.eq(hit),
        ]
        chosen = 0
        for place in range(self.places):
            entry = self._place(m, place, put[place], keep, hit[place])
            chosen = chosen | Mux(hit[place], entry.as_value(), 0)
        found = Signal(Entry, reset_less=True)
        m.d.sync += found.eq(chosen)
        m.d.comb += self.found.eq(found)
        return m

    def _place(self, m, place, put, keep, hit):
        """One order, and whether it is the one asked for."""
        valid = Signal(name=f"valid{place}")
        entry = Signal(Entry, reset_less=True, name=f"entry{place}")
        key = Signal(REFERENCE_BITS, reset_less=True, name=f"key{place}")
        with m.If(put):
            m.d.sync += [valid.eq(keep), key.eq(self.put_key), entry.eq(self.put_entry)]
        m.d.comb += [self.entry[place].eq(entry), self.entry[place].valid.eq(valid)]
        alike = Signal(REFERENCE_BITS // CHUNK, reset_less=True, name=f"alike{place}")
        was = Signal(reset_less=True, name=f"was{place}")
        m.d.sync += [was.eq(valid), hit.eq(alike.all() & was)]
        m.d.sync += alike.eq(alike_chunks(key, self.key))
        return self.entry[place]


def alike_chunks(one, other):
    """Which pieces of two references are alike: half of a comparison, for a register to hold."""
    starts = range(0, REFERENCE_BITS, CHUNK)
    return Cat(one[at : at + CHUNK] == other[at : at + CHUNK] for at in starts)
