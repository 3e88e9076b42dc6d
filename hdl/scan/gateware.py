"""Scan in gateware: reads the whole order table and finds the next best prices beyond a bound."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike_bits
from tapeout.hdl.choice.gateware import chosen as one_of
from tapeout.hdl.orders.layout import ENTRY

Entry = data.StructLayout(ENTRY)
#: A price and the sum of its lots, which may need more than 32 bits.
Found = data.StructLayout({"price": 32, "lots": 32, "overflowed": 1, "known": 1})
#: Cycles from the slot in which a row of orders is read to its entries.
DELAY = 4
#: Cycles from the look at the stash to `done`, at least.
LINGER = 5


class Scan(wiring.Component):
    """Finds the best prices beyond a bound, among all orders of one side of one instrument.

    Reads one row of the table in every slot that nobody else needs, and the stash at the end. An
    order that is meant takes two cycles. What is read behind a row with such orders is dropped and
    read again.

    All bits of a bid's price are turned here, of `bound` and `found`, too: less is better.

    Members
    -------
    start : In(1)
        Begins; the next four stand until `done`.
    side : In(1), instrument : In(8), bound : In(32), bounded : In(1)
        If `bounded`, only prices worse than `bound` count.
    done : Out(1)
        For one cycle. `found` then stands until `start`.
    found : Out(array of `Found`)
        The best prices, best first, as far as there are any.
    scan_row : Out(range(rows)), scan_taken : In(1)
        A row to be read; it is being read.
    scan_entry : In(array of `ENTRY`)
        Its orders, `DELAY` cycles later.
    stash : In(array of `ENTRY`)
        Orders that are in no row.

    Reset ends a scan without a word. `rows` is a power of two, as in the table.
    """

    def __init__(self, rows=512, places=8, stash=8, prices=4):
        self.rows, self.places = rows, max(places, stash)
        super().__init__({
            "start": In(1), "done": Out(1),
            "side": In(1), "instrument": In(8), "bound": In(32), "bounded": In(1),
            "found": Out(data.ArrayLayout(Found, prices)),
            "scan_row": Out(range(rows)), "scan_taken": In(1),
            "scan_entry": In(data.ArrayLayout(Entry, places)),
            "stash": In(data.ArrayLayout(Entry, stash)),
        })  # fmt: skip

    def elaborate(self, platform):
        """Read, keep the orders that are meant, choose one, show it, compare it, put it in."""
        m = Module()
        meant = Signal(self.places)  # orders of the kept row that are still to be weighed
        kept = Signal(data.ArrayLayout(Entry, self.places), reset_less=True)
        chosen = Signal(self.places, reset_less=True)
        order = Signal(Entry, reset_less=True)
        weighed = Signal(3)  # an order is chosen, stands in `order`, has been compared

        blocked = meant.any()
        arrived, stashing = self._read(m, blocked, idle=~weighed.any())
        picks, lowest = (
            blocked & ~weighed[0],
            Cat(meant[place] & ~meant[:place].any() for place in range(self.places)),
        )
        m.d.sync += [
            weighed.eq(Cat(picks, weighed)),
            chosen.eq(lowest),
            order.eq(one_of(chosen, kept)),
            order.price.eq(one_of(chosen, (e.price for e in kept)) ^ (~self.side).replicate(32)),
        ]
        left = meant & ~Mux(weighed[0], 0, lowest)
        fresh = self._meant(self.scan_entry, arrived) | self._meant(self.stash, stashing)
        m.d.sync += meant.eq(Mux(blocked, left, fresh))
        with m.If(~blocked):
            m.d.sync += kept.eq(Mux(stashing, self.stash.as_value(), self.scan_entry.as_value()))
        self._weigh(m, order, weighed)
        return m

    def _meant(self, entries, there):
        """Which of them are orders of this side of this instrument, where they are `there`."""
        return Cat(
            (there & e.valid & (e.side == self.side)) & (e.instrument == self.instrument)
            for e in entries
        )

    def _read(self, m, blocked, idle):
        """Ask for all rows, then for the stash; when which of them is there.

        No row is taken in while orders of the one before are `blocked`: then it, and what is on its
        way behind it, is asked for again.
        """
        running, fresh, stashing = Signal(), Signal(), Signal()
        asked, seen = Signal(range(self.rows + 1)), Signal(range(self.rows + 1))
        coming, past = Signal(DELAY), Signal(LINGER)
        arrived, again, asks = coming[-1], Signal(), Signal()
        m.d.comb += [
            self.scan_row.eq(asked),
            again.eq(blocked & (fresh | arrived)),
            asks.eq(running & self.scan_taken & ~asked[-1]),
        ]
        m.d.sync += [
            self.done.eq(past[-1] & ~blocked & idle & ~self.done),
            fresh.eq(arrived & ~blocked),
            coming.eq(Mux(again, 0, Cat(asks, coming))),
            asked.eq(Mux(again, seen, Mux(asks, asked + 1, asked))),
            seen.eq(Mux(arrived & ~blocked, seen + 1, seen)),
            stashing.eq(running & seen[-1] & ~(blocked | stashing | past[0])),
            past.eq(Cat(stashing | past[0], past)),
        ]
        with m.If(self.done):
            m.d.sync += [running.eq(0), past.eq(0)]
        with m.If(self.start):
            m.d.sync += [running.eq(1), asked.eq(0), seen.eq(0)]
        return arrived, stashing

    def _weigh(self, m, order, weighed):
        """Compare an order with the bound and all prices found, then put it in or add it."""
        price, beyond = order.price, Signal(reset_less=True)
        lots, worth = Signal(32, reset_less=True), Signal(32, reset_less=True)
        better, equal = (
            Signal(len(self.found), name=n, reset_less=True) for n in ("better", "equal")
        )
        m.d.sync += [
            beyond.eq(~self.bounded | (self.bound < price)),
            better.eq(Cat(~each.known | (price < each.price) for each in self.found)),
            equal.eq(Cat(each.known & alike_bits(price, each.price) for each in self.found)),
            worth.eq(price),
            lots.eq(order.shares),
        ]
        puts = weighed[2] & beyond & ~equal.any()
        for place, each in enumerate(self.found):
            total = each.lots + lots
            before = self.found[place - 1]
            with m.If(puts & better[place]):
                m.d.sync += each.eq(Cat(worth, lots, C(0b10, 2)))
                if place:
                    with m.If(better[place - 1]):
                        m.d.sync += each.eq(before)
            with m.Elif(weighed[2] & beyond & equal[place]):
                m.d.sync += [each.lots.eq(total), each.overflowed.eq(each.overflowed | total[32])]
            with m.If(self.start):
                m.d.sync += each.known.eq(0)
