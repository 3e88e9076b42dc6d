"""Parts that let a stream wait: a two-entry register slice and a small FIFO in LUT RAM."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out


class Slice(wiring.Component):
    """Cuts every path through a stream: both its valid and its ready come out of registers.

    Latency is one cycle; one item passes every cycle. It holds two items, so that one that is on
    its way when `o` is held back has a place.

    Members
    -------
    i : In(stream of `shape`)
        Ready for as long as the second place is free.
    o : Out(stream of `shape`)
        The oldest item; it stands until it is taken.

    Reset empties it; payloads keep what they hold and are never shown without `valid`.
    """

    def __init__(self, shape):
        payload = stream.Signature(shape)
        super().__init__({"i": In(payload), "o": Out(payload)})

    def elaborate(self, platform):
        """Whatever comes in is copied to the second place; it counts there if `o` was held."""
        m = Module()
        spare = Signal.like(Value.cast(self.i.payload), reset_less=True)
        free = Signal(init=1)  # the second place
        out = Signal.like(spare, reset_less=True)
        m.d.comb += [self.i.ready.eq(free), Value.cast(self.o.payload).eq(out)]
        with m.If(free):
            m.d.sync += spare.eq(self.i.payload)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                out.eq(Mux(free, self.i.payload, spare)),
                self.o.valid.eq(self.i.valid | ~free),
                free.eq(1),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += free.eq(0)
        return m


class SmallFifo(wiring.Component):
    """Keeps up to `depth` items in order, in LUT RAM behind a register.

    Latency is one cycle into an empty FIFO; one item in and one out every cycle. The item at `o`
    is one of the `depth`. The RAM is written in every cycle, at a place that is free, and the item
    counts where it was taken: no enable fans out over its width.

    Members
    -------
    i : In(stream of `shape`)
        Ready while fewer than `depth` items are held; from a register. A source that cannot wait
        may leave `ready` unread if it lets nothing go that, with all it has let go and `level` does
        not yet count, would make more than `depth`.
    o : Out(stream of `shape`)
        The oldest item, from a register; it stands until it is taken.
    level : Out(range(depth + 1))
        Items held, from a register: every one taken in before this cycle and not out before it.

    Reset empties it; payloads keep what they hold and are never shown without `valid`.

    Raises
    ------
    ValueError
        "depth must be a power of two, 4 or more; got 12"
    """

    def __init__(self, shape, depth=16):
        if depth < 4 or depth & depth - 1:
            raise ValueError(f"depth must be a power of two, 4 or more; got {depth}")
        self._shape, self._depth = shape, depth
        payload = stream.Signature(shape)
        super().__init__({"i": In(payload), "o": Out(payload), "level": Out(range(depth + 1))})

    def elaborate(self, platform):
        """`o` holds the oldest item, the RAM the others; an item goes round the RAM if it is empty.

        One that goes round is written, too, and read over: both places move.
        """
        m = Module()
        m.submodules.ram = ram = memory.Memory(
            shape=self._shape, depth=self._depth, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = ram.write_port(), ram.read_port(domain="comb")
        out = Signal.like(Value.cast(self.o.payload), reset_less=True)
        room, more = Signal(init=1), Signal()  # level < depth; level > 1, so some are in the RAM
        put, taken = self.i.valid & room, self.o.valid & self.o.ready
        m.d.comb += [self.i.ready.eq(room), Value.cast(self.o.payload).eq(out)]
        m.d.comb += [write.en.eq(1), Value.cast(write.data).eq(self.i.payload)]
        with m.If(put):
            m.d.sync += write.addr.eq(write.addr + 1)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                out.eq(Mux(more, read.data, self.i.payload)),
                self.o.valid.eq(more | put),
                read.addr.eq(read.addr + (more | put)),
            ]
        with m.If(put & ~taken):
            m.d.sync += [
                self.level.eq(self.level + 1),
                room.eq(self.level != self._depth - 1),
                more.eq(self.level != 0),
            ]
        with m.Elif(taken & ~put):
            m.d.sync += [self.level.eq(self.level - 1), room.eq(1), more.eq(self.level > 2)]
        return m
