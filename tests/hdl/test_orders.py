"""The order table in gateware answers as its golden model, and that as the books."""

import itertools
import random

import pytest

from tapeout.hdl.book.model import Books
from tapeout.hdl.itch.layout import Record, pack
from tapeout.hdl.layout import Fault
from tapeout.hdl.orders.layout import CHANGE, OP, Action, Refusal, row_bits
from tapeout.hdl.orders.model import Change, Op, Orders, Places

SMALL = (4, 2, 2)  # rows, ways, stash
SHARES = [0, 1, 2, 3, 50, 2**32 - 1]
LATENCY = 6
gateware = pytest.mark.rtl
pytestmark = pytest.mark.blocks


class Ask(tuple):
    """An op, whether somebody listens, and to what instrument; how many cycles it waits first."""

    def __new__(cls, action, reference=0, other=0, shares=1, *, wait=0, heard=(True, 1), **fields):
        op = Op(action, fields.pop("side", ord("B")), reference, other, shares, **fields)
        return super().__new__(cls, (op, *heard, wait))


def play(table, asks, resets=()):
    """The cycle each ask is taken in; cycle and change of each answer. Reset in some cycles."""
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    taken, answers = [], []

    async def bench(ctx):
        told, waited, cycle = {}, 0, 0
        while len(taken) < len(asks) or cycle < taken[-1] + 16:
            op, *heard, wait = asks[len(taken)] if len(taken) < len(asks) else (None, 0, 0, 0)
            offered = op is not None and waited >= wait
            ctx.set(reset, cycle in resets)
            ctx.set(table.i.valid, offered)
            if offered:
                ctx.set(Value.cast(table.i.payload), pack(op, OP))
            listens, instrument = told.pop(cycle, (0, 0))
            ctx.set(table.subscribed, listens)
            ctx.set(table.instrument, instrument)
            if ctx.get(table.valid):
                answers.append((cycle, Change(*(ctx.get(table.o[field]) for field in CHANGE))))
            if offered and ctx.get(table.i.ready):
                told[cycle + 2], waited = heard, 0
                taken.append(cycle)
            elif ctx.get(table.i.ready):
                waited += 1
            await ctx.tick()
            cycle += 1

    from amaranth.hdl import ResetInserter, Signal

    reset = Signal()
    simulator = Simulator(ResetInserter(reset)(table))
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return taken, answers


def meaning(change):
    """What of a change is said; the rest of a refused one means nothing."""
    if change.kind:
        return change
    full = change.refusal & Refusal.FULL
    return Change(
        instrument=change.instrument if full else 0, last=change.last, refusal=change.refusal
    )


def expected(asks, shape):
    orders = Orders(Places(*shape))
    return [meaning(change) for ask in asks for change in orders.apply(*ask[:3])]


def answers(asks, shape=SMALL, **options):
    from tapeout.hdl.orders.gateware import OrderTable

    return [meaning(change) for _, change in play(OrderTable(*shape), asks, **options)[1]]


def crowd(rng, count, pool, wait=0.0, most=9):
    """Random ops over few references, many of them wrong."""
    weights = [1, 5, 2, 2, 3, 4]
    return [
        Ask(
            rng.choices(list(Action), weights)[0],
            rng.choice(pool),
            rng.choice(pool),
            rng.choice(SHARES),
            side=rng.choice(b"BSBSBSBSX"),
            price=rng.getrandbits(32),
            heard=(rng.random() < 0.9, rng.choice([1, 1, 1, 7])),
            wait=rng.randrange(most) if rng.random() < wait else 0,
        )
        for _ in range(count)
    ]


@gateware
@pytest.mark.parametrize("wait", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(
    ("shape", "references"), [(SMALL, 3), (SMALL, 30), ((2, 1, 1), 4), ((16, 4, 8), 160)]
)
def test_answers_are_the_models(shape, references, wait):
    rng = random.Random(f"{shape} {references} {wait}")
    asks = crowd(rng, 300, [rng.getrandbits(64) for _ in range(references)], wait, most=5)
    assert answers(asks, shape) == expected(asks, shape)


@gateware
def test_references_of_one_row_in_both_banks_crowd_each_other_out():
    """All meet in row 0 of both banks: every place, the stash, then FULL, and room again."""
    rng, places = random.Random(5), Places(*SMALL)
    meet = (r for r in iter(lambda: rng.getrandbits(64), None) if not any(
        places.row(bank, r) for bank in range(2)))  # fmt: skip
    pool = list(itertools.islice(meet, 10))
    asks = [Ask(Action.ADD, r) for r in pool]
    asks += crowd(rng, 200, pool[4:7], 0.2)  # the stash's alone: the rows stay full
    asks += crowd(rng, 300, pool, 0.2)
    want = expected(asks, SMALL)
    assert [change.refusal for change in want[:10]] == [0] * 6 + [Refusal.FULL] * 4
    assert {change.refusal & refusal for change in want for refusal in Refusal} == {0, *Refusal}
    assert answers(asks) == want


LIVES = [
    Ask(Action.ADD, 1, shares=9),
    Ask(Action.ADD, 2, shares=9),
    Ask(Action.EXECUTE, 1, shares=4),
    Ask(Action.CANCEL, 1, shares=9),
    Ask(Action.DELETE, 1),
    Ask(Action.REPLACE, 1, 2, shares=7),
    Ask(Action.REPLACE, 2, 1, shares=7),
    Ask(Action.REPLACE, 1, 1, shares=7),
    Ask(Action.REPLACE, 3, 1, shares=7),
]


@gateware
@pytest.mark.parametrize("wait", range(6))
def test_each_op_sees_what_the_ones_before_it_left_however_few_cycles_ago(wait):
    asks, rng = [], random.Random(wait)
    for _ in range(70):
        asks += [Ask(Action.DELETE, 1), Ask(Action.DELETE, 2), LIVES[0]]
        asks += [Ask(*op[:1], *op[2:5], wait=wait) for op, *_ in rng.choices(LIVES, k=4)]
    assert answers(asks) == expected(asks, SMALL)


@gateware
@pytest.mark.parametrize("fillers", range(1, 5))
def test_each_op_sees_what_one_before_the_last_few_left(fillers):
    asks, rng = [], random.Random(fillers)
    for _ in range(100 // fillers):
        op, *_ = rng.choice(LIVES)
        asks.append(Ask(*op[:1], *op[2:5]))
        asks += [Ask(rng.choice([Action.ADD, Action.DELETE]), 100 + k) for k in range(fillers)]
    assert answers(asks) == expected(asks, SMALL)


@gateware
def test_replacements_of_replacements_back_to_back():
    chain = [Ask(Action.ADD, 1, shares=3)]
    chain += [Ask(Action.REPLACE, k, k + 1, shares=k + 2, price=k) for k in range(1, 60)]
    want = expected(chain, SMALL)
    assert len(want) == 119
    assert answers(chain) == want


@gateware
def test_latency_is_six_cycles_and_an_op_takes_two_a_replace_four():
    from tapeout.hdl.orders.gateware import OrderTable

    rng = random.Random(8)
    asks = crowd(rng, 300, [rng.getrandbits(64) for _ in range(5)])
    taken, seen = play(OrderTable(*SMALL), asks)
    takes = [4 if op.action == Action.REPLACE else 2 for op, *_ in asks]
    assert taken == list(itertools.accumulate(takes[:-1], initial=taken[0]))
    due, orders = [], Orders(Places(*SMALL))
    for at, ask in zip(taken, asks, strict=True):
        due += [at + LATENCY + 2 * k for k in range(len(orders.apply(*ask[:3])))]
    assert [cycle for cycle, _ in seen] == due


@gateware
@pytest.mark.parametrize("seed", range(4))
def test_reset_in_mid_stream_empties_the_table(seed):
    """Answers in flight are lost; what is asked afterwards meets an empty table."""
    from tapeout.hdl.orders.gateware import OrderTable

    rng = random.Random(seed)
    asks = crowd(rng, 300, [rng.getrandbits(64) for _ in range(12)], 0.2, most=3)
    at = rng.randrange(200, 400)
    taken, seen = play(OrderTable(*SMALL), asks, resets={at})
    before = sum(cycle <= at for cycle in taken)
    first = Orders(Places(*SMALL))
    due = [
        (cycle + LATENCY + 2 * k, meaning(change))
        for cycle, ask in zip(taken[:before], asks, strict=False)
        for k, change in enumerate(first.apply(*ask[:3]))
    ]
    due = [(cycle, change) for cycle, change in due if cycle <= at]
    want = [change for _, change in due] + expected(asks[before:], SMALL)
    assert 0 < before < len(asks)
    assert [meaning(change) for _, change in seen] == want


@pytest.mark.parametrize("rows", [0, 1, 12])
def test_a_bank_has_a_power_of_two_of_rows(rows):
    with pytest.raises(ValueError, match=f"rows must be a power of two, 2 or more; got {rows}"):
        row_bits(rows)


FAULTS = {getattr(Fault, refusal.name): refusal for refusal in Refusal if refusal != Refusal.FULL}
ACTIONS = {"A": Action.ADD, "E": Action.EXECUTE, "X": Action.CANCEL, "D": Action.DELETE,
           "U": Action.REPLACE}  # fmt: skip


def test_the_model_answers_as_the_books():
    """Record by record, the same levels change by the same lots and the same faults count."""
    rng = random.Random(11)
    books, orders = Books(), Orders(Places(64, 4, 8))
    seen = set()
    for _ in range(20_000):
        kind = rng.choice("AAAEXDUU")
        record = Record(subject=rng.randrange(40), other=rng.randrange(40), type=ord(kind), flags=1,
                        locate=rng.choice([3, 3, 3, 5]), shares=rng.choice([0, 1, 2, 3, 9]),
                        price=rng.randrange(9), side=rng.choice(b"BBBSSSX"))  # fmt: skip
        before = books.faults.copy()
        events = books.apply(record)
        faults = sum(FAULTS[f] for f in books.faults - before if f in FAULTS)
        op = Op(ACTIONS[kind], record.side, record.subject, record.other, record.shares,
                record.price)  # fmt: skip
        changes = orders.apply(op, True, record.locate)
        assert sum(change.refusal for change in changes) == faults
        assert [
            (c.kind, "BS"[c.side], c.instrument, c.price, c.lots) for c in changes if c.kind
        ] == [(e.kind, e.side, e.locate, e.price_ticks, e.lots) for e in events]
        assert [change.last for change in changes] == [0] * (len(changes) - 1) + [1]
        seen.add(faults)
    assert seen >= {0, *FAULTS.values()}


def test_nobody_listens_to_an_order_so_it_is_never_known():
    orders = Orders(Places(*SMALL))
    assert orders.apply(Op(Action.ADD, ord("B"), 1, shares=5), False, 0) == [Change()]
    assert orders.apply(Op(Action.DELETE, reference=1), False, 0) == [Change()]
    assert orders.orders == {}
