"""A few orders in registers: those whose rows in block RAM are full."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import CHUNK, alike_chunks
from tapeout.hdl.choice.gateware import any_of
from tapeout.hdl.orders.layout import ENTRY, REFERENCE_BITS

Entry = data.StructLayout(ENTRY)


class Stash(wiring.Component):
    """`places` orders with their whole references.

    Three cycles from `key` to the answer, one a cycle. What is put shows in answers to keys asked
    in the next cycle or later.

    Members
    -------
    key : In(64)
        The reference to look for, in cycle t.
    unless : In(1)
        It is known elsewhere, so nothing is to be found, in cycle t + 1.
    elsewhere : In(`ENTRY`)
        The order that is known elsewhere, if it is shown; else all zero; in cycle t + 2.
    hit : Out(one bit a place)
        Where it is, in cycle t + 3.
    found : Out(`ENTRY`)
        The order itself, in cycle t + 3; all zero where there is none.
    put : In(one bit a place)
        The place to write in this cycle.
    put_key : In(64)
    put_entry : In(`ENTRY`)
        Not `valid` where the place is given back.
    entry : Out(array of `ENTRY`)
        All of it; what is put, from the next cycle on.

    Reset empties it.
    """

    def __init__(self, places: int):
        self.places = places
        super().__init__(
            {
                "key": In(REFERENCE_BITS),
                "unless": In(1),
                "elsewhere": In(Entry),
                "hit": Out(places),
                "found": Out(Entry),
                "put": In(places),
                "put_key": In(REFERENCE_BITS),
                "put_entry": In(Entry),
                "entry": Out(data.ArrayLayout(Entry, places)),
            }
        )

    def elaborate(self, platform):
        """Compare in two cycles, select in the third."""
        m = Module()
        entries, hit = self.entry, Signal(self.places, reset_less=True)
        for place in range(self.places):
            self._place(m, place, hit[place])
        found = Signal(Entry, reset_less=True)
        chosen = [Mux(hit[place], entries[place].as_value(), 0) for place in range(self.places)]
        m.d.comb += self.found.eq(found)
        m.d.sync += [self.hit.eq(hit), found.eq(any_of((*chosen, self.elsewhere)))]
        return m

    def _place(self, m, place, hit):
        """One order, and whether it is the one asked for."""
        valid = Signal(name=f"valid{place}")
        entry = Signal(Entry, reset_less=True, name=f"entry{place}")
        key = Signal(REFERENCE_BITS, reset_less=True, name=f"key{place}")
        with m.If(self.put[place]):
            m.d.sync += [
                valid.eq(self.put_entry.valid),
                key.eq(self.put_key),
                entry.eq(self.put_entry),
            ]
        m.d.comb += [self.entry[place].eq(entry), self.entry[place].valid.eq(valid)]
        alike = Signal(REFERENCE_BITS // CHUNK, reset_less=True, name=f"alike{place}")
        m.d.sync += alike.eq(alike_chunks(m, key, self.key, valid, f"pairs{place}"))
        m.d.sync += hit.eq(alike.all() & ~self.unless)
