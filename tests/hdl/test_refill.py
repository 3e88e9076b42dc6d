"""Rows that ran short get their next level back, and never one that is not the next."""

import random

import pytest

from tapeout.hdl.levels.layout import LEVEL, UPDATE
from tapeout.hdl.levels.model import ENTERS, LEAVES, Rows, Update
from tapeout.hdl.orders.layout import CHANGE, ENTRY

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
PLACES, SCAN_DELAY = 8, 4


def pack(table, **fields):
    """Fields as one word, the first of the table in the lowest bits."""
    word, at = 0, 0
    for name, bits in table.items():
        word |= fields.get(name, 0) << at
        at += bits
    return word


def unpack(table, word):
    """The fields of a word."""
    fields = {}
    for name, bits in table.items():
        fields[name], word = word & (1 << bits) - 1, word >> bits
    return fields


def shown(word, levels):
    """The known levels of a row, its spill, and whether what lies beyond has changed."""
    ladder = [unpack(LEVEL, word >> 65 * k) for k in range(levels)]
    known = [(level["price"], level["lots"]) for level in ladder if level["known"]]
    return known, word >> 65 * levels & 1, word >> 65 * levels + 1 & 1


def traffic(seed, cycles, table_rows, sides, prices, pace, crowd):
    """Changes, and what is written of each where in an order table: (cycle, change, place, entry).

    Orders come and go at random places. In turn there are up to `crowd` of them, and hardly any.
    """
    rng, cycle, live, out = random.Random(seed), 20, {}, []
    places = table_rows * PLACES + PLACES  # the last are the stash
    while cycle < cycles:
        place = rng.randrange(places)
        if place not in live and len(live) < (crowd if cycle // 500 % 2 == 0 else 3):
            row, price, lots = rng.randrange(sides), rng.randint(1, prices), rng.randint(1, 3)
            live[place] = row, price, lots
            change = rng.choice(sorted(ENTERS)), row, price, lots
        elif live:
            place = rng.choice(sorted(live))
            row, price, rest = live.pop(place)
            lots = rng.choice([rest, rng.randint(1, rest)])
            if lots < rest:
                live[place] = row, price, rest - lots
            change = rng.choice(sorted(LEAVES)), row, price, lots
        row, price, lots = live.get(place, (0, 0, 0))
        entry = pack(
            ENTRY, valid=lots > 0, instrument=row >> 1, side=row & 1, price=price, shares=lots
        )
        out.append((cycle, change, place, entry))
        cycle += max(2, int(rng.expovariate(1 / pace)))
    return out


def joined(levels, instruments, table_rows):
    """Level rows and their refill."""
    from amaranth.hdl import Module
    from amaranth.lib.wiring import connect

    from tapeout.hdl.levels.gateware import LevelRows
    from tapeout.hdl.refill.gateware import Refill

    m = Module()
    m.submodules.rows = rows = LevelRows(instruments, levels)
    m.submodules.refill = refill = Refill(instruments, levels, table_rows, PLACES, PLACES)
    connect(m, refill.o, rows.refill)
    m.d.comb += [
        refill.refilled.eq(rows.refilled),
        refill.row.eq(rows.row),
        refill.number.eq(rows.number),
        refill.update.eq(rows.o),
        refill.update_valid.eq(rows.o_valid),
    ]
    return m, rows, refill


class Table:
    """What a scan of an order table shows; a change is written `offset` cycles after it is told."""

    def __init__(self, rows, changes, offset):
        self.words = [0] * (rows * PLACES + PLACES)
        self.stash = rows * PLACES
        self.writes = [(cycle + offset, place, entry) for cycle, _, place, entry in changes][::-1]

    def tick(self, cycle):
        """Write what is due; the place that is being written."""
        while self.writes and self.writes[-1][0] < cycle:
            _, place, entry = self.writes.pop()
            self.words[place] = entry
        return self.writes[-1][1] if self.writes and self.writes[-1][0] == cycle else None

    def row(self, row, writing):
        """The entries of a row; one that is being written is not shown."""
        places = range(row * PLACES, row * PLACES + PLACES)
        return sum(
            self.words[place] << ENTRY_BITS * k
            for k, place in enumerate(places)
            if place != writing
        )


ENTRY_BITS = sum(ENTRY.values())


def play(changes, *, levels, sides, table_rows, offset, seed, quiet, idle=0.5):
    """Everything that leaves the level rows, in order; then the cycle in which it did."""
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    m, rows, refill = joined(levels, (sides + 1) // 2, table_rows)
    out, rng = [], random.Random(seed)
    table = Table(table_rows, changes, offset)

    async def bench(ctx):
        due, coming = changes[::-1], [0] * SCAN_DELAY
        for cycle in range(changes[-1][0] + quiet):
            word = None
            if due and due[-1][0] == cycle:
                _, (kind, row, price, lots), *_ = due.pop()
                word = pack(
                    CHANGE, kind=kind, instrument=row >> 1, side=row & 1, price=price, lots=lots
                )
            writing = table.tick(cycle)
            taken = rng.random() < idle
            ctx.set(rows.i_valid, word is not None)
            ctx.set(Value.cast(rows.i), word or 0)
            ctx.set(refill.scan_taken, taken)
            ctx.set(Value.cast(refill.scan_entry), coming.pop(0))
            ctx.set(Value.cast(refill.stash), table.row(table_rows, None))
            read = table.row(ctx.get(refill.scan_row), writing)
            coming.append(read if taken else rng.getrandbits(PLACES * ENTRY_BITS))
            if ctx.get(rows.o_valid) or ctx.get(rows.refilled):
                out.append((
                    cycle,
                    ctx.get(rows.refilled),
                    ctx.get(rows.number),
                    Update(**unpack(UPDATE, ctx.get(Value.cast(rows.o)))),
                    *shown(ctx.get(Value.cast(rows.row)), levels),
                ))  # fmt: skip
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return out


def check(changes, out, levels):
    """Each row is the top of its book, each update the model's; how many refills, and of what."""
    model, told, counts = Rows(levels), iter(changes), {"refilled": 0, "emptied": 0, "dropped": 0}
    for _, refilled, row, update, known, spill, stirred in out:
        if refilled:
            before = len(model.depth(row)), row in model.spill
            model.known[row] = len(known)
            if not spill:
                model.spill.discard(row)
            assert spill or len(known) == len(model.books[row])
            assert len(known) - before[0] in (0, 1)
            assert before[1] >= spill
            counts["refilled"] += len(known) > before[0]
            counts["emptied"] += before[1] > spill
            counts["dropped"] += stirred
        else:
            _, (kind, where, price, lots), *_ = next(told)
            assert (row, update) == (where, model.apply(kind, where, price, lots))
        assert known == model.depth(row)
        assert spill == (row in model.spill)
    assert next(told, None) is None
    return model, counts


@pytest.mark.parametrize(
    ("levels", "sides", "offset"), [(8, 1, 0), (3, 4, -6), (3, 4, 6), (2, 2, 0), (2, 2, -3)]
)
def test_rows_are_the_top_of_the_book_and_become_whole(levels, sides, offset):
    """Changes reach the table before or after they are told, orders lie where they want."""
    seed = 10 * levels + offset
    changes = traffic(seed, 2500, table_rows=4, sides=sides, prices=14, pace=20, crowd=24)
    setting = {"levels": levels, "sides": sides, "table_rows": 4, "offset": offset, "seed": seed}
    model, counts = check(changes, play(changes, **setting, quiet=1500), levels)
    print(counts)
    assert min(counts.values()) > 0
    for row, book in model.books.items():
        assert len(model.depth(row)) == min(levels, len(book))
