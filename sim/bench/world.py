"""The feed handler among what surrounds it: a clock, a reset button, a host that looks away."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.books.gateware import Subscribe
from tapeout.hdl.elastic.gateware import Slice
from tapeout.hdl.line.gateware import Beat
from tapeout.hdl.publisher.gateware import BookRecord
from tapeout.hdl.top.gateware import FeedHandler, Statistics
from tapeout.sim.whole.witness import Met, Witness

NEVER = (1 << 32) - 1


class World(wiring.Component):
    """Drives what a stream cannot, at cycles that are settings; the first cycle is 0.

    Members
    -------
    a, b, listen, o, enable, learn, statistics
        Those of `FeedHandler`, whose clock counts cycles.
    reset_at : In(32)
        In this cycle the handler is reset.
    hold_from, hold_to : In(32)
        From one cycle to before the other the host takes no record.
    """

    a: In(stream.Signature(Beat))
    b: In(stream.Signature(Beat))
    listen: In(stream.Signature(Subscribe))
    enable: In(2, init=3)
    learn: In(1)
    reset_at: In(32, init=NEVER)
    hold_from: In(32, init=NEVER)
    hold_to: In(32, init=NEVER)
    o: Out(stream.Signature(BookRecord))
    statistics: Out(Statistics)
    met: Out(Met)

    def __init__(self, *, witness=False, **parameters):
        self._handler, self._witness = FeedHandler(**parameters), witness
        super().__init__()

    def elaborate(self, platform):
        """Connect, count, press the button, look away."""
        m = Module()
        handler, now, reset, held = self._handler, Signal(64), Signal(), Signal()
        m.submodules.handler = ResetInserter(reset)(handler)
        if self._witness:
            m.submodules.witness = witness = Witness(handler.books)
            m.d.comb += self.met.eq(witness.met)
        m.submodules.desk = desk = Slice(BookRecord)  # what the host has taken, no reset takes away
        wiring.connect(m, desk.o, wiring.flipped(self.o))
        for name in ("a", "b", "listen"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(handler, name))
        m.d.sync += now.eq(now + 1)
        m.d.comb += [
            reset.eq(now == self.reset_at),
            held.eq((now >= self.hold_from) & (now < self.hold_to)),
            handler.now_ns.eq(now),
            handler.enable.eq(self.enable),
            handler.learn.eq(self.learn),
            desk.i.payload.eq(handler.o.payload),
            desk.i.valid.eq(handler.o.valid & ~held & ~reset),
            handler.o.ready.eq(desk.i.ready & ~held),
            self.statistics.eq(handler.statistics),
        ]
        return m
