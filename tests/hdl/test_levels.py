"""The level rows in gateware hold what the model says, change by change, cycle by cycle."""

import random

import pytest

from tapeout.hdl.levels.layout import LEVEL, LEVELS, UPDATE, row_of
from tapeout.hdl.levels.model import ENTERS, LEAVES, Rows, Update
from tapeout.hdl.orders.layout import CHANGE

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

pytestmark = pytest.mark.rtl
LATENCY = 4


def changes(seed, count, rows=2, prices=20, lean=0.5):
    """Changes that an order table could send: what is taken was there. `lean` towards adding."""
    rng, books, out = random.Random(seed), {}, []
    while len(out) < count:
        row, price = rng.randrange(rows), rng.randrange(1, prices + 1)
        book = books.setdefault(row, {})
        if rng.random() < lean or not book:
            kind, lots = rng.choice(sorted(ENTERS)), rng.choice([1, 1, 2, 2**20])
            book[price] = book.get(price, 0) + lots
        else:
            kind, price = rng.choice(sorted(LEAVES)), rng.choice(sorted(book))
            lots = rng.choice([book[price], rng.randint(1, book[price])])
            book[price] -= lots
            if not book[price]:
                del book[price]
        out.append((kind, row, price, lots))
    return out


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


def asked(kind, row, price, lots):
    """A change as it crosses the pins."""
    side, instrument = row & 1, row >> 1
    return pack(CHANGE, kind=kind, side=side, instrument=instrument, price=price, lots=lots)


def shown(word, levels):
    """The known levels of a row and its spill."""
    ladder = [unpack(LEVEL, word >> 65 * k) for k in range(levels)]
    known = [(level["price"], level["lots"]) for level in ladder if level["known"]]
    assert all(level == unpack(LEVEL, 0) for level in ladder[len(known) :])
    return known, word >> 65 * levels & 1


def simulate(component, words):
    """One word, or None, into `i` each cycle; what came out, with its cycle."""
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    out = []

    async def bench(ctx):
        while not ctx.get(component.ready):
            assert not ctx.get(component.o_valid)
            await ctx.tick()
        for cycle, word in enumerate([*words, *[None] * (LATENCY + 1)]):
            ctx.set(component.i_valid, word is not None)
            ctx.set(Value.cast(component.i), word or 0)
            if ctx.get(component.o_valid):
                update = Update(**unpack(UPDATE, ctx.get(Value.cast(component.o))))
                row = shown(ctx.get(Value.cast(component.row)), component.levels)
                number, wrong = ctx.get(component.number), ctx.get(component.overflowed)
                out.append((cycle, number, update, *row, wrong))
            await ctx.tick()
        out.append(ctx.get(component.lost))

    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return out


def expected(words, levels=LEVELS):
    """What the model says to the same words, `LATENCY` cycles later."""
    model, out = Rows(levels), []
    for cycle, word in enumerate(words):
        if word is not None:
            change = unpack(CHANGE, word)
            row = row_of(change["instrument"], change["side"])
            update = model.apply(change["kind"], row, change["price"], change["lots"])
            spill = int(row in model.spill)
            state = (model.depth(row), spill) if change["kind"] else ([], 0)
            out.append((cycle + LATENCY, row, update, *state, model.overflowed))
    return [*out, model.lost]


def spread(seed, changes, most):
    """Changes from two to `most` cycles apart."""
    rng, words = random.Random(seed), []
    for change in changes:
        words += [asked(*change), *[None] * (rng.randint(2, most) - 1)]
    return words


@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("most", [2, 6])
def test_updates_are_the_models(rows, most):
    """Same-row changes at every distance from two cycles on, rows that run over and run short."""
    from tapeout.hdl.levels.gateware import LevelRows

    seed = 10 * rows + most
    words = spread(seed, changes(seed, 400, rows=rows), most)
    assert simulate(LevelRows(instruments=2), words) == expected(words)
