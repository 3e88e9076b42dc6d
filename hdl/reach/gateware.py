"""How far the position of each slot can go if all its open orders are executed."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.pretrade.layout import SLOT_BITS, SLOTS

#: `up` if all buys are executed, `down` sold short if all sales are.
Far = data.StructLayout({"up": signed(32), "down": signed(32)})


class Reach(wiring.Component):
    """Keeps it by slot, in LUT RAM, and says whether an order would go too far.

    Members
    -------
    slot : In(4)
    side, shares, most : In(1), In(32), In(31)
        An order of that slot, and how far it may go.
    beyond : Out(1)
        It would go further; three cycles after the last of the above, or after a change.
    changes, told : In(1), In(1)
        The slot's reach changes by the `less` of the next cycle: shrinks if `told`, else grows.
    less, moves : In(33), In(1)
        By how much, and of which side.

    A change counts two cycles later. Reset makes all zero.
    """

    slot: In(SLOT_BITS)
    side: In(1)
    shares: In(32)
    most: In(31)
    beyond: Out(1)
    changes: In(1)
    told: In(1)
    less: In(33)
    moves: In(1)

    def elaborate(self, platform):
        """Read in every cycle, compared for an order, written two cycles after a change."""
        m = Module()
        m.submodules.reach = ram = memory.Memory(
            shape=Far.size, depth=SLOTS, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = ram.write_port(), ram.read_port(domain="comb")
        written, now = Signal(SLOTS), Signal(Far, reset_less=True)
        there = written.bit_select(self.slot, 1)
        far = Signal(signed(34), reset_less=True)
        m.d.comb += read.addr.eq(self.slot)
        m.d.sync += [
            Value.cast(now).eq(Mux(there, read.data, 0)),
            far.eq(Mux(self.side, now.down, now.up) + self.shares),
            self.beyond.eq((self.most - far)[-1]),
        ]
        new, en, slot = Signal(Far, reset_less=True), Signal(), Signal(SLOT_BITS)
        takes, changes, side = Signal(), Signal(), Signal(reset_less=True)
        m.d.sync += [
            takes.eq(self.told),
            changes.eq(self.changes),
            side.eq(self.moves),
            en.eq(changes),
            slot.eq(self.slot),
        ]
        amount = self.less ^ takes.replicate(len(self.less))
        up, down = (Mux(moved, Cat(amount, takes), 0) for moved in (~side, side))
        m.d.sync += [
            new.up.eq(now.up + up + (takes & ~side)),
            new.down.eq(now.down + down + (takes & side)),
        ]
        m.d.comb += [write.addr.eq(slot), write.data.eq(new), write.en.eq(en)]
        with m.If(en):
            m.d.sync += written.bit_select(slot, 1).eq(1)
        return m
