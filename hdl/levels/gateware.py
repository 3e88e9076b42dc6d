"""The best levels of every instrument and side in gateware: a row of block RAM for each."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import kept
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.choice.gateware import any_of
from tapeout.hdl.levels.layout import LEVEL, LEVELS, REFILL, UPDATE
from tapeout.hdl.orders.layout import CHANGE
from tapeout.hdl.rank.gateware import (
    Rank,
    part,
    pieces,
    place_of,
    row_layout,
    step_layout,
    turned,
)

Change = data.StructLayout(CHANGE)
Update = data.StructLayout(UPDATE)
Refill = data.StructLayout(REFILL)
Level = data.StructLayout(LEVEL)
LATENCY = 5  # cycles from a change to its update
PUTS = (Kind.ADD, Kind.REPLACE_IN)
TAKES = (Kind.CANCEL, Kind.DELETE, Kind.EXECUTE, Kind.REPLACE_OUT)

#: Who asked for a step, and whether its row is written. Reset clears these and no other registers.
Asked = data.StructLayout({"change": 1, "refill": 1, "writes": 1})


class LevelRows(wiring.Component):
    """Keeps the best levels of each side of each instrument, as `tapeout.hdl.levels.model` says.

    Latency is five cycles from a change to its update: block RAM, its register, the newest row that
    was not in it yet, compare, rebuild. A change is taken in every second cycle, of one row or of
    many: compare and rebuild are a loop of two cycles. Nothing waits.

    A row holds the best levels of the whole book; `incomplete` says that it could hold more. A
    refill goes through the same pipe in cycles that no change needs, so that it stands in one order
    with the changes; it is dropped if a change after the look has altered what lies beyond the row.

    Members
    -------
    i : In(`CHANGE`), i_valid : In(1)
        One change of a level, at least two cycles after the one before. Kind 0 changes nothing and
        its update is zero.
    o : Out(`UPDATE`), o_valid : Out(1)
        One for each change, in order.
    refill : In(stream of `REFILL`)
        Taken the cycle after it went in, unless a change comes in that cycle: then it goes in anew.
    refilled : Out(1)
        `o` and `row` are those of a refill, four cycles after it was taken.
    row : Out(`row_layout`), number : Out(range(2 * instruments))
        The whole row after the change or refill, and which; valid with `o_valid` or `refilled`.
    overflowed : Out(1)
        With `o_valid` or `refilled`: the lots of a level are wrong from here on, as they needed
        more than 32 bits or more were taken than there were.
    lost : Out(32)
        Counts what was taken at a price that the row would know if it had been there.
    ready : Out(1)
        Every row has been cleared, one a cycle after reset. No change may come before.

    Reset forgets what is in the pipe and clears the rows again.
    """

    def __init__(self, instruments=256, levels=LEVELS):
        self.rows, self.levels = 2 * instruments, levels
        super().__init__({
            "i": In(Change), "i_valid": In(1),
            "o": Out(Update), "o_valid": Out(1),
            "refill": In(stream.Signature(Refill)), "refilled": Out(1),
            "row": Out(row_layout(levels)), "number": Out(range(self.rows)),
            "overflowed": Out(1), "lost": Out(32), "ready": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        """Stages: choose a step, fetch its row, compare its price, rebuild the row."""
        m = Module()
        self._kept = kept = Signal(self.row.shape(), reset_less=True)  # the row rebuilt last
        m.submodules.ram = ram = memory.Memory(shape=kept.shape(), depth=self.rows, init=[])
        write, fetch = ram.write_port(), ram.read_port()
        asked = [Signal(Asked, name=f"asked_{stage}") for stage in range(6)]
        step = [
            Signal(step_layout(self.rows), name=f"step_{stage}", reset_less=True)
            for stage in range(4)
        ]

        self._choose(m, asked[0], step[0], spare=~asked[1].as_value().any())
        stands = Signal(Asked)
        m.d.comb += [
            fetch.addr.eq(step[0].row),
            stands.eq(Mux(asked[1].refill & self.i_valid, 0, asked[1])),
            self.refill.ready.eq(stands.refill),
        ]
        m.d.sync += [asked[1].eq(asked[0]), asked[2].eq(stands)]
        m.d.sync += (asked[k].eq(asked[k - 1]) for k in (3, 4, 5))
        m.d.sync += (step[k].eq(step[k - 1]) for k in (1, 2, 3))
        m.d.sync += step[1].price.eq(turned(step[0].price, step[0].row))
        m.submodules.rank = rank = Rank(self.rows, self.levels)
        self._fetch(m, rank, fetch.data, stands, step, asked[4])
        delta = Signal(33, reset_less=True)
        m.d.sync += delta.eq(Mux(step[2].take, -step[2].lots, step[2].lots))
        m.d.comb += [rank.step.eq(step[3]), rank.delta.eq(delta), rank.kept.eq(kept)]
        self._rebuild(m, rank, asked[4])
        m.d.comb += [
            self.o_valid.eq(asked[5].change),
            self.refilled.eq(asked[5].refill),
            write.en.eq(asked[5].writes),
            write.addr.eq(self.number),
            write.data.eq(kept),
            self.row.eq(kept),
        ]
        for shown, level in zip(self.row.levels, kept.levels, strict=True):
            m.d.comb += shown.price.eq(Mux(level.known, turned(level.price, self.number), 0))
        return m

    def _choose(self, m, asked, step, spare):
        """A row to be cleared after reset, else a change, else a refill if there is a cycle."""
        sweeping, swept = Signal(init=1), Signal(range(self.rows))
        change, refill = self.i, self.refill.payload
        put, take = change.kind.matches(*PUTS), change.kind.matches(*TAKES)
        m.d.sync += [
            swept.eq(swept + sweeping),
            sweeping.eq(sweeping & (swept != self.rows - 1)),
            self.ready.eq(~sweeping),
        ]
        with m.If(sweeping):
            m.d.comb += [asked.writes.eq(1), step.clear.eq(1), step.row.eq(swept)]
        with m.Elif(self.i_valid):
            m.d.comb += [
                asked.change.eq(1),
                asked.writes.eq(put | take),
                step.clear.eq(~(put | take)),
                step.put.eq(put),
                step.take.eq(take),
                step.row.eq(Cat(change.side, change.instrument)),
                step.price.eq(change.price),
                step.lots.eq(change.lots),
            ]
        with m.Else():
            m.d.comb += [
                asked.refill.eq(self.refill.valid & spare),
                asked.writes.eq(self.refill.valid & spare),
                step.put.eq(refill.append),
            ]
            m.d.comb += (step[name].eq(refill[name]) for name in REFILL)

    def _fetch(self, m, rank, fetched, stands, step, rebuilding):
        """The row of a step but for the step before it, and whether that one is of the same row.

        Block RAM shows what was rebuilt six cycles before the step; what was rebuilt four or five
        cycles before, with another step between, was kept in the cycle after the step. The last
        step's result is not there before the row is compared. Which pieces of the row's prices and
        lots are the step's own is known with the row.
        """
        number, shape = step[1].row, self._kept.shape()
        last, merged = Signal(range(self.rows), reset_less=True), Signal(shape)
        fresh, passed, older = (
            Signal(shape, name=name, reset_less=True) for name in ("fresh", "passed", "older")
        )
        before, repeats = (Signal(name=name, reset_less=True) for name in ("before", "repeats"))
        wrote, holds = Signal(), Signal()
        alike = Signal.like(rank.alike, reset_less=True)
        for each, level in zip(alike, merged.levels, strict=True):
            m.d.sync += each.price.eq(pieces(level.price, step[2].price))
            m.d.sync += each.lots.eq(pieces(level.lots, step[2].lots))
        with m.If(stands.as_value().any()):
            m.d.sync += [last.eq(number), wrote.eq(stands.writes)]
        with m.If(rebuilding.as_value().any()):
            m.d.sync += holds.eq(rebuilding.writes)
        m.d.sync += [
            fresh.eq(fetched),
            passed.eq(self._kept),
            before.eq(holds & (number == self.number)),
            older.eq(merged),
            repeats.eq(wrote & (number == last)),
        ]
        m.d.comb += [
            merged.eq(Mux(before, passed, fresh)),
            rank.older.eq(older),
            rank.alike.eq(alike),
            rank.repeats.eq(repeats),
        ]

    def _rebuild(self, m, rank, rebuilding):
        """Change, put in or take out the step's level; those behind it move by one.

        They move if a price is put in that was not there, or if all lots of one are taken.
        """
        found = rank.found
        step, row, rebuilt = found.step, found.row, Signal(self._kept.shape())
        enters, nothing = Signal(self.levels), C(0, Level.size)
        m.d.comb += [
            enters.eq(Mux(step.put, found.behind & ~(found.behind << 1) & ~(found.same << 1), 0)),
        ]
        for place, level in enumerate(row.levels):
            better = row.levels[place - 1] if place else nothing
            worse = row.levels[place + 1] if place < self.levels - 1 else nothing
            mine = part(place, self.levels)
            down = step.put & (found.behind[place - 1] if place else 0)
            up = step.take & (found.same[place] | found.behind[place])
            down, up = kept(m, Cat(down, up), f"moves{place}_if")
            down, up = down & ~rank.there[mine], up & rank.empties[mine]
            moves = kept(m, down | up, f"moves{place}")
            stays = Signal(Level, name=f"stays_{place}")
            m.d.comb += [
                stays.eq(level),
                rebuilt.levels[place].eq(Mux(moves, Mux(step.put, better, worse), stays)),
            ]
            with m.If(enters[place]):
                m.d.comb += stays.eq(Cat(step.price, step.lots, C(1, 1)))
            with m.Elif(found.same[place]):
                m.d.comb += stays.lots.eq(found.sums[place])
        full, anew = row.levels[-1].known, ~found.same.any() & (step.put | step.take)
        beyond = anew & (step.take | full | ~found.behind.any())
        m.d.comb += [
            rebuilt.spill.eq((row.spill | (anew & step.put & full)) & ~(step.none & ~row.stirred)),
            rebuilt.stirred.eq((row.stirred | beyond) & ~step.look),
        ]
        with m.If(rebuilding.as_value().any()):
            m.d.sync += [self._kept.eq(rebuilt), self.number.eq(step.row)]
        self._tell(m, found, rebuilt, enters, step.take & rank.empties[-1])

    def _tell(self, m, found, rebuilt, enters, leaves):
        """The update, in the same cycle as the row."""
        step, touched, best = found.step, found.same | enters, self.row.levels[0]
        there, inside = kept(m, Cat(found.same.any(), found.behind.any()), "met")
        new = kept(m, step.put & inside & ~there, "new")  # the same as `enters.any()`, sooner
        grows = new & ~found.row.levels[-1].known
        wrong = Cat(total[32] for total in found.sums) & found.same
        sums = (
            Mux(same, total[:32], 0) for same, total in zip(found.same, found.sums, strict=True)
        )
        none, strays = Mux(step.clear | there | new, 0, self.levels), Signal()
        count, more, fewer = found.counts
        m.d.comb += [self.o.best_price.eq(best.price), self.o.best_lots.eq(best.lots)]
        m.d.sync += [
            self.o.at.eq(place_of(touched) | none),
            self.o.levels.eq(Mux(leaves, fewer, Mux(grows, more, count))),
            self.o.incomplete.eq(rebuilt.spill & ~rebuilt.levels[-1].known),
            self.o.best_changed.eq(touched[0]),
            self.o.level_lots.eq(any_of((*sums, Mux(new, step.lots, 0)))),
            self.overflowed.eq((step.overflowed & new) | wrong.any()),
            strays.eq(step.take & ~there & (inside | ~found.row.spill)),
            self.lost.eq(self.lost + (strays & self.o_valid)),
        ]
