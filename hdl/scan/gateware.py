"""Scan in gateware: reads the whole order table and finds the best price beyond a bound."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.orders.layout import ENTRY

Entry = data.StructLayout(ENTRY)
#: Cycles from the slot in which a row of orders is read to its entries.
DELAY = 4


class Scan(wiring.Component):
    """Finds the best price beyond a bound, among all orders of one side of one instrument.

    Reads one row of the table every second cycle at best, in slots that nobody else needs, and the
    stash at the end. A row in which there are such orders is worked off, three cycles an order,
    before the reading goes on behind it: what was read ahead is read again.

    Members
    -------
    start : In(1)
        Begins; the next four stand until `done`.
    side : In(1), instrument : In(8), bound : In(32), bounded : In(1)
        If `bounded`, only prices worse than `bound` count.
    done : Out(1)
        For one cycle. The next four then stand until `start`.
    found : Out(1), price : Out(32), lots : Out(32), overflowed : Out(1)
        The best price, if there is one, and the sum of its lots; it may need more than 32 bits.
    scan_row : Out(range(rows)), scan_taken : In(1)
        A row to be read; it is being read.
    scan_entry : In(array of `ENTRY`)
        Its orders, `DELAY` cycles later.
    stash : In(array of `ENTRY`)
        Orders that are in no row.

    Reset ends a scan without a word.
    """

    def __init__(self, rows=512, places=8, stash=8):
        self.rows, self.places = rows, max(places, stash)
        super().__init__({
            "start": In(1), "done": Out(1),
            "side": In(1), "instrument": In(8), "bound": In(32), "bounded": In(1),
            "found": Out(1), "price": Out(32), "lots": Out(32), "overflowed": Out(1),
            "scan_row": Out(range(rows)), "scan_taken": In(1),
            "scan_entry": In(data.ArrayLayout(Entry, places)),
            "stash": In(data.ArrayLayout(Entry, stash)),
        })  # fmt: skip

    def elaborate(self, platform):
        """Read, keep the orders that are meant, weigh them one by one."""
        m = Module()
        meant = Signal(self.places)  # orders of the kept row that are still to be weighed
        kept = Signal(data.ArrayLayout(Entry, self.places), reset_less=True)
        weighed = Signal(2)  # an order stands in `order`, its comparisons stand beside it
        order = Signal(Entry, reset_less=True)

        busy, picks = meant.any() | weighed.any(), Signal()
        arrived, unstashed = self._read(m, busy)
        lowest = meant & ~(meant - 1)[: self.places]
        m.d.comb += picks.eq(meant.any() & ~weighed.any())
        m.d.sync += weighed.eq(Cat(picks, weighed))
        with m.If(picks):
            m.d.sync += [meant.eq(meant & ~lowest), order.eq(_only(lowest, kept))]
        for there, entries in ((arrived, self.scan_entry), (unstashed, self.stash)):
            with m.If(there):
                m.d.sync += [kept.eq(entries), meant.eq(self._meant(entries))]
        self._weigh(m, order, weighed)
        return m

    def _meant(self, entries):
        """Which of them are orders of this side of this instrument."""
        return Cat(
            e.valid & (e.instrument == self.instrument) & (e.side == self.side) for e in entries
        )

    def _read(self, m, busy):
        """Ask for all rows, then for the stash; when which of them is there."""
        running, recent, stashed = Signal(), Signal(), Signal()
        asked, seen = Signal(range(self.rows + 1)), Signal(range(self.rows + 1))
        coming = Signal(DELAY)
        asks, arrived, unstashed = Signal(), Signal(), Signal()
        m.d.comb += [
            self.scan_row.eq(asked),
            asks.eq(running & self.scan_taken & ~recent & ~busy & (asked != self.rows)),
            arrived.eq(coming[-1]),
            self.done.eq(running & stashed & ~busy),
        ]
        m.d.sync += [
            recent.eq(asks),
            coming.eq(Cat(asks, coming)),
            asked.eq(asked + asks),
            seen.eq(seen + arrived),
            unstashed.eq(running & (seen == self.rows) & ~(busy | stashed | unstashed)),
            stashed.eq(stashed | unstashed),
        ]
        with m.If(busy):
            m.d.sync += [coming.eq(0), asked.eq(seen)]
        with m.If(self.done):
            m.d.sync += running.eq(0)
        with m.If(self.start):
            m.d.sync += [running.eq(1), stashed.eq(0), asked.eq(0), seen.eq(0)]
        return arrived, unstashed

    def _weigh(self, m, order, weighed):
        """Compare an order with the bound and the best, then take it or add it."""
        flip = (~self.side).replicate(32)  # so that less is better on either side
        beyond, better, equal = (
            Signal(name=n, reset_less=True) for n in ("beyond", "better", "equal")
        )
        m.d.sync += [
            beyond.eq(~self.bounded | ((order.price ^ flip) > (self.bound ^ flip))),
            better.eq(~self.found | ((order.price ^ flip) < (self.price ^ flip))),
            equal.eq(order.price == self.price),
        ]
        with m.If(weighed[1] & beyond & better):
            m.d.sync += [
                self.found.eq(1),
                self.price.eq(order.price),
                self.lots.eq(order.shares),
                self.overflowed.eq(0),
            ]
        with m.Elif(weighed[1] & beyond & equal):
            total = self.lots + order.shares
            m.d.sync += [self.lots.eq(total), self.overflowed.eq(self.overflowed | total[32])]
        with m.If(self.start):
            m.d.sync += self.found.eq(0)


def _only(one_hot, entries):
    """The entry whose bit is set."""
    words = (Mux(bit, e.as_value(), 0) for bit, e in zip(one_hot, entries, strict=True))
    return reduce(or_, words)
