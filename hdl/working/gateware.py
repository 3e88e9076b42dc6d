"""Working orders of the policy by slot, and the search for the one that a report is of."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike
from tapeout.hdl.bounds.gateware import above
from tapeout.hdl.choice.gateware import any_of
from tapeout.hdl.policy.layout import COOLDOWN_BITS
from tapeout.hdl.pretrade.layout import REPORT, SLOT_BITS, SLOTS, Outcome

Report = data.StructLayout(REPORT)
TIME_BITS = COOLDOWN_BITS + 2  # a cooldown that is over is noticed long before it looks ahead
THEIRS = 31  # the bit of a number that is set of orders that are not the policy's

#: What is known of a slot's working order. `next`: its replacement's number, zero if there is none.
Order = data.StructLayout(
    {"number": 32, "next": 32, "price": 32, "left": 32, "side": 1, "muted": 1, "leaving": 1}
)
#: What a look at a slot shows: an order is `there`, by these names.
Look = data.StructLayout({"slot": SLOT_BITS, "there": 1, "number": 32, "next": 32})


def bit_of(slot):
    """One bit a slot, that of `slot` set."""
    return C(1, SLOTS) << slot


def place_of(bits):
    """The place of the one bit that is set."""
    return Cat(any_of(bits[at] for at in range(SLOTS) if at >> k & 1) for k in range(SLOT_BITS))


class Orders(wiring.Component):
    """The working order of each slot, and until when a slot must wait.

    Members
    -------
    slot : In(4)
        Which slot `order`, `there` and `cooled` are of, in the same cycle, and all writes.
    order, there, cooling, cooled : Out(Order), Out(1), Out(1), Out(1)
        Its order, whether there is one, whether it has a cooldown, and whether that is over.
    put, written, forget : In(1), In(Order), In(1)
        Write the order, or forget it.
    cool, cooldown : In(1), In(24)
        The slot must wait for so many cycles.
    look : Out(Look)
        Each slot in turn, one a cycle, as it was a cycle ago.
    over : Out(16)
        One bit a slot: its cooldown is found to be over, up to 2 `SLOTS` cycles late.

    Reset forgets all orders and cooldowns.
    """

    slot: In(SLOT_BITS)
    order: Out(Order)
    there: Out(1)
    cooling: Out(1)
    cooled: Out(1)
    put: In(1)
    written: In(Order)
    forget: In(1)
    cool: In(1)
    cooldown: In(COOLDOWN_BITS)
    look: Out(Look)
    over: Out(SLOTS)

    def elaborate(self, platform):
        """LUT RAM of two read ports: the slot's, and that of the slot whose turn it is."""
        m = Module()
        there, cooling, turn, now = (
            Signal(SLOTS),
            Signal(SLOTS),
            Signal(SLOT_BITS),
            Signal(TIME_BITS),
        )
        mine, its = bit_of(self.slot), bit_of(turn)
        order, seen = self._memory(m, "orders", Order, turn, self.put, self.written)
        end, other = self._memory(m, "ends", TIME_BITS, turn, self.cool, now + self.cooldown)
        at, until, wrote = Signal(SLOT_BITS), Signal(TIME_BITS, reset_less=True), Signal()
        was = bit_of(at)
        passed, its_end = Signal(), Signal(SLOTS)
        m.d.comb += [
            self.order.eq(order),
            self.there.eq(any_of(there & mine)),
            self.cooling.eq(any_of(cooling & mine)),
            self.cooled.eq(~(now - end)[TIME_BITS - 1]),
            self.over.eq(Mux(passed & ~wrote, its_end, 0)),
        ]
        m.d.sync += [
            now.eq(now + 1),
            turn.eq(turn + 1),
            there.eq((there | Mux(self.put, mine, 0)) & ~Mux(self.forget, mine, 0)),
            cooling.eq((cooling & ~self.over) | Mux(self.cool, mine, 0)),
            self.look.slot.eq(turn),
            self.look.there.eq(any_of(there & its)),
            self.look.number.eq(seen.number),
            self.look.next.eq(seen.next),
            at.eq(turn),
            until.eq(other),
            wrote.eq(self.cool),
            passed.eq(~(now - until)[TIME_BITS - 1] & ~wrote & any_of(cooling & was)),
            its_end.eq(was),
        ]
        return m

    def _memory(self, m, name, shape, turn, enable, value):
        """What it holds of the slot, and of the slot whose turn it is."""
        m.submodules[name] = ram = memory.Memory(
            shape=shape, depth=SLOTS, init=[], attrs={"ram_style": "distributed"}
        )
        write, *reads = ram.write_port(), *(ram.read_port(domain="comb") for _ in range(2))
        m.d.comb += [write.addr.eq(self.slot), write.en.eq(enable), write.data.eq(value)]
        m.d.comb += [
            read.addr.eq(slot) for read, slot in zip(reads, (self.slot, turn), strict=True)
        ]
        return [read.data for read in reads]


class Search(wiring.Component):
    """Finds the slot of a report among the policy's orders.

    Members
    -------
    i : In(stream of `REPORT`)
        Taken while nothing is looked for; those of orders that are not the policy's are gone then.
    look : In(Look)
        Each slot in turn, one a cycle.
    found, slot, report, key : Out(1), Out(4), Out(`REPORT`), Out(32)
        From at most `SLOTS` + 1 cycles after a report was taken until `done`; by which number.
    missed : Out(1)
        The report is of none of the orders.
    done : In(1)

    Reset forgets the report.
    """

    i: In(stream.Signature(Report))
    look: In(Look)
    found: Out(1)
    slot: Out(SLOT_BITS)
    report: Out(Report)
    key: Out(32)
    missed: Out(1)
    done: In(1)

    def elaborate(self, platform):
        """Compare the names of one order a cycle, until all had their turn."""
        m = Module()
        busy, left, key = Signal(), Signal(SLOT_BITS), self.key
        came, look = self.i.payload, self.look
        number = look.there & alike(m, look.number, key, "number")
        new = look.there & alike(m, look.next, self.report.number, "next")
        hit, last = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~busy & ~self.found),
            hit.eq(busy & (number | (new & (self.report.outcome == Outcome.LEFT)))),
        ]
        m.d.sync += [self.missed.eq(busy & last & ~hit), last.eq(busy & (left == 1))]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.report.eq(came),
                key.eq(Mux(came.outcome == Outcome.REPLACED, came.replaces, came.number)),
                busy.eq(~came.number[THEIRS] & came.number.any()),
                left.eq(SLOTS - 1),
            ]
        with m.Elif(busy):
            m.d.sync += [
                busy.eq(~hit & ~last),
                left.eq(left - 1),
                self.found.eq(hit),
                self.slot.eq(look.slot),
            ]
        with m.Elif(self.done):
            m.d.sync += self.found.eq(0)
        return m


#: What a report means for the order that it names, by its own number or its replacement's. `rest`:
#: so many shares are left then, or `all` are gone.
Meant = data.StructLayout(
    dict.fromkeys(("mine", "next", "all", "replaced", "left"), 1) | {"rest": 32}
)


def meaning(m, meant, order, there, report, key):
    """`Meant` of a report for the order of the slot that was found, a cycle later.

    An order that is gone takes its replacement with it: the exchange, which does not have what that
    was to replace, ignores it and never says so. What is not known of has nothing to wait for.
    """
    replaced, left = report.outcome == Outcome.REPLACED, report.outcome == Outcome.LEFT
    none = (left | replaced) & (report.shares == 0)
    return [
        meant.mine.eq(there & alike(m, order.number, key, "mine")),
        meant.next.eq(there & alike(m, order.next, report.number, "next")),
        meant.all.eq(none | (~replaced & ~above(order.left, report.shares))),
        meant.replaced.eq(replaced),
        meant.left.eq(left),
        meant.rest.eq(Mux(replaced, report.shares, order.left - report.shares)),
    ]
