"""The level rows in gateware hold what the model says, change by change, cycle by cycle."""

import random

import pytest

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.levels.layout import LEVEL, LEVELS, REFILL, UPDATE, row_of
from tapeout.hdl.levels.model import ENTERS, LEAVES, Rows, Update
from tapeout.hdl.orders.layout import CHANGE
from tapeout.sim.engine import READY, engines, play

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
LATENCY = 5
ENGINES = engines()


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


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


def rows_of(instruments, levels=LEVELS):
    """The component under test."""
    from tapeout.hdl.levels.gateware import LevelRows

    return LevelRows(instruments, levels)


@pytest.mark.parametrize(("rows", "most"), [(1, 2), (2, 2), (2, 6), (4, 4)])
def test_updates_are_the_models(rows, most):
    """Same-row changes at every distance from two cycles on, rows that run over and run short."""
    words = spread(10 * rows + most, changes(10 * rows + most, 400, rows=rows), most)
    assert simulate(rows_of(2), words) == expected(words)


@pytest.mark.parametrize("between", range(5))
def test_a_row_is_seen_as_the_last_change_left_it(between):
    """So many changes of other rows, or of none, stand between two of one row."""
    rng, plan = random.Random(between), []
    for change in changes(between, 60, rows=1, prices=6):
        others = [(Kind.ADD, rng.randint(1, 3), rng.randint(1, 6), 1), (0, 0, 3, 1)]
        plan += [change, *(rng.choice(others) for _ in range(between))]
    words = spread(between, plan, 3)
    assert simulate(rows_of(2, levels=3), words) == expected(words, 3)


def test_what_block_ram_reads_while_it_is_written_does_not_matter(monkeypatch):
    """It may show the old word, the new one or neither: here the new one."""
    from amaranth.lib.memory import Memory

    words, plain = spread(4, changes(4, 300, rows=2), 4), Memory.read_port

    def new_word(ram, **options):
        return plain(ram, transparent_for=ram.write_ports, **options)

    component = rows_of(2)
    monkeypatch.setattr(Memory, "read_port", new_word)
    assert simulate(component, words) == expected(words)


@pytest.mark.parametrize("side", [0, 1])
def test_levels_sweep_in_and_out(side):
    """Twice as many levels as a row holds come from either end and go from either end."""
    prices = range(100, 100 + 2 * LEVELS)
    plan = [
        (kind, side, price, 5)
        for come, go in ((1, 1), (1, -1), (-1, 1), (-1, -1))
        for kind, way in ((Kind.ADD, come), (Kind.DELETE, go))
        for price in prices[::way]
    ]
    words = spread(1, plan, 2)
    told = expected(words)
    assert simulate(rows_of(1), words) == told
    assert {update.at for _, _, update, *_ in told[:-1]} == set(range(LEVELS + 1))
    assert {update.incomplete for _, _, update, *_ in told[:-1]} == {0, 1}


def test_lots_that_need_more_bits_and_prices_never_added_are_told():
    most, dear = 2**32 - 1, 2**32 - 1
    plan = [
        (Kind.ADD, 0, dear, most), (Kind.ADD, 0, dear, 1), (Kind.ADD, 0, 5, most),
        (Kind.ADD, 0, 5, most), (Kind.EXECUTE, 0, 5, most), (Kind.DELETE, 0, 5, most),
        (Kind.CANCEL, 0, 4, 1), (Kind.CANCEL, 0, 6, 1), (Kind.ADD, 0, 0, 1),
    ]  # fmt: skip
    words = spread(1, plan, 2)
    told = expected(words)
    assert simulate(rows_of(1), words) == told
    assert [step for step, (*_, wrong) in enumerate(told[:-1]) if wrong] == [1, 3, 4]
    assert told[-1] == 2


STILL = {
    "nothing": [],
    "lots of a known level": [(Kind.ADD, 0, 8, 1)],
    "a known level is gone": [(Kind.DELETE, 0, 7, 1)],
    "beyond the other side": [(Kind.CANCEL, 1, 5, 1)],
}
STIRRED = {
    "put beyond": [(Kind.ADD, 0, 4, 1)],
    "taken beyond": [(Kind.DELETE, 0, 5, 1)],
    "pushed out": [(Kind.ADD, 0, 9, 1), (Kind.ADD, 0, 10, 1), (Kind.DELETE, 0, 10, 1)],
}


@pytest.mark.parametrize("meanwhile", [*STILL, *STIRRED])
@pytest.mark.parametrize("answer", ["append", "none"])
def test_a_refill_counts_if_nothing_beyond_the_row_has_changed_since_the_look(meanwhile, answer):
    """Of bids at 9 to 5 a row of three has lost the best one when it is looked at."""
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    rows, seen = rows_of(1, levels=3), []

    async def change(ctx, *told):
        ctx.set(Value.cast(rows.i), asked(*told))
        ctx.set(rows.i_valid, 1)
        await ctx.tick()
        ctx.set(rows.i_valid, 0)
        await ctx.tick()

    async def ask(ctx, **fields):
        ctx.set(Value.cast(rows.refill.payload), pack(REFILL, row=0, price=6, lots=1, **fields))
        ctx.set(rows.refill.valid, 1)
        await ctx.tick().until(rows.refill.ready)
        ctx.set(rows.refill.valid, 0)
        await ctx.tick().until(rows.refilled)
        seen.append(shown(ctx.get(Value.cast(rows.row)), 3))

    async def bench(ctx):
        await ctx.tick().until(rows.ready)
        for price in (9, 8, 7, 6, 5):
            await change(ctx, Kind.ADD, 0, price, 1)
        await change(ctx, Kind.DELETE, 0, 9, 1)
        await ask(ctx, look=1)
        for told in (STILL | STIRRED)[meanwhile]:
            await change(ctx, *told)
        await ask(ctx, **{answer: 1})

    simulator = Simulator(rows)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    (before, _), (after, spill) = seen[0], seen[-1]
    assert [price for price, _ in before] == [8, 7]
    applied = meanwhile in STILL
    assert ((6, 1) in after) == (applied and answer == "append")
    assert spill == (not applied or answer == "append")


def test_reset_clears_rows_and_pipe():
    from amaranth.hdl import Module, ResetInserter, Signal, Value
    from amaranth.sim import Simulator

    rows, reset, m = rows_of(8), Signal(), Module()
    m.submodules.rows = ResetInserter(reset)(rows)
    seen = []

    async def bench(ctx):
        for again in range(2):
            await ctx.tick().until(rows.ready)
            for price in (5, 6, 7):
                ctx.set(Value.cast(rows.i), asked(Kind.ADD, 0, price, 1))
                ctx.set(rows.i_valid, 1)
                await ctx.tick()
                ctx.set(rows.i_valid, 0)
                await ctx.tick().repeat(1 if again == 0 else LATENCY - 1)
                if ctx.get(rows.o_valid):
                    seen.append((again, ctx.get(rows.o.levels)))
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            for _ in range(LATENCY):
                assert not ctx.get(rows.o_valid)
                assert not ctx.get(rows.ready)
                await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == [(1, 1), (1, 2), (1, 3)]


@pytest.mark.every_engine
@pytest.mark.parametrize("pause", [0.0, 0.5])
def test_every_engine_gives_the_models_updates(engine, pause, tmp_path):
    """Behind a stream that lets a change in when its update will find room."""
    plan = changes(3, 600, rows=4)
    out = play(streamed(rows_of(2)), [asked(*c) for c in plan], engine=engine, seed=5, pause=pause)
    model = Rows()
    assert [tuple(unpack(UPDATE, word).values()) for word in out] == [model.apply(*c) for c in plan]


def streamed(rows):
    """Level rows between two streams."""
    from amaranth.hdl import Module, Signal, Value
    from amaranth.lib import fifo, stream, wiring
    from amaranth.lib.wiring import In, Out

    class Streamed(wiring.Component):
        i: In(stream.Signature(sum(CHANGE.values())))
        o: Out(stream.Signature(sum(UPDATE.values())))

        def elaborate(self, platform):
            m = Module()
            m.submodules.rows = rows
            m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=sum(UPDATE.values()), depth=16)
            recent = Signal()
            m.d.sync += recent.eq(rows.i_valid)
            m.d.comb += [
                self.i.ready.eq(rows.ready & ~recent & (queue.level < 8)),
                Value.cast(rows.i).eq(self.i.payload),
                rows.i_valid.eq(self.i.valid & self.i.ready),
                queue.w_data.eq(rows.o),
                queue.w_en.eq(rows.o_valid),
                self.o.payload.eq(queue.r_data),
                self.o.valid.eq(queue.r_rdy),
                queue.r_en.eq(self.o.ready),
            ]
            return m

    return Streamed()
