"""Keeps the beats of frames while the line behind is not ready; never stalls the pins."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.elastic.gateware import SmallFifo
from tapeout.hdl.net.layout import BEAT

Beat = data.StructLayout(BEAT)
Stamped = data.StructLayout({"beat": Beat, "arrival_ns": 64})

HEAD = 16  # beats in LUT RAM, ahead of the block RAM
ON_THE_WAY = 4  # beats asked of the block RAM that `level` of the head does not count yet
MARGIN = 4  # places left when the block RAM counts as full: it is told one cycle late


class FrameBuffer(wiring.Component):
    """A FIFO of beats in block RAM, with a way round it while it is empty.

    Latency is one cycle while nothing waits, for one beat every cycle; a beat that finds others in
    block RAM follows them through it, which takes four. With `whole` a frame goes on only when its
    last beat is here and came without `error`: its first beat leaves four cycles after that.

    A frame that finds no room is dropped whole; one that runs out of room is cut: the last beat
    kept gets `last` and `error`, the rest is skipped. With `whole` both are dropped.

    Members
    -------
    i, i_valid : In(BEAT), In(1)
        What the pins bring; always taken.
    now_ns : In(64)
        The clock. Each beat keeps what it was when the beat came.
    go : In(1)
        Beats may leave in this cycle.
    o, o_valid : Out(BEAT), Out(1)
        One beat, gone with this cycle. `o_valid` needs `go`.
    arrival_ns : Out(64)
        When the beat at `o` was on the pins.
    pressed : Out(1)
        Three quarters of the block RAM are taken.
    frames, bad, cut, dropped : Out(32)
        Frames that ended on the pins; those of them that ended with `error`; those that were cut
        for want of room; those of which nothing is kept (with `whole`: the bad ones, too).

    Reset empties it; a frame whose first beats fell into the reset shows without them.

    Raises
    ------
    ValueError
        "words must be a power of two, 32 or more; got 100"
    """

    def __init__(self, words=512, *, whole=False):
        if words < 32 or words & words - 1:
            raise ValueError(f"words must be a power of two, 32 or more; got {words}")
        self._words, self._whole = words, whole
        counters = {name: Out(32) for name in ("frames", "bad", "cut", "dropped")}
        super().__init__(
            {
                "i": In(Beat),
                "i_valid": In(1),
                "now_ns": In(64),
                "go": In(1),
                "o": Out(Beat),
                "o_valid": Out(1),
                "arrival_ns": Out(64),
                "pressed": Out(1),
                **counters,
            }
        )

    def elaborate(self, platform):
        """Pins to block RAM, block RAM to the head; or pins to the head while the RAM is empty."""
        m = Module()
        m.submodules.head = head = SmallFifo(Stamped, HEAD)
        m.d.comb += [
            head.o.ready.eq(self.go),
            self.o_valid.eq(head.o.valid & self.go),
            self.o.eq(head.o.payload.beat),
            self.arrival_ns.eq(head.o.payload.arrival_ns),
        ]
        row, straight, kept, full = Signal(Stamped), Signal(Stamped), Signal(), Signal()
        m.d.comb += [row.arrival_ns.eq(self.now_ns), straight.arrival_ns.eq(self.now_ns)]
        m.d.comb += straight.beat.eq(self.i)  # past an empty block RAM: nothing is cut
        self._admit(m, row.beat, kept, full)
        idle = Signal(init=1)  # nothing in the block RAM nor on its way from there
        past = Signal()  # this beat goes round the block RAM
        if not self._whole:
            m.d.comb += past.eq(kept & idle & head.i.ready)
        fetched, arrives = self._store(m, row, kept & ~past, full, idle, head.level)
        m.d.comb += [
            head.i.valid.eq(arrives | past),
            head.i.payload.eq(Mux(idle, straight, fetched)),
        ]
        return m

    def _admit(self, m, beat, kept, full):
        """Which beats are kept, and with what marks; what became of their frames is counted."""
        inside, skipping = Signal(), Signal()  # of a frame: some of it is kept; none or no more
        counted = {name: Signal() for name in ("frames", "bad", "cut", "dropped")}
        cut = self.i_valid & full & inside & ~self.i.last
        m.d.comb += [
            kept.eq(self.i_valid & ~skipping & (inside | ~full)),
            beat.eq(self.i),
            beat.last.eq(self.i.last | cut),
            beat.error.eq(self.i.error | cut),
        ]
        with m.If(self.i_valid):
            m.d.sync += [
                inside.eq(kept & ~beat.last),
                skipping.eq(~self.i.last & (skipping | cut | (full & ~inside))),
            ]
        refused = self.i_valid & ~inside & ~skipping & full
        lost = cut | (kept & self.i.last & self.i.error)
        m.d.sync += [
            counted["frames"].eq(self.i_valid & self.i.last),
            counted["bad"].eq(self.i_valid & self.i.last & self.i.error),
            counted["cut"].eq(0 if self._whole else cut),
            counted["dropped"].eq(refused | lost if self._whole else refused),
        ]
        for name, event in counted.items():
            counter = getattr(self, name)
            m.d.sync += counter.eq(counter + event)

    def _store(self, m, row, put, full, idle, level):
        """The block RAM: what is `put` may be read once it is `settled`; rows read ahead come out.

        It is written in every cycle with a beat, at a place that is free. Its read port is never
        used for a row written in the same cycle.
        """
        m.submodules.ram = ram = memory.Memory(shape=Stamped, depth=self._words, init=[])
        write, read = ram.write_port(), ram.read_port()
        settled = Signal.like(write.addr)  # rows before it may be read
        asked, arrives, fetched = Signal(), Signal(), Signal(Stamped, reset_less=True)
        step = (read.addr != settled) & (level < HEAD - ON_THE_WAY)
        after = (write.addr + put)[: len(settled)]
        if self._whole:
            ends = put & row.beat.last
            with m.If(ends & row.beat.error):
                m.d.sync += write.addr.eq(settled)
            with m.Else():
                m.d.sync += write.addr.eq(after)
            with m.If(ends & ~row.beat.error):
                m.d.sync += settled.eq(after)
        else:
            m.d.sync += [write.addr.eq(after), settled.eq(after)]
        taken = Signal.like(write.addr)
        m.d.comb += [
            write.en.eq(self.i_valid),
            write.data.eq(row),
            read.en.eq(1),
            taken.eq(write.addr - read.addr),
        ]
        m.d.sync += [
            read.addr.eq(read.addr + step),
            asked.eq(step),
            arrives.eq(asked),
            fetched.eq(read.data),
            idle.eq(~put & (read.addr == settled) & ~asked),
            full.eq(taken >= self._words - MARGIN),
            self.pressed.eq(taken >= self._words * 3 // 4),
        ]
        return fetched, arrives
