"""The open orders of each slot, and how far its position can go with them."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.choice.gateware import chosen
from tapeout.hdl.pretrade.layout import NAME_BITS, OPEN, SLOT_BITS, SLOTS, Outcome

STEPS = 9  # cycles that a job takes
PLACES = 2 * OPEN  # of a slot: buys, then sales
PIECES = 4  # of 32 bits that are compared: a cycle for each, and one for all

#: An intent, or a report (`told`) with its outcome in `action`.
Job = data.StructLayout(
    {"told": 1, "action": 2, "side": 1, "slot": SLOT_BITS}
    | dict.fromkeys(("number", "replaces", "shares", "price"), 32)
)
Order = data.StructLayout({"number": 32, "price": 32})
Row = data.StructLayout(
    {
        "orders": data.ArrayLayout(Order, PLACES),
        "shares": data.ArrayLayout(32, PLACES),
        "open": PLACES,
    }
)
#: How far the position of a slot can go: `up` if all buys are executed, `down` sold short if all
#: sales are.
Reach = data.StructLayout({"up": signed(32), "down": signed(32)})
#: What is wrong with an intent.
Found = data.StructLayout(dict.fromkeys(("unknown", "crosses", "full", "taken", "position"), 1))


class Resting(wiring.Component):
    """Finds open orders by slot or by number, lets one in, takes off what a report says.

    A report names no slot: a block RAM has the slot of the last order that was let in with the same
    low bits of its number. No two open orders share those, so it is that of the open one.

    Members
    -------
    job : In(Job)
        Stands for the nine cycles of `step`; the next one may come with the next cycle.
    step : In(9)
        One bit a cycle: how far the job is.
    max_position : In(31)
        From the second step on.
    found : Out(Found)
        What is wrong with the intent, from the seventh step on.
    enter : In(1)
        In the ninth step: the intent becomes an open order.
    mine, other : Out(32 price, 32 shares)
        The order reported of, and the one it replaces, from the seventh step on.
    gone : Out(32)
        Shares of `mine` that are not open any more; in the ninth step.
    sound, error : Out(1), Out(1)
        Whether the report makes sense; in the ninth step. `sound` stands until the next ninth step.

    Reset forgets all orders and positions.
    """

    Part = data.StructLayout({"price": 32, "shares": 32})

    def __init__(self, name_bits=NAME_BITS):
        self._name_bits = name_bits
        super().__init__({
            "job": In(Job), "step": In(STEPS), "max_position": In(31), "found": Out(Found),
            "enter": In(1), "mine": Out(self.Part), "other": Out(self.Part), "gone": Out(32),
            "sound": Out(1), "error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        """Read the slot's orders, compare, then write what became of one."""
        m = Module()
        hint = self._hint(m)
        self._slot = Signal(SLOT_BITS, reset_less=True)
        m.d.sync += self._slot.eq(Mux(self.job.told, hint, self.job.slot))
        self._free, self._left = Signal(PLACES, reset_less=True), Signal(32, reset_less=True)
        self._closes = Signal(PLACES, reset_less=True)
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
        write, read, hint = names.write_port(), names.read_port(), Signal(SLOT_BITS)
        m.d.comb += [
            read.addr.eq(self.job.number),
            write.addr.eq(self.job.number),
            write.data.eq(self.job.slot),
            write.en.eq(self.enter),
        ]
        m.d.sync += hint.eq(read.data)
        return hint

    def _rows(self, m, hint):
        """Orders of the intent's slot from the second step on, of the report's from the fourth.

        Whether the intent's number is taken is seen in the row that the hint names.
        """
        job, row, now = self.job, Signal(Row, reset_less=True), Signal(Row)
        at = Mux(self.step[2], hint, job.slot)
        writes = Signal(PLACES)  # the place whose shares are written
        named = self._named = Signal(PLACES, reset_less=True)
        m.d.comb += writes.eq(Mux(self.enter, self._free, Mux(self.sound & self.step[8], named, 0)))
        for place in range(PLACES):
            for name, shape, word, en in (
                (
                    "orders",
                    Order.size,
                    Cat(job.number, job.price),
                    self._free & self.enter.replicate(PLACES),
                ),
                ("shares", 32, Mux(job.told, self._left, job.shares), writes),
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
        opens = Array(Signal(PLACES, name=f"open_{slot}") for slot in range(SLOTS))
        m.d.comb += now.open.eq(opens[at])
        with m.If(self.enter):
            m.d.sync += opens[self._slot].eq(opens[self._slot] | self._free)
        with m.Elif(self.sound & self.step[8]):
            m.d.sync += opens[self._slot].eq(opens[self._slot] & ~self._closes)
        with m.If(self.step[0] | (self.step[2] & job.told)):
            m.d.sync += row.eq(now)
        self._taken(m, now)
        return row

    def _taken(self, m, now):
        """Whether an open order has the low bits of the intent's number."""
        bits = self._name_bits
        low, there = Signal(data.ArrayLayout(bits, PLACES), reset_less=True), Signal(PLACES)
        same = Signal(PLACES)
        with m.If(self.step[2]):
            m.d.sync += there.eq(now.open)
            m.d.sync += (low[k].eq(now.orders[k].number[:bits]) for k in range(PLACES))
        m.d.sync += (
            same[k].eq(there[k] & (low[k] == self.job.number[:bits])) for k in range(PLACES)
        )
        m.d.sync += self.found.taken.eq(same.any())

    def _alike(self, m, row):
        """Which open orders have the job's number, and which the one that it replaces.

        Two cycles after the row.
        """
        named, replaced = self._named, Signal(PLACES, reset_less=True)
        for bits, number in ((named, self.job.number), (replaced, self.job.replaces)):
            for place, order in enumerate(row.orders):
                pieces = Signal(PIECES, name=f"pieces_{place}", reset_less=True)
                m.d.sync += [
                    pieces.eq(_pieces(order.number, number)),
                    bits[place].eq(pieces.all() & row.open[place]),
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
                crosses[place].eq(theirs[place] & (buy >= sale)),
            ]

    def _report(self, m, row, named, replaced):
        """What a report takes off, or an intent adds; in the tenth step, of which side's reach.

        Nothing is turned of an intent that enters: `gone` is all its shares.
        """
        job, sales = self.job, slice(OPEN, PLACES)
        words = [
            Cat(order.price, shares) for order, shares in zip(row.orders, row.shares, strict=True)
        ]
        replaces, leaves = job.action == Outcome.REPLACED, job.action == Outcome.LEFT
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
        m.d.sync += [
            self.gone.eq(Mux(turned, rest[:32], job.shares)),
            self._left.eq(Mux(turned, job.shares, rest[:32])),
            self._closes.eq(Mux(closes, named, 0) | Mux(replaces, replaced, 0)),
            self.error.eq(self.step[7] & job.told & bad),
        ]
        less = Signal(33, reset_less=True)
        m.d.sync += less.eq(self.gone + Mux(replaces, self.other.shares, 0))
        side, executes = Signal(reset_less=True), job.action == Outcome.EXECUTED
        m.d.sync += side.eq(Mux(job.told, named[sales].any() ^ executes, job.side))
        return less, side

    def _reach(self, m, less, moves):
        """Read with the slot, compared for an intent, written two cycles after the ninth step."""
        job = self.job
        m.submodules.reach = ram = memory.Memory(
            shape=Reach.size, depth=SLOTS, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = ram.write_port(), ram.read_port(domain="comb")
        written, now = Signal(SLOTS), Signal(Reach, reset_less=True)
        m.d.comb += read.addr.eq(self._slot)
        there = written.bit_select(self._slot, 1)
        m.d.sync += Value.cast(now).eq(Mux(there, read.data, 0))
        far = Signal(signed(34), reset_less=True)
        m.d.sync += [
            far.eq(Mux(job.side, now.down, now.up) + job.shares),
            self.found.position.eq(far > self.max_position),
        ]
        new, en, slot = Signal(Reach, reset_less=True), Signal(), Signal(SLOT_BITS)
        takes, changes, side = Signal(), Signal(), Signal(reset_less=True)
        m.d.sync += [
            takes.eq(job.told),
            changes.eq(self.enter | (self.sound & self.step[8])),
            side.eq(moves),
            en.eq(changes),
            slot.eq(self._slot),
        ]
        amount = less ^ takes.replicate(len(less))
        up, down = (Mux(moved, Cat(amount, takes), 0) for moved in (~side, side))
        m.d.sync += [
            new.up.eq(now.up + up + (takes & ~side)),
            new.down.eq(now.down + down + (takes & side)),
        ]
        m.d.comb += [write.addr.eq(slot), write.data.eq(new), write.en.eq(en)]
        with m.If(en):
            m.d.sync += written.bit_select(slot, 1).eq(1)


def _pieces(one, other):
    """Piece by piece, whether two words are alike."""
    size = 32 // PIECES
    return Cat(one[at : at + size] == other[at : at + size] for at in range(0, 32, size))
