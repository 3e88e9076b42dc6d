"""The quotes in gateware tell what the model tells, cycle by cycle."""

import random
import secrets

import pytest

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import pack
from tapeout.hdl.pretrade.layout import QUOTE, SLOTS
from tapeout.hdl.pretrade.model import Quote
from tapeout.hdl.quotes.model import Quotes
from tapeout.hdl.top.layout import BOOK_RECORD, BookRecord, Mark, Report
from tapeout.sim.engine import READY, engines

LATENCY = 4
LIMIT = {"slot": 4, "locate": 16, "en": 1}
STEP = {"record": 512, "record_valid": 1, "limit": sum(LIMIT.values())}
ENGINES = engines()
KINDS = [*range(Kind.ADD, Kind.REPLACE_IN + 1), *Kind, *Report]


def add(locate, price, lots=100, ask=False, marks=0, **others):
    """A record of an order that came, whose side's best price is this one."""
    flags = (Mark.ASK if ask else 0) | marks
    best = {"best_price": price, "best_lots": lots, "levels": 1}
    return BookRecord(kind=Kind.ADD, flags=flags, locate=locate, **best | others)


def told(*steps):
    """What the model tells of these (record, limit), a quote a step."""
    model = Quotes()
    return [model.step(*step) for step in steps] + model.drain()


def last(*steps):
    """What is known of each slot that was told about."""
    return {quote.slot: quote for quote in told(*steps) if quote}


def test_both_sides_of_a_slot_are_told_as_they_change():
    steps = [
        (None, (3, 7)), *[(None, None)] * SLOTS, (add(7, 50), None), (add(7, 50), None),
        (add(7, 52, 9, ask=True), None), (add(8, 60), None),
    ]  # fmt: skip
    assert [quote for quote in told(*steps) if quote] == [
        Quote(3), Quote(3, 50, 100), Quote(3, 50, 100, 52, 9),
    ]  # fmt: skip


def test_an_older_locate_leads_nowhere_and_one_locate_leads_to_one_slot():
    steps = [(None, (3, 7)), (add(7, 50), None), (None, (3, 8)), (add(7, 51), None)]
    assert last(*steps) == {3: Quote(3)}
    assert last(*steps, (add(8, 60), None)) == {3: Quote(3, 60, 100)}
    again = [(None, (3, 7)), (add(7, 50), None), (None, (5, 7)), (add(7, 51), None)]
    assert last(*again) == {3: Quote(3), 5: Quote(5, 51, 100)}


def test_a_limit_counts_for_the_record_that_comes_with_it():
    assert last((add(7, 50), (3, 7))) == {3: Quote(3, 50, 100)}
    assert last((None, (3, 7)), (add(7, 50), (3, 8))) == {3: Quote(3)}


def test_a_gap_makes_every_slot_stale_and_a_mark_the_slot_of_its_locate():
    both = [(None, (3, 7)), (None, (4, 8)), (add(7, 50), None)]
    lost = last(*both, (BookRecord(kind=Kind.GAP, flags=Mark.STALE), None))
    assert lost == {s: Quote(s, 50 * (s == 3), 100 * (s == 3), stale=1) for s in range(SLOTS)}
    trade = BookRecord(kind=Kind.TRADE, flags=Mark.STALE, locate=7, best_price=1)
    assert last(*both, (trade, None)) == {3: Quote(3, 50, 100, stale=1), 4: Quote(4)}
    assert last(*both, (trade, None), (None, (3, 7)))[3] == Quote(3)


def test_a_best_price_that_is_not_known_is_zero():
    steps = [
        (None, (3, 7)),
        (add(7, 50), None),
        (add(7, 49, levels=0, marks=Mark.INCOMPLETE), None),
    ]
    assert last(*steps) == {3: Quote(3)}
    known = (add(7, 49, marks=Mark.INCOMPLETE), None)
    assert last(*steps, known) == {3: Quote(3, 49, 100)}


def days(seed, count, locates=24, records=0.7, limits=0.03):
    """One (record or None, limit or None) a cycle: few locates, few prices, faults now and then."""
    rng = random.Random(seed)
    for cycle in range(count):
        record = limit = None
        if rng.random() < records:
            marks = rng.choice([0, 0, 0, 0, Mark.INCOMPLETE]) | Mark.ASK * rng.randrange(2)
            marks |= Mark.STALE * (rng.random() < 0.02) | rng.choice([0, Mark.BEST, Mark.LAST])
            record = BookRecord(
                number=cycle, kind=rng.choice(KINDS), flags=marks, levels=rng.randrange(3),
                locate=rng.choice([rng.randrange(locates), 7, 1 << 15]),
                best_price=rng.choice([0, 5, 6, 1 << 31]), best_lots=rng.choice([0, 1, 1 << 31]),
                price=rng.getrandbits(32), lots=rng.getrandbits(32),
            )  # fmt: skip
            if record.kind == Kind.GAP and rng.random() < 0.8:
                record = record._replace(kind=Kind.ADD)
        if rng.random() < limits or cycle < 3 * SLOTS:
            limit = rng.randrange(SLOTS), rng.choice([rng.randrange(locates), 7, 1 << 15])
        yield record, limit


def stepped(steps):
    """Each step as one word of `STEP`."""
    return [
        pack(
            (
                pack(record or BookRecord(), BOOK_RECORD),
                record is not None,
                pack((*limit, 1), LIMIT) if limit else 0,
            ),
            STEP,
        )
        for record, limit in steps
    ]


def play(component, words, slots):
    """What is told, and what the row of the slot asked for is, in each cycle."""
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    told, rows = [], []

    async def bench(ctx):
        for word, slot in zip(words, slots, strict=True):
            ctx.set(Value.cast(component.record), word & (1 << 512) - 1)
            ctx.set(component.record_valid, word >> 512 & 1)
            ctx.set(Value.cast(component.limit), word >> 513)
            ctx.set(component.slot, slot)
            quote = ctx.get(Value.cast(component.o))
            told.append(quote if ctx.get(component.valid) else None)
            rows.append(ctx.get(Value.cast(component.row)))
            await ctx.tick()

    simulator = Simulator(component)
    simulator.add_clock(6.4e-9)
    simulator.add_testbench(bench)
    simulator.run()
    return told, rows


@pytest.mark.rtl
@pytest.mark.parametrize("records", [0.5, 1.0])
def test_every_cycle_tells_what_the_model_tells(records):
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    from tapeout.hdl.quotes.gateware import Quotes as Gateware

    seed = secrets.randbits(32)
    print(f"seed {seed}")
    steps = [*days(seed, 1_500, records=records)]
    steps += [(None, None)] * (SLOTS + LATENCY)
    model, wanted, rows = Quotes(), [], []
    slots = [random.Random(cycle).randrange(SLOTS) for cycle in range(len(steps))]
    for cycle, step in enumerate(steps):
        wanted.append(model.step(*step))
        rows.append(model.rows[slots[min(cycle + 3, len(slots) - 1)]])
    told, shown = play(Gateware(), stepped(steps), slots)
    packed = [pack(quote, QUOTE) if quote else None for quote in wanted]
    assert told[LATENCY:] == packed[:-LATENCY]
    assert shown[LATENCY:] == [pack(row, QUOTE) for row in rows[:-LATENCY]]
    assert sum(quote is not None and quote.stale for quote in wanted) > 20
    assert len({quote.slot for quote in wanted if quote}) == SLOTS


@pytest.mark.rtl
def test_all_slots_are_known_to_be_stale_soon_after_a_gap_while_levels_go_on_changing():
    """Every other cycle a record changes a quote, as fast as the publisher can."""
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    from tapeout.hdl.quotes.gateware import Quotes as Gateware

    lost = (BookRecord(kind=Kind.GAP, flags=Mark.STALE), None)
    changes = [
        (add(7, 50 + k // 2), None) if k % 2 == 0 else (None, None) for k in range(3 * SLOTS)
    ]
    steps = [(None, (3, 7)), *changes[:4], lost, *changes]
    told, _ = play(Gateware(), stepped(steps), [0] * len(steps))
    after = told[6 : 6 + 5 + 2 * SLOTS]
    assert {quote & 15 for quote in after if quote is not None and quote >> 132} == {*range(SLOTS)}


def streamed():
    """The quotes behind a stream of steps, one of which goes in where the FIFO behind has room."""
    from amaranth.hdl import Module, Signal, Value
    from amaranth.lib import fifo, stream, wiring
    from amaranth.lib.wiring import In, Out

    from tapeout.hdl.quotes.gateware import Quotes as Gateware

    class Streamed(wiring.Component):
        i: In(stream.Signature(sum(STEP.values())))
        o: Out(stream.Signature(sum(QUOTE.values()) + 1))

        def elaborate(self, platform):
            """What is told of each step waits, told or not; cycles without a step are none."""
            m = Module()
            m.submodules.quotes = quotes = Gateware()
            width = len(self.o.payload)
            m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=width, depth=16)
            taken, late = Signal(), Signal(LATENCY)
            record, valid, limit = (Signal(bits) for bits in STEP.values())
            m.d.comb += [
                self.i.ready.eq(queue.level < 8),
                taken.eq(self.i.valid & self.i.ready),
                record.eq(self.i.payload[:512]),
                valid.eq(self.i.payload[512] & taken),
                Value.cast(quotes.record).eq(record),
                quotes.record_valid.eq(valid),
                limit.eq(self.i.payload[513:]),
                Value.cast(quotes.limit).eq(limit),
                quotes.limit.en.eq(limit[-1] & taken),
                queue.w_data.eq(quotes.o.as_value() | quotes.valid << width - 1),
                queue.w_en.eq(late[-1] | quotes.valid),
                self.o.payload.eq(queue.r_data),
                self.o.valid.eq(queue.r_rdy),
                queue.r_en.eq(self.o.ready),
            ]
            m.d.sync += late.eq(taken << 0 | late << 1)
            return m

    return Streamed()


@pytest.mark.rtl
@pytest.mark.blocks
@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_a_hundred_thousand_records_leave_every_slot_as_the_model_has_it(pause):
    """With pauses between them slots have more turns: what counts is what each slot was last."""
    if ENGINES["verilator"] != READY:
        pytest.skip(f"verilator: {ENGINES['verilator']}")
    from tapeout.sim.bench.compiled import Model as Compiled
    from tapeout.sim.bench.compiled import packed

    seed = secrets.randbits(32)
    print(f"seed {seed}")
    steps = [*days(seed, 100_000)]
    model, news = Quotes(), []
    for record, limit in steps:
        quote = model.step(record, limit)
        news += [quote] if quote else []
    news += model.drain()
    rows = packed(stepped(steps), sum(STEP.values()))
    out = Compiled(streamed()).play({"i": rows}, seed=seed, pause=pause).outputs["o"].payloads()
    valid = 1 << sum(QUOTE.values())
    said = [word - valid for word in out if word & valid]
    ends = {quote & 15: quote for quote in said}
    assert ends == {slot: pack(model.rows[slot], QUOTE) for slot in range(SLOTS)}
    changes = {pack(quote, QUOTE) for quote in news}
    assert len(said) > 20_000
    if not pause:
        assert said == [pack(quote, QUOTE) for quote in news]
    assert len(changes & set(said)) > 0.9 * len(changes)
