"""Keeps records until the ring takes them; what finds no place is counted, and told there."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.card.layout import Entry
from tapeout.hdl.top.layout import BOOK_RECORD

BookRecord = data.StructLayout(BOOK_RECORD)


class Waiting(wiring.Component):
    """Records on their way to the ring, in block RAM; what finds no place is counted and told.

    Latency is two cycles; one record a cycle in and out. It holds `depth` and the one at `o`.

    Members
    -------
    i : In(stream of `BOOK_RECORD`)
        Always ready: a record that finds no place is dropped, and so is what comes until half of
        all places are free. Then an entry of kind `OVERFLOW` tells how many; a record that comes in
        that cycle is dropped, too, and is in its count.
    o : Out(stream of `BOOK_RECORD`)
        The oldest; it stands until it is taken.
    dropped : Out(32)
        Records dropped.
    full, overflowed : Out(1)
        What comes now is dropped; a record was dropped in the cycle before.

    Reset forgets all that waits, and what was dropped.

    Raises
    ------
    ValueError
        "depth must be a power of two, 2 or more; got 12"
    """

    i: In(stream.Signature(BookRecord))
    o: Out(stream.Signature(BookRecord))
    dropped: Out(32)
    full: Out(1)
    overflowed: Out(1)

    def __init__(self, depth):
        if depth < 2 or depth & depth - 1:
            raise ValueError(f"depth must be a power of two, 2 or more; got {depth}")
        self._depth = depth
        super().__init__()

    def elaborate(self, platform):
        """One write port for both kinds of entries; the read port holds what it shows."""
        m = Module()
        m.submodules.ram = ram = memory.Memory(
            shape=BookRecord, depth=self._depth, init=[], attrs={"ram_style": "block"}
        )
        write, read = ram.write_port(), ram.read_port()
        level, room, some = Signal(range(self._depth + 1)), Signal(init=1), Signal()
        losing, missing, first_ns = Signal(), Signal(32), Signal(64, reset_less=True)
        put, lost, step = Signal(), Signal(), Signal()
        told, after, loses = Signal(BookRecord), Signal.like(level), Signal()
        m.d.comb += [
            self.i.ready.eq(1),
            self.full.eq(~room),
            put.eq(room & (self.i.valid | losing)),
            lost.eq(self.i.valid & (losing | ~room)),
            loses.eq(~room & (losing | self.i.valid)),
            step.eq(some & (~self.o.valid | self.o.ready)),
            after.eq(level + put - step),
            told.kind.eq(Entry.OVERFLOW),
            told.subject.eq(missing + self.i.valid),
            told.arrival_ns.eq(first_ns),
            write.en.eq(put),
            write.data.eq(Mux(losing, told, self.i.payload)),
            read.en.eq(step),
            self.o.payload.eq(read.data),
        ]
        m.d.sync += [
            level.eq(after),
            room.eq(Mux(loses, after <= self._depth // 2, after != self._depth)),
            some.eq(after != 0),
            write.addr.eq(write.addr + put),
            read.addr.eq(read.addr + step),
            self.o.valid.eq(step | (self.o.valid & ~self.o.ready)),
            missing.eq(Mux(losing & room, 0, missing + lost)),
            losing.eq(loses),
            self.dropped.eq(self.dropped + lost),
            self.overflowed.eq(lost),
        ]
        with m.If(~losing):
            m.d.sync += first_ns.eq(self.i.payload.arrival_ns)
        return m
