"""What orders are worth: price times shares, and the sum of all of them."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

LATENCY = 4  # cycles from a factor to the product
HALF = 16
GROSS_BITS = 72  # 128 orders of 2**32 - 1 shares, each executed at 2**32 - 1, on top of the limit


class Notional(wiring.Component):
    """A multiplier, one product a cycle, and a sum, without rounding.

    Members
    -------
    load, price, shares : In(1), In(32), In(32)
        The next factors; the product stands until those of the next load come out.
    product : Out(64)
        Four cycles after the load.
    add, subtract : In(1), In(1)
        The product of this cycle goes into the sum, or out of it.
    total : Out(73)
        The sum and the product of a cycle before, unless that was subtracted.

    Reset makes the sum zero.
    """

    load: In(1)
    price: In(32)
    shares: In(32)
    product: Out(64)
    add: In(1)
    subtract: In(1)
    total: Out(GROSS_BITS + 1)

    def elaborate(self, platform):
        """Four products of halves, then two sums."""
        m = Module()
        price, shares = Signal(32, reset_less=True), Signal(32, reset_less=True)
        with m.If(self.load):
            m.d.sync += [price.eq(self.price), shares.eq(self.shares)]
        parts = [
            Signal(32, name=f"part_{one}{other}", reset_less=True)
            for one in (0, 1)
            for other in (0, 1)
        ]
        halves = [[word[:HALF], word[HALF:]] for word in (price, shares)]
        m.d.sync += [
            part.eq(one * other)
            for part, (one, other) in zip(
                parts, [(one, other) for one in halves[0] for other in halves[1]], strict=True
            )
        ]
        outer, inner = Signal(64, reset_less=True), Signal(33, reset_less=True)
        m.d.sync += [
            outer.eq(Cat(parts[0], parts[3])),
            inner.eq(parts[1] + parts[2]),
            self.product.eq(outer + (inner << HALF)),
        ]
        gross, changed = Signal(GROSS_BITS), Signal(GROSS_BITS + 1)
        turned = self.product ^ self.subtract.replicate(64)
        high = self.subtract.replicate(GROSS_BITS + 1 - 64)
        m.d.comb += changed.eq(gross + Cat(turned, high) + self.subtract)
        m.d.sync += self.total.eq(changed)
        with m.If(self.add | self.subtract):
            m.d.sync += gross.eq(changed)
        return m
