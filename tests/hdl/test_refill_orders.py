"""Order table, level rows and refill together: every row is the top of the book of its orders."""

import random

import pytest

from tapeout.hdl.levels.layout import LEVEL, row_of
from tapeout.hdl.levels.model import Rows
from tapeout.hdl.orders.layout import CHANGE, OP, Action

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
LEVELS = 3


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


def ops(seed, count, most):
    """Ops on up to `most` orders; in turn many are added and nearly all taken out."""
    rng, live, out, fresh = random.Random(seed), [], [], 1
    while len(out) < count:
        grows = len(live) < (most if len(out) // 60 % 2 == 0 else 2)
        action = Action.ADD if grows and rng.random() < 0.8 else rng.choice(list(Action)[2:])
        old = rng.choice(live) if live else 0
        if action == Action.ADD:
            old = fresh
            live.append(old)
        elif action == Action.REPLACE and old:
            live[live.index(old)] = fresh
        elif action == Action.DELETE and old:
            live.remove(old)
        side, price = rng.choice(b"BS"), rng.randint(1, 12)
        fields = {"side": side, "shares": rng.randint(1, 2), "price": price}
        out.append(pack(OP, action=action, reference=old, other=fresh, **fields))
        fresh += 1
    return out


def joined():
    """The three blocks as they stand in the pipeline."""
    from amaranth.hdl import Module
    from amaranth.lib.wiring import connect

    from tapeout.hdl.levels.gateware import LevelRows
    from tapeout.hdl.orders.gateware import OrderTable
    from tapeout.hdl.refill.gateware import Refill

    m = Module()
    m.submodules.table = table = OrderTable(rows=8, ways=2, stash=2)
    m.submodules.rows = rows = LevelRows(1, LEVELS)
    m.submodules.refill = refill = Refill(1, LEVELS, rows=8, places=4, stash=2)
    connect(m, refill.o, rows.refill)
    m.d.comb += [
        table.subscribed.eq(1),
        rows.i.eq(table.o),
        rows.i_valid.eq(table.valid),
        refill.refilled.eq(rows.refilled),
        refill.row.eq(rows.row),
        refill.number.eq(rows.number),
        refill.update.eq(rows.o),
        refill.update_valid.eq(rows.o_valid),
        table.scan_row.eq(refill.scan_row),
        refill.scan_taken.eq(table.scan_taken),
        refill.scan_entry.eq(table.scan_entry),
        refill.stash.eq(table.stash),
    ]
    return m, table, rows


def simulate(words, seed, pause, quiet):
    """The changes that were told, and what left the level rows."""
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    (m, table, rows), rng = joined(), random.Random(seed)
    changes, out = [], []

    async def bench(ctx):
        due = words[::-1]
        await ctx.tick().until(rows.ready & table.i.ready)
        silent = 0
        while silent < quiet:
            silent = 0 if due else silent + 1
            offers = bool(due) and rng.random() >= pause
            ctx.set(table.i.valid, offers)
            if offers:
                ctx.set(Value.cast(table.i.payload), due[-1])
                if ctx.get(table.i.ready):
                    due.pop()
            if ctx.get(table.valid):
                changes.append(unpack(CHANGE, ctx.get(Value.cast(table.o))))
            if ctx.get(rows.o_valid) or ctx.get(rows.refilled):
                out.append((
                    ctx.get(rows.refilled), ctx.get(rows.number), ctx.get(rows.o.incomplete),
                    ctx.get(rows.o.level_lots), ctx.get(Value.cast(rows.row)),
                ))  # fmt: skip
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return changes, out


@pytest.mark.parametrize(("seed", "pause"), [(1, 0.9), (2, 0.6)])
def test_rows_are_the_top_of_the_book_and_become_whole(seed, pause):
    words = ops(seed, 205, most=24)
    changes, out = simulate(words, seed, pause, quiet=900)
    model, told, refills = Rows(LEVELS), iter(changes), 0
    for refilled, row, incomplete, level_lots, shown in out:
        ladder = [unpack(LEVEL, shown >> 65 * place) for place in range(LEVELS)]
        known = [(level["price"], level["lots"]) for level in ladder if level["known"]]
        if refilled:
            refills += len(known) > model.known[row]
            model.known[row] = len(known)
            if not shown >> 65 * LEVELS & 1:
                model.spill.discard(row)
                assert len(known) == len(model.books[row])
        else:
            change = next(told)
            kind, row = change["kind"], row_of(change["instrument"], change["side"])
            update = model.apply(kind, row, change["price"], change["lots"])
            assert (incomplete, level_lots) == (update.incomplete, update.level_lots)
            if not kind:
                assert not known
                continue
        assert known == model.depth(row)
    assert next(told, None) is None
    assert refills > 0
    for row, book in model.books.items():
        assert len(model.depth(row)) == min(LEVELS, len(book))
