"""Limits and best prices of each slot, and what they say of an order."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.pretrade.layout import LIMITS, NOTIONAL_BITS, QUOTE, SLOT_BITS, SLOTS

Quote = data.StructLayout(QUOTE)
SlotLimits = data.StructLayout({"slot": SLOT_BITS} | LIMITS)
#: What is kept of them; `bid_there`: it is not zero.
USED = ("restricted", "collar", "max_shares", "max_notional", "max_position")
Kept = data.StructLayout({name: LIMITS[name] for name in USED})
Prices = data.StructLayout({"bid": 32, "ask": 32, "bid_there": 1, "ask_there": 1, "stale": 1})
#: What is found.
Found = data.StructLayout(
    dict.fromkeys(("restricted", "stale", "collar", "size", "notional"), 1) | {"max_position": 31}
)


def above(one, other):
    """Whether an unsigned number is above another: the borrow of their difference.

    That is a carry chain; of a comparison tools make a tree of tables, which has longer wires.
    """
    size = max(len(one), len(other))
    return (other - one)[size]


class Bounds(wiring.Component):
    """Keeps limits and quotes by slot, in LUT RAM, and judges one order at a time.

    Members
    -------
    limit, limit_en : In({slot, `LIMITS`}), In(1)
        What a slot's limits are from the next cycle on.
    quote, quote_valid : In(`QUOTE`), In(1)
        What its best prices are from two cycles later on.
    look, slot, side, shares, price, product : In(1), In(4), In(1), In(32), In(32), In(64)
        An order; limits and prices are those of the cycle of `look`. It stands from then on, its
        product from four cycles later.
    found : Out(Found)
        What is wrong with it, all of it five cycles after `look`: until the next.

    Reset forgets limits and quotes: zero allows nothing, and there is no price.
    """

    limit: In(SlotLimits)
    limit_en: In(1)
    quote: In(Quote)
    quote_valid: In(1)
    look: In(1)
    slot: In(SLOT_BITS)
    side: In(1)
    shares: In(32)
    price: In(32)
    product: In(64)
    found: Out(Found)

    def elaborate(self, platform):
        """Compare at the carry chain, add the collar a cycle before."""
        m = Module()
        limits = self._limits(m)
        prices = self._prices(m)
        reference, there = Signal(32), Signal()
        bid_first = Mux(self.side, prices.bid_there, ~prices.ask_there)
        m.d.comb += [
            reference.eq(Mux(bid_first, prices.bid, prices.ask)),
            there.eq(prices.bid_there | prices.ask_there),
        ]
        low, high = Signal(32, reset_less=True), Signal(32, reset_less=True)
        edge, nothing = Signal(33, reset_less=True), Signal()
        most = Cat(C(0, NOTIONAL_BITS), limits.max_notional)
        m.d.sync += [
            low.eq(Mux(self.side, self.price, reference)),
            high.eq(Mux(self.side, reference, self.price)),
            edge.eq(low + limits.collar),
            nothing.eq(~there),
            self.found.collar.eq(nothing | above(high, edge)),
            self.found.size.eq(above(self.shares, limits.max_shares)),
            self.found.notional.eq(above(self.product, most)),
        ]
        m.d.comb += [
            self.found.restricted.eq(limits.restricted),
            self.found.stale.eq(prices.stale),
            self.found.max_position.eq(limits.max_position),
        ]
        return m

    def _limits(self, m):
        """Those of the order's slot, a cycle after `look`."""
        words = [self.limit[name] for name in USED]
        return self._table(m, "limits", Kept, Cat(words), self.limit.slot, self.limit_en)

    def _prices(self, m):
        """Those of the order's slot, a cycle after `look`. Whether one is zero takes a cycle."""
        told, valid, slot = Signal(Prices, reset_less=True), Signal(), Signal(SLOT_BITS)
        m.d.sync += [
            told.bid.eq(self.quote.bid),
            told.ask.eq(self.quote.ask),
            told.bid_there.eq(self.quote.bid.any()),
            told.ask_there.eq(self.quote.ask.any()),
            told.stale.eq(self.quote.stale),
            slot.eq(self.quote.slot),
            valid.eq(self.quote_valid),
        ]
        return self._table(m, "quotes", Prices, told, slot, valid)

    def _table(self, m, name, shape, word, slot, en):
        """A row a slot; one that was not written since the reset reads as zero."""
        m.submodules[name] = table = memory.Memory(
            shape=len(Value.cast(word)), depth=SLOTS, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = table.write_port(), table.read_port(domain="comb")
        written, row = Signal(SLOTS, name=f"{name}_written"), Signal(shape, name=f"{name}_row")
        m.d.comb += [
            write.addr.eq(slot),
            write.data.eq(word),
            write.en.eq(en),
            read.addr.eq(self.slot),
        ]
        with m.If(en):
            m.d.sync += written.bit_select(slot, 1).eq(1)
        with m.If(self.look):
            there = written.bit_select(self.slot, 1)
            m.d.sync += Value.cast(row).eq(Mux(there, read.data, 0))
        return row
