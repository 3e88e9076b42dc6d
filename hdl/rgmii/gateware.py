"""Receiver in gateware: a byte a cycle in, words of frames out, their check sequence judged."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.net.layout import BEAT
from tapeout.hdl.rgmii.layout import (
    FCS_BYTES,
    LEAST_BYTES,
    POLYNOMIAL,
    RESIDUE,
    START,
    STATUS,
)

Beat = data.StructLayout(BEAT)
Status = data.StructLayout(STATUS)
BYTES = 8  # of a word


class Receiver(wiring.Component):
    """Finds frames among the bytes of a PHY, as `tapeout.hdl.rgmii.model.words` says.

    One byte a cycle, in the clock of the PHY. A word leaves seven cycles after its last byte, when
    it is known whether the four bytes behind it are the check: these stay behind. The last word of
    a frame leaves three cycles after the last byte of its check.

    Members
    -------
    i : In(8)
        A byte, the lower half of which came first; between frames the state of the link.
    i_valid, i_error : In(1), In(1)
        There is a byte; it was received badly.
    o : Out(`BEAT`), o_valid : Out(1)
        Cannot be held back. `error` comes with `last`: the check is wrong, the frame is shorter
        than 64 bytes, or one of its bytes was received badly. A frame of less than a check and a
        byte is a word of no bytes.
    status : Out(`STATUS`)
        The last state of the link.

    Reset forgets the frame in progress: what is left of it is no frame.
    """

    i: In(8)
    i_valid: In(1)
    i_error: In(1)
    o: Out(Beat)
    o_valid: Out(1)
    status: Out(Status)

    def elaborate(self, platform):
        """Bytes are told apart, checked, and gathered four bytes late."""
        m = Module()
        byte, valid, error = Signal(8), Signal(init=1), Signal()
        skipping, inside = Signal(init=1), Signal()  # until silence; behind `START`
        m.d.sync += [byte.eq(self.i), valid.eq(self.i_valid), error.eq(self.i_error)]
        with m.If(~valid):
            m.d.sync += [skipping.eq(0), inside.eq(0)]
            with m.If(~error):
                m.d.sync += self.status.eq(byte[: len(self.status.as_value())])
        with m.Elif(~skipping & (byte == START)):
            m.d.sync += inside.eq(1)
        good = self._check(m, byte, valid & inside, error)
        self._gather(m, byte, inside, valid, good)
        return m

    def _check(self, m, byte, taken, error):
        """Whether the frame up to the byte before this one is good."""
        crc, bad, count = Signal(32), Signal(), Signal(range(LEAST_BYTES + 1))
        m.d.sync += [crc.eq(0xFFFFFFFF), bad.eq(0), count.eq(0)]
        with m.If(taken):
            m.d.sync += [
                crc.eq(_step(crc, byte)),
                bad.eq(bad | error),
                count.eq(count + (count != LEAST_BYTES)),
            ]
        return (crc == RESIDUE) & ~bad & (count == LEAST_BYTES)

    def _gather(self, m, byte, inside, valid, good):
        """Bytes of a frame wait until four more are there; a word waits for the byte behind it."""
        late = Signal(8 * FCS_BYTES, reset_less=True)
        waiting = Signal(FCS_BYTES)
        comes, ends = inside & valid & waiting[-1], inside & ~valid
        word, count = Signal(64, reset_less=True), Signal(range(BYTES + 1))
        m.d.sync += self.o_valid.eq((comes & (count == BYTES)) | ends)
        m.d.sync += [
            self.o.data.eq(word),
            self.o.count.eq(count),
            self.o.last.eq(ends),
            self.o.error.eq(ends & ~good),
        ]
        with m.If(inside & valid):
            m.d.sync += [late.eq(Cat(byte, late)), waiting.eq(Cat(1, waiting))]
        with m.Else():
            m.d.sync += waiting.eq(0)
        with m.If(comes & (count != BYTES)):
            m.d.sync += [
                word.word_select(count[:3], 8).eq(late[-8:]),
                count.eq(count + 1),
            ]
        with m.Elif(comes):
            m.d.sync += [word.eq(late[-8:]), count.eq(1)]
        with m.Elif(ends):
            m.d.sync += [word.eq(0), count.eq(0)]


def _step(crc, byte):
    """The check of what has come so far and one more byte, bit by bit."""
    for bit in range(8):
        low = crc[0] ^ byte[bit]
        crc = Cat(crc[1:], 0) ^ Mux(low, POLYNOMIAL, 0)
    return crc
