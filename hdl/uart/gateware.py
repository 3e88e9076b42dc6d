"""Sender in gateware: words out on one wire, lowest byte first, as a serial port reads them."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

START, STOP = 0, 1  # bits around each byte


class Sender(wiring.Component):
    """Sends each word as bytes of one start bit, eight data bits and one stop bit.

    A word of n bytes takes `10 * n * divisor` cycles; the next is taken in the cycle after.

    Members
    -------
    i : In(stream of `width` bits)
        Words.
    o : Out(1)
        The wire; high between words.

    Reset breaks off in the middle of a byte.

    Raises
    ------
    ValueError
        "width must be a multiple of 8; got 12"
    """

    def __init__(self, width, divisor):
        if width % 8:
            raise ValueError(f"width must be a multiple of 8; got {width}")
        self._divisor = divisor
        super().__init__({"i": In(stream.Signature(width)), "o": Out(1, init=1)})

    def elaborate(self, platform):
        """A shift register of bits, one step every `divisor` cycles."""
        m = Module()
        width = len(self.i.payload)
        bits = width // 8 * 10
        shift, left = Signal(bits, reset_less=True), Signal(range(bits + 1))
        wait = Signal(range(self._divisor))
        framed = (
            Cat(C(START, 1), self.i.payload.word_select(k, 8), C(STOP, 1))
            for k in range(width // 8)
        )
        m.d.comb += self.i.ready.eq(left == 0)
        with m.If(self.i.ready):
            m.d.sync += [self.o.eq(1), wait.eq(0)]
            with m.If(self.i.valid):
                m.d.sync += [shift.eq(Cat(framed)), left.eq(bits)]
        with m.Elif(wait == 0):
            m.d.sync += [self.o.eq(shift[0]), shift.eq(shift >> 1), wait.eq(self._divisor - 1)]
        with m.Else():
            m.d.sync += wait.eq(wait - 1)
            with m.If(wait == 1):
                m.d.sync += left.eq(left - 1)
        return m
