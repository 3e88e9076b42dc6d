"""What else the order table shows: scans beside the ops, the stash, statistics."""

import copy
import functools
import random

import pytest

from tapeout.hdl.itch.layout import pack
from tapeout.hdl.orders.layout import ENTRY, OP, Action, Refusal
from tapeout.hdl.orders.model import Op, Orders, Places

SHAPE = (8, 2, 2)  # rows, ways, stash
SCAN = 4  # cycles from `scan_taken` to `scan_valid`
pytestmark = [pytest.mark.rtl, pytest.mark.blocks]


def asks(seed, count, references):
    rng = random.Random(seed)
    pool = [rng.getrandbits(64) for _ in range(references)]
    actions = [Action.ADD] * 3 + list(Action)
    return [
        Op(rng.choice(actions), rng.choice(b"BS"), rng.choice(pool), rng.choice(pool),
           rng.randrange(4), rng.getrandbits(32))
        for _ in range(count)
    ]  # fmt: skip


class Watched:
    """The table, driven with ops and scans of every row in turn; all that it showed, by cycle."""

    def __init__(self, table, ops, pause, seed):
        self.table, self.ops, self.rng, self.pause = table, ops, random.Random(seed), pause
        self.taken, self.scans, self.shown, self.answered, self.stash = [], {}, {}, [], []
        self.changes = []

    def run(self):
        from amaranth.sim import Simulator

        simulator = Simulator(self.table)
        simulator.add_clock(1e-8)
        simulator.add_testbench(self._bench)
        simulator.run()
        return self

    async def _bench(self, ctx):
        from amaranth.hdl import Value

        table, cycle = self.table, 0
        ctx.set(table.subscribed, 1)
        while len(self.taken) < len(self.ops) or cycle < self.taken[-1] + 40:
            ctx.set(table.scan_row, row := cycle % SHAPE[0])
            at = len(self.taken)
            offered = at < len(self.ops) and self.rng.random() >= self.pause
            ctx.set(table.i.valid, offered)
            if offered:
                ctx.set(Value.cast(table.i.payload), pack(self.ops[at], OP))
                if ctx.get(table.i.ready):
                    self.taken.append(cycle)
            if ctx.get(table.scan_taken):
                self.scans[cycle] = row
            if ctx.get(table.scan_valid):
                self.shown[cycle] = self._entries(ctx, table.scan_entry)
            if ctx.get(table.valid):
                self.answered.append(cycle)
                self.changes.append(ctx.get(Value.cast(table.o)))
            self.stash.append(self._entries(ctx, table.stash))
            await ctx.tick()
            cycle += 1
        self.statistics = ctx.get(table.statistics)

    def _entries(self, ctx, entries):
        orders = [tuple(ctx.get(entry[field]) for field in ENTRY) for entry in entries]
        return [order[1:] if order[0] else None for order in orders]


def shown(orders):
    """What scans of all rows, and the stash, should show: sets of orders."""
    entries = {
        reference: (order.instrument, order.side, order.price, order.shares)
        for reference, order in orders.orders.items()
    }
    places = orders.places
    rows = [
        {entries[reference] for bank in places.rows for reference in bank[row]}
        for row in range(SHAPE[0])
    ]
    return rows, {entries[reference] for reference in places.stashed}


def states(ops):
    """`shown` before the first answer and after each: between two of a replace, the old is out."""
    orders = Orders(Places(*SHAPE))
    known = [shown(orders)]
    for op in ops:
        without = copy.deepcopy(orders)
        if len(orders.apply(op, True, 0)) == 2:
            without.apply(op._replace(action=Action.DELETE), True, 0)
            known.append(shown(without))
        known.append(shown(orders))
    return known


@pytest.mark.parametrize("pause", [0.0, 0.4, 0.9])
def test_a_scan_shows_all_that_was_answered_when_it_was_taken(pause):
    """It lacks what is being written when it reads: the answer that stands in the next cycle."""
    from tapeout.hdl.orders.gateware import OrderTable

    ops = asks(f"scan {pause}", 250, 30)
    seen, known = Watched(OrderTable(*SHAPE), ops, pause, seed=3).run(), states(ops)
    lacking = orders = 0
    over = max(seen.shown)
    assert sorted(seen.shown) == [at + SCAN for at in sorted(seen.scans) if at + SCAN <= over]
    for shown_at, entries in seen.shown.items():
        cycle = shown_at - SCAN
        row = seen.scans[cycle]
        now = sum(at <= cycle for at in seen.answered)
        next_cycle = now + (cycle + 1 in seen.answered)
        assert {*entries} - {None} == known[now][0][row] & known[next_cycle][0][row]
        lacking += known[now][0][row] != known[next_cycle][0][row]
        orders += len({*entries} - {None})
    assert lacking > 5
    assert orders > 300


def test_the_stash_shows_an_answer_from_the_cycle_after():
    from tapeout.hdl.orders.gateware import OrderTable

    ops = asks("stash", 250, 60)
    seen, known = Watched(OrderTable(*SHAPE), ops, 0.2, seed=3).run(), states(ops)
    for cycle, orders in enumerate(seen.stash):
        assert {*orders} - {None} == known[sum(at < cycle for at in seen.answered)][1]
    assert any(None not in orders for orders in seen.stash)


def test_every_idle_cycle_is_given_to_a_scan():
    """An op leaves one cycle in two, a replace one in four; without ops all are."""
    from tapeout.hdl.orders.gateware import OrderTable

    ops = asks("idle", 100, 20)
    seen = Watched(OrderTable(*SHAPE), ops, 0.3, seed=4).run()
    busy = set()
    for cycle, op in zip(seen.taken, ops, strict=True):
        busy |= {cycle, *([cycle + 1, cycle + 2] if op.action == Action.REPLACE else [])}
    first, last = min(seen.scans), max(seen.scans)
    assert set(seen.scans) == set(range(first, last + 1)) - busy


def test_statistics_count_what_the_model_refused_and_holds():
    from tapeout.hdl.orders.gateware import OrderTable

    ops = asks("count", 300, 80)
    seen, known = Watched(OrderTable(*SHAPE), ops, 0.0, seed=5).run(), states(ops)
    orders = Orders(Places(*SHAPE))
    changes = [change for op in ops for change in orders.apply(op, True, 0)]
    live = [sum(map(len, rows)) + len(stash) for rows, stash in known]
    stashed = [len(stash) for _, stash in known]
    count = seen.statistics
    assert (count.live, count.most_live) == (live[-1], max(live))
    assert (count.stashed, count.most_stashed) == (stashed[-1], max(stashed))
    refused = [sum(bool(c.refusal & refusal) for c in changes) for refusal in Refusal]
    assert list(count.refused) == refused
    assert count.refused[-1] > 10


def test_full_says_that_no_place_was_free():
    """When a first order is refused as FULL, its two rows and the stash hold nothing but orders."""
    from tapeout.hdl.orders.gateware import OrderTable

    references = [0o7654321 * k for k in range(1, 60)]
    ops = [Op(Action.ADD, ord("S"), reference, 0, 1, k) for k, reference in enumerate(references)]
    orders = Orders(Places(*SHAPE))
    full = next(k for k, op in enumerate(ops) if orders.apply(op, True, 0)[0].refusal)
    seen = Watched(OrderTable(*SHAPE), ops[: full + 1], 0.0, seed=6).run()
    pieces = [references[full] >> 3 * k & 7 for k in range(22)]
    turned = [(piece << k % 3 | piece >> 3 - k % 3) & 7 for k, piece in enumerate(pieces)]
    rows = [functools.reduce(int.__xor__, parts) for parts in (pieces, turned)]
    last = max(seen.shown) - SCAN
    late = {row: cycle for cycle, row in seen.scans.items() if seen.answered[-1] < cycle <= last}
    first, second = (seen.shown[late[row] + SCAN] for row in rows)
    assert None not in [*first[: SHAPE[1]], *second[SHAPE[1] :], *seen.stash[-1]]


def test_what_memory_reads_while_it_writes_does_not_matter(monkeypatch):
    """Old or new word: answers and scans are the same."""
    from amaranth.lib.memory import Memory

    from tapeout.hdl.orders.gateware import OrderTable

    def new_word(memory):
        return plain(memory, transparent_for=memory.write_ports)

    ops, plain = asks("collide", 250, 12), Memory.read_port
    old = Watched(OrderTable(*SHAPE), ops, 0.3, seed=7).run()
    monkeypatch.setattr(Memory, "read_port", new_word)
    new = Watched(OrderTable(*SHAPE), ops, 0.3, seed=7).run()
    assert old.changes == new.changes
    assert old.shown == new.shown
