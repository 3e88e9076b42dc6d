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

    Parameters
    ----------
    early : names of fields
        What comes from the register; by default all. The other fields come out of the RAM, whose
        delay is theirs, and no enable fans out over them either: `o.ready` may be late.

    Members
    -------
    i : In(stream of `shape`)
        Ready while `level` is below `depth`; from a register. A source that cannot wait may leave
        `ready` unread if it lets nothing go that, with all it has let go and `level` does not yet
        count, would make more than `depth`.
    o : Out(stream of `shape`)
        The oldest item; it stands until it is taken.
    level : Out(range(depth + 1))
        Items held, from a register: every one taken in before this cycle and not out before the
        last one.

    Reset empties it; payloads keep what they hold and are never shown without `valid`.

    Raises
    ------
    ValueError
        "depth must be a power of two, 4 or more; got 12"
    """

    def __init__(self, shape, depth=16, early=None):
        if depth < 4 or depth & depth - 1:
            raise ValueError(f"depth must be a power of two, 4 or more; got {depth}")
        self._shape, self._depth, self._early = shape, depth, early
        payload = stream.Signature(shape)
        super().__init__({"i": In(payload), "o": Out(payload), "level": Out(range(depth + 1))})

    def elaborate(self, platform):
        """`out` holds the oldest item, the RAM the others; one goes round the RAM if it is empty.

        One that goes round is written, too, and read over: both places move.
        """
        m = Module()
        came, rest = self._split(self.i.payload)
        shown, late = self._split(self.o.payload)
        write, read = self._memory(m, "ram", len(came))
        out = Signal(len(came), reset_less=True)
        room, more = Signal(init=1), Signal()  # level < depth; level > 1, so some are in the RAM
        put, taken = self.i.valid & room, self.o.valid & self.o.ready
        m.d.comb += [self.i.ready.eq(room), shown.eq(out)]
        m.d.comb += [write.en.eq(1), write.data.eq(came)]
        with m.If(put):
            m.d.sync += write.addr.eq(write.addr + 1)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                out.eq(Mux(more, read.data, came)),
                self.o.valid.eq(more | put),
                read.addr.eq(read.addr + (more | put)),
            ]
        if len(rest):
            self._keep(m, rest, late, room, write.addr, read.addr)
        self._count(m, put, taken, room, more)
        return m

    def _count(self, m, put, taken, room, more):
        """How much is held; what comes in and what goes out are late, and only choose.

        Places of `level` turn over where all below them do: an enable would wait for both.
        """
        level, last, took = self.level, self._depth - 1, Signal()
        full = Cat(level[:bit].all() for bit in range(len(level)))
        empty = Cat(~level[:bit].any() for bit in range(len(level)))
        two = Mux(took, level == 3, level == 2)
        m.d.sync += [
            took.eq(taken),
            level.eq(level ^ Mux(put, Mux(took, 0, full), Mux(took, empty, 0))),
            room.eq(took | ~((level == self._depth) | (put & (level == last)))),
            more.eq(Mux(taken, more & (put | ~two), more | (put & self.o.valid))),
        ]

    def _keep(self, m, rest, late, room, write_place, read_place):
        """What is not in the register: the RAM keeps the oldest item's, and it must stay there."""
        write, read = self._memory(m, "rest", len(rest))
        m.d.comb += [
            write.addr.eq(write_place),
            write.data.eq(rest),
            write.en.eq(room),
            late.eq(read.data),
        ]
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += read.addr.eq(read_place)

    def _memory(self, m, name, width):
        """Ports of a LUT RAM: one to write, one to read in the same cycle."""
        m.submodules[name] = ram = memory.Memory(
            shape=width, depth=self._depth, init=[], attrs={"ram_style": "distributed"}
        )
        return ram.write_port(), ram.read_port(domain="comb")

    def _split(self, item):
        """The bits of an item that are early, and the others."""
        bits = Value.cast(item)
        if self._early is None:
            return bits, Cat()
        parts = {True: [], False: []}
        for name, field in self._shape:
            parts[name in self._early].append(bits[field.offset :][: field.width])
        return Cat(parts[True]), Cat(parts[False])
