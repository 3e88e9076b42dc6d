"""The open orders of each slot, and how far its position can go with them."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike
from tapeout.hdl.bounds.gateware import above
from tapeout.hdl.choice.gateware import chosen
from tapeout.hdl.orphans.gateware import PLACES, Orphans
from tapeout.hdl.pretrade.layout import NAME_BITS, OPEN, SLOT_BITS, SLOTS, Action, Outcome
from tapeout.hdl.reach.gateware import Reach

STEPS = 9  # cycles that a job takes
PIECES = 4  # of 32 bits that are compared before a register

#: An intent, or a report (`told`) with its outcome in `action`.
Job = data.StructLayout(
    {"told": 1, "action": 2, "side": 1, "slot": SLOT_BITS}
    | dict.fromkeys(("number", "replaces", "shares", "price"), 32)
)
Order = data.StructLayout({"number": 32, "price": 32})
#: `waits`: for which order of its side, one bit a place.
Left = data.StructLayout({"shares": 32, "waits": OPEN})
Row = data.StructLayout(
    {
        "orders": data.ArrayLayout(Order, PLACES),
        "lefts": data.ArrayLayout(Left, PLACES),
        "open": PLACES,
    }
)
#: What is wrong with an intent.
Found = data.StructLayout(dict.fromkeys(("unknown", "crosses", "full", "taken", "position"), 1))


class Resting(wiring.Component):
    """Finds open orders by slot or by number, lets one in, takes off what a report says.

    A report names no slot: a block RAM has the slot of the last order that was let in with the same
    low bits of its number. No two open orders share those, so it is that of the open one.

    An order that is to replace another waits for it, until a report says that it has. If that one
    goes otherwise, the exchange ignores the one that waits and tells nobody: it is taken off, too,
    as if it had left, in a job of its own each.

    Members
    -------
    job : In(Job)
        Stands for the nine cycles of `step`; the next one may come with the next cycle.
    step : In(9)
        One bit a cycle: how far the job is.
    max_position : In(31)
        From the second step on.
    found : Out(Found)
        What is wrong with the intent, from the sixth step on.
    enter : In(1)
        In the ninth step: the intent becomes an open order.
    mine, other : Out(32 price, 32 shares)
        The order reported of, and the one it replaces, from the seventh step on.
    gone : Out(32)
        Shares of `mine` that are not open any more; in the ninth step.
    sound, error : Out(1), Out(1)
        Whether the report makes sense; in the ninth step. `sound` stands until the next ninth step.
    follows : Out(1)
        In the eighth step of a report: an order waits for one that is gone now. The next job must
        be a report that one left, by the number of this report; it is taken to be of that order.

    Reset forgets all orders and positions.
    """

    Part = data.StructLayout({"price": 32, "shares": 32})

    def __init__(self, name_bits=NAME_BITS):
        self._name_bits = name_bits
        super().__init__({
            "job": In(Job), "step": In(STEPS), "max_position": In(31), "found": Out(Found),
            "enter": In(1), "mine": Out(self.Part), "other": Out(self.Part), "gone": Out(32),
            "sound": Out(1), "error": Out(1), "follows": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        """Read the slot's orders, compare, then write what became of one."""
        m = Module()
        hint = self._hint(m)
        self._slot = Signal(SLOT_BITS, reset_less=True)
        self._replaces, self._forced = Signal(), Signal()
        self._free, self._left = Signal(PLACES, reset_less=True), Signal(Left, reset_less=True)
        self._closes = Signal(PLACES, reset_less=True)
        m.d.sync += [
            self._slot.eq(Mux(self.job.told, hint, self.job.slot)),
            self._replaces.eq(self.job.told & (self.job.action == Outcome.REPLACED)),
        ]
        self._named, self._orphan = Signal(PLACES, reset_less=True), Signal(PLACES, reset_less=True)
        row = self._rows(m, hint)
        named, replaced = self._alike(m, row)
        self._judge(m, row, replaced)
        less, moves = self._report(m, row, named, replaced)
        self._reach(m, less, moves)
        return m

    def _hint(self, m):
        """The slot that an order of that number may be in, from the third step on."""
        m.submodules.names = names = memory.Memory(
            shape=SLOT_BITS, depth=1 << self._name_bits, init=[], attrs={"ram_style": "block"}
        )
        write, read = names.write_port(), names.read_port()
        hint = Signal(SLOT_BITS, reset_less=True)
        m.d.comb += [
            read.addr.eq(self.job.number),
            write.addr.eq(self.job.number),
            write.data.eq(self.job.slot),
            write.en.eq(self.enter),
        ]
        m.d.sync += hint.eq(read.data)
        return hint

    def _rows(self, m, hint):
        """Orders of the intent's slot from the third step on, of the report's from the fifth.

        Whether the intent's number is taken is seen in the row that the hint names.
        """
        job, row, now = self.job, Signal(Row, reset_less=True), Signal(Row)
        at, bits = Signal(SLOT_BITS, reset_less=True), Signal(SLOTS, reset_less=True)
        slot = Mux(self.step[2], hint, job.slot)
        m.d.sync += [at.eq(slot), bits.eq(C(1, SLOTS) << slot)]
        writes = Signal(PLACES)  # the place whose shares are written
        told = Mux(self.sound & self.step[8], self._named, 0)
        m.d.comb += writes.eq(Mux(self.enter, self._free, told))
        for place in range(PLACES):
            for name, shape, word, en in (
                (
                    "orders",
                    Order.size,
                    Cat(job.number, job.price),
                    self._free & self.enter.replicate(PLACES),
                ),
                ("lefts", Left.size, self._left, writes),
            ):
                m.submodules[f"{name}_{place}"] = ram = memory.Memory(
                    shape=shape, depth=SLOTS, init=[], attrs={"ram_style": "distributed"}
                )
                write, read = ram.write_port(), ram.read_port(domain="comb")
                m.d.comb += [
                    write.addr.eq(self._slot),
                    write.data.eq(word),
                    write.en.eq(en[place]),
                    read.addr.eq(at),
                    Value.cast(now[name][place]).eq(read.data),
                ]
        m.d.comb += now.open.eq(self._opens(m, bits))
        with m.If(self.step[1] | (self.step[3] & job.told)):
            m.d.sync += row.eq(now)
        self._taken(m, now)
        return row

    def _opens(self, m, bits):
        """Which places of a slot are open orders'; changed in the ninth step."""
        here, word = Signal(SLOTS, reset_less=True), []
        m.d.sync += here.eq(C(1, SLOTS) << self._slot)
        adds = Mux(self.enter, self._free, 0)
        drops = Mux(self.sound & self.step[8], self._closes, 0)
        for slot in range(SLOTS):
            opens = Signal(PLACES, name=f"open_{slot}")
            m.d.sync += opens.eq((opens | Mux(here[slot], adds, 0)) & ~Mux(here[slot], drops, 0))
            word.append(opens)
        return chosen(bits, word)

    def _taken(self, m, now):
        """Whether an open order has the low bits of the intent's number, from the sixth step on."""
        bits = self._name_bits
        low, there = Signal(data.ArrayLayout(bits, PLACES), reset_less=True), Signal(PLACES)
        same = Signal(PLACES)
        with m.If(self.step[3]):
            m.d.sync += there.eq(now.open)
            m.d.sync += (low[k].eq(now.orders[k].number[:bits]) for k in range(PLACES))
        m.d.sync += (
            same[k].eq(there[k] & alike(m, low[k], self.job.number[:bits], f"low_{k}"))
            for k in range(PLACES)
        )
        m.d.comb += self.found.taken.eq(same.any())

    def _alike(self, m, row):
        """Which open orders have the job's number, and which the one that it replaces.

        A cycle after the row.
        """
        named, replaced = self._named, Signal(PLACES, reset_less=True)
        for place, (order, there) in enumerate(zip(row.orders, row.open, strict=True)):
            mine = there & alike(m, order.number, self.job.number, f"mine_{place}")
            other = there & alike(m, order.number, self.job.replaces, f"other_{place}")
            m.d.sync += [
                named[place].eq(Mux(self._forced, self._orphan[place], mine)),
                replaced[place].eq(other),
            ]
        return named, replaced

    def _judge(self, m, row, replaced):
        """An intent beside the orders of its slot."""
        job, buys, sales = self.job, slice(0, OPEN), slice(OPEN, PLACES)
        own = Mux(job.side, row.open[sales], row.open[buys])
        theirs = Mux(job.side, row.open[buys], row.open[sales])
        first, crosses = ~own & (own + 1), Signal(OPEN)
        m.d.sync += [
            self.found.full.eq(own.all()),
            self._free.eq(Mux(job.side, Cat(C(0, OPEN), first[:OPEN]), first[:OPEN])),
            self.found.unknown.eq(~Mux(job.side, replaced[sales], replaced[buys]).any()),
            self.found.crosses.eq(crosses.any()),
        ]
        for place in range(OPEN):
            buy, sale = (
                Signal(32, name=f"{name}_{place}", reset_less=True) for name in ("buy", "sale")
            )
            m.d.sync += [
                buy.eq(Mux(job.side, row.orders[place].price, job.price)),
                sale.eq(Mux(job.side, job.price, row.orders[OPEN + place].price)),
                crosses[place].eq(theirs[place] & ~above(sale, buy)),
            ]

    def _report(self, m, row, named, replaced):
        """What a report takes off, or an intent adds; in the tenth step, of which side's reach.

        Nothing is turned of an intent that enters: `gone` is all its shares.
        """
        job, sales = self.job, slice(OPEN, PLACES)
        words = [
            Cat(order.price, left.shares) for order, left in zip(row.orders, row.lefts, strict=True)
        ]
        replaces, leaves = self._replaces, job.action == Outcome.LEFT
        lacks, none, turned, same = Signal(), Signal(), Signal(), Signal(PIECES)
        odd = (named & replaced).any() | (named[sales].any() != replaced[sales].any())
        m.d.sync += [
            Value.cast(self.mine).eq(chosen(named, words)),
            Value.cast(self.other).eq(chosen(replaced, words)),
            lacks.eq(~named.any() | ~job.action.any() | (replaces & (odd | ~replaced.any()))),
            none.eq(~job.shares.any()),
            turned.eq(Mux(none, leaves, replaces)),
            same.eq(_pieces(self.mine.shares, job.shares)),
        ]
        rest = Signal(33, reset_less=True)  # shares of the order without those of the report
        m.d.sync += rest.eq(self.mine.shares - job.shares)
        closes = Mux(turned, none, same.all())
        bad = lacks | rest[32]
        with m.If(self.step[7]):
            m.d.sync += self.sound.eq(job.told & ~bad)
        self._follow(m, row, replaced, closes, bad)
        m.d.sync += [
            self.gone.eq(Mux(turned, rest[:32], job.shares)),
            self._left.shares.eq(Mux(turned | ~job.told, job.shares, rest[:32])),
            self._closes.eq(Mux(closes, named, 0) | Mux(replaces, replaced, 0)),
            self.error.eq(self.step[7] & job.told & bad),
        ]
        less = Signal(33, reset_less=True)
        m.d.sync += less.eq(self.gone + Mux(replaces, self.other.shares, 0))
        side, executes = Signal(reset_less=True), job.action == Outcome.EXECUTED
        m.d.sync += side.eq(Mux(job.told, named[sales].any() ^ executes, job.side))
        return less, side

    def _follow(self, m, row, replaced, closes, bad):
        """For which order the reported one waits from now on; and which waits in vain."""
        m.submodules.orphans = orphans = Orphans()
        job, waits = self.job, [left.waits for left in row.lefts]
        own, kept = Mux(job.side, replaced[OPEN:], replaced[:OPEN]), Signal(OPEN, reset_less=True)
        m.d.sync += [
            kept.eq(Mux(self._replaces, 0, chosen(self._named, waits))),
            self._left.waits.eq(
                Mux(job.told, kept, own & (job.action == Action.REPLACE).replicate(OPEN))
            ),
        ]
        m.d.comb += [
            orphans.open.eq(row.open),
            Value.cast(orphans.waits).eq(Cat(waits)),
            orphans.named.eq(self._named),
            orphans.replaced.eq(replaced),
            orphans.replaces.eq(self._replaces),
            orphans.closes.eq(closes),
            self.follows.eq(self.step[7] & job.told & orphans.any & ~bad),
        ]
        with m.If(self.step[7]):
            m.d.sync += [self._forced.eq(self.follows), self._orphan.eq(orphans.first)]

    def _reach(self, m, less, moves):
        """What the ninth step changes of it; and whether an intent goes too far."""
        m.submodules.reach = reach = Reach()
        m.d.comb += [
            reach.slot.eq(self._slot),
            reach.side.eq(self.job.side),
            reach.shares.eq(self.job.shares),
            reach.most.eq(self.max_position),
            self.found.position.eq(reach.beyond),
            reach.changes.eq(self.enter | (self.sound & self.step[8])),
            reach.told.eq(self.job.told),
            reach.less.eq(less),
            reach.moves.eq(moves),
        ]


def _pieces(one, other):
    """Piece by piece, whether two words are alike."""
    size = 32 // PIECES
    return Cat(one[at : at + size] == other[at : at + size] for at in range(0, 32, size))
