"""Compares a step with every level of its row at once, before it is known which row is newest."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike, alike_bits, kept
from tapeout.hdl.choice.gateware import any_of
from tapeout.hdl.levels.layout import LEVEL

Level = data.StructLayout(LEVEL)
PIECE = 8  # bits of a price or of lots that are compared before a register
ALIKE = data.StructLayout({"price": 32 // PIECE, "lots": 32 // PIECE})
COPIES = 4  # of a register with many loads, each for a part of the row


def row_layout(levels):
    """A row of block RAM. `spill`: levels beyond it may exist; `stirred`: they have changed.

    In block RAM and up to the output, all bits of a bid's price are turned: less is better.
    """
    return data.StructLayout({"levels": data.ArrayLayout(Level, levels), "spill": 1, "stirred": 1})


def step_layout(rows):
    """What is done to a row; `clear` empties it."""
    flags = dict.fromkeys(("put", "take", "clear", "look", "append", "none", "overflowed"), 1)
    return data.StructLayout(flags | {"row": range(rows), "price": 32, "lots": 32})


def found_layout(rows, levels):
    """A row, a step, and for each level what the step may make of it.

    `same`: it has the step's price. `behind`: the step's price belongs before it. `sums`: its lots
    after the step, and the carry. `counts` are the levels known before the step, one more, and one
    less.
    """
    return data.StructLayout(
        {
            "row": row_layout(levels),
            "step": step_layout(rows),
            "counts": data.ArrayLayout(range(levels + 1), 3),
            "same": levels,
            "behind": levels,
            "sums": data.ArrayLayout(33, levels),
        }
    )


class Rank(wiring.Component):
    """What a step finds in its row, one cycle later.

    Members
    -------
    step, delta : In(`step_layout`), In(33)
        What is done, and what that adds to the lots of a level of its price.
    repeats : In(1)
        A cycle before the step: its row is the one rebuilt last.
    kept, older : In(`row_layout`)
        The row rebuilt last; the step's row, if it is another.
    alike : In(array of `ALIKE`)
        Which pieces of the prices and lots in `older` are the step's.
    found : Out(`found_layout`)
        Of a step that does not count (a level to append to a row that was `stirred`) `put` is off.
    there, empties : Out(`COPIES`)
        A level has the step's price; and its lots are the step's. Each the same, for a part of the
        row.

    Nothing is reset.
    """

    def __init__(self, rows, levels):
        self.levels = levels
        row = row_layout(levels)
        super().__init__(
            {
                "step": In(step_layout(rows)),
                "delta": In(33),
                "repeats": In(1),
                "kept": In(row),
                "older": In(row),
                "alike": In(data.ArrayLayout(ALIKE, levels)),
                "found": Out(found_layout(rows, levels)),
                "there": Out(COPIES),
                "empties": Out(COPIES),
            }
        )

    def elaborate(self, platform):
        """Either row, and at the end one of them."""
        m = Module()
        found, step = Signal.like(self.found, reset_less=True), self.step
        row, newest = Signal(self.kept.shape()), copied(m, self.repeats, "newest")
        m.d.comb += [self.found.eq(found), row.eq(Mux(newest[-1], self.kept, self.older))]
        known = Cat(level.known for level in row.levels)
        ends = known & ~(known >> 1)
        m.d.sync += [
            found.row.eq(Mux(step.clear, 0, row)),
            found.step.eq(step),
            found.step.put.eq(step.put & ~(step.append & row.stirred)),
        ]
        counts = place_of(ends, 1), place_of(Cat(~known[0], ends), 1), place_of(ends, 0)
        for each, count in zip(found.counts, counts, strict=True):
            m.d.sync += each.eq(Mux(step.clear, 0, count))
        self._levels(m, found, newest)
        return m

    def _levels(self, m, found, newest):
        """Prices and lots of all levels."""
        same, emptied = Signal(self.levels), Signal(self.levels)
        m.d.sync += found.same.eq(same)
        for place, new in enumerate(self.kept.levels):
            which, old = newest[part(place, self.levels)], self.older.levels[place]
            m.d.comb += [
                same[place].eq(self._same(m, place, which)),
                emptied[place].eq(self._emptied(m, place, which)),
            ]
            m.d.sync += [
                found.behind[place].eq(Mux(which, *self._behind(new, old))),
                found.sums[place].eq(Mux(which, new.lots, old.lots) + self.delta),
            ]
        sames, all_lots = copied(m, same, "same"), copied(m, emptied, "emptied")
        for k, (one, lots) in enumerate(zip(sames, all_lots, strict=True)):
            m.d.comb += [
                self.there[k].eq(self._any(m, one, f"there{k}")),
                self.empties[k].eq(self._any(m, one & lots, f"empties{k}")),
            ]

    def _any(self, m, bits, name):
        """Whether a bit is set: a tree, as two of them and their conditions fill a table."""
        pairs = kept(m, Cat(bits[at : at + 2].any() for at in range(0, len(bits), 2)), name)
        return kept(m, pairs.any(), f"{name}_any")

    def _same(self, m, place, which):
        """A level has the step's price, in the row that counts."""
        step, sides = self.step, (which, ~which)
        acts = [
            side & row.levels[place].known & (step.take | (step.put & ~(step.append & row.stirred)))
            for side, row in zip(sides, (self.kept, self.older), strict=True)
        ]
        price = alike(m, self.kept.levels[place].price, step.price, f"price{place}")
        old = self.alike[place].price.all() & acts[1]
        chosen = kept(m, Cat(acts[0], old), f"acts{place}")
        return (price & chosen[0]) | chosen[1]

    def _emptied(self, m, place, which):
        """A level's lots are the step's, in the row that counts."""
        lots = alike(m, self.kept.levels[place].lots, self.step.lots, f"lots{place}")
        return Mux(which, lots, self.alike[place].lots.all())

    def _behind(self, *levels):
        """Of a level in both rows: it belongs behind the step.

        Where no level is known all is zero: a bit beyond the price says that there is room. Yosys
        makes "<" of a carry chain alone; ">" would wait for equality, too.
        """
        rows = zip(levels, (self.kept, self.older), strict=True)
        return [
            self.step.price < Cat(level.price, ~level.known & (~row.spill | self.step.append))
            for level, row in rows
        ]


def turned(price, row):
    """A price as rows keep it, or back: the lowest bit of a row's number is 1 for asks."""
    return price ^ (~row[0]).replicate(len(price))


def part(place, levels):
    """Which copy serves a level."""
    return place * COPIES // levels


def copied(m, value, name):
    """Registers of a value, one for each part of the row.

    Equal ones would be made one again: they differ in what they start as, or are turned.
    """
    copies = []
    for k in range(COPIES):
        start = (1 << len(value)) - 1 if k % 2 else 0
        copy = Signal(len(value), name=f"{name}_{k}", reset_less=True, init=start)
        m.d.sync += copy.eq(~value if k >= COPIES // 2 else value)
        copies.append(~copy if k >= COPIES // 2 else copy)
    return copies


def pieces(one, other):
    """Which pieces of two words are equal; with `==` Yosys would make it a carry chain."""
    places = range(0, len(one), PIECE)
    return Cat(alike_bits(one[at : at + PIECE], other[at : at + PIECE]) for at in places)


def place_of(one_hot, first=0):
    """The place of the bit that is set, counted from `first`."""
    return any_of(Mux(bit, place, 0) for place, bit in enumerate(one_hot, first))
