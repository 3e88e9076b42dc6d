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
        Four cycles after the load; inverted where it is subtracted.
    add, subtract : In(1), In(1)
        The product of this cycle goes into the sum; that of the next cycle comes out of it.
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
        parts = []
        for one in (0, 1):
            for other in (0, 1):
                part = Signal(32, name=f"part_{one}{other}", reset_less=True)
                price, shares = (
                    self._factor("price", one, other),
                    self._factor("shares", other, one),
                )
                with m.If(self.load):
                    m.d.sync += [
                        price.eq(self.price.word_select(one, HALF)),
                        shares.eq(self.shares.word_select(other, HALF)),
                    ]
                m.d.sync += part.eq(price * shares)
                parts.append(part)
        outer, inner = Signal(64, reset_less=True), Signal(33, reset_less=True)
        m.d.sync += [
            outer.eq(Cat(parts[0], parts[3])),
            inner.eq(parts[1] + parts[2]),
            self.product.eq((outer + (inner << HALF))[:64] ^ self.subtract.replicate(64)),
        ]
        gross, changed, turned = Signal(GROSS_BITS), Signal(GROSS_BITS + 1), Signal()
        high = turned.replicate(GROSS_BITS + 1 - 64)
        m.d.comb += changed.eq(gross + Cat(self.product, high) + turned)
        m.d.sync += [turned.eq(self.subtract), self.total.eq(changed)]
        with m.If(self.add | turned):
            m.d.sync += gross.eq(changed)
        return m

    def _factor(self, name, half, copy):
        """A register of each multiplier's own, beside it.

        Both copies of a half differ in what they start with: a tool would make them one again.
        """
        init = copy * ((1 << HALF) - 1)
        return Signal(HALF, name=f"{name}_{half}{copy}", init=init, reset_less=True)
