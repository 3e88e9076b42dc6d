"""Builds or runs a cocotb bench in a process of its own: `runner build|test ENGINE FOLDER`."""

import json
import sys
from pathlib import Path

from cocotb_tools.runner import get_runner

from tapeout.sim.engine import BUILD_ARGS

SOURCES = {"verilator": ["top.vlt", "top.sv"], "icarus": ["top.sv"]}


def build(engine: str, folder: Path) -> None:
    """Compile `top.sv` of the folder."""
    get_runner(engine).build(
        sources=[folder / name for name in SOURCES[engine]],
        hdl_toplevel="top",
        build_dir=folder,
        always=True,
        build_args=BUILD_ARGS[engine],
        timescale=("1ns", "1ps"),
    )
    for path in {*folder.glob("Vtop*"), *folder.glob("*.o")}:
        path.unlink()  # what only the compiler needed, many times the model


def test(engine: str, folder: Path) -> None:
    """Play `job.json` of the folder; `sim.bench.stream` writes `out.json` beside it."""
    job = json.loads((folder / "job.json").read_text())
    runner = get_runner(engine)
    runner.test(
        hdl_toplevel="top",
        hdl_toplevel_lang="verilog",
        test_module="tapeout.sim.bench.stream",
        build_dir=job["built"],
        test_dir=folder,
        seed=job["player"]["seed"],
        extra_env={"TAPEOUT_JOB": str(folder / "job.json")},
    )


if __name__ == "__main__":
    step, engine, folder = sys.argv[1:]
    {"build": build, "test": test}[step](engine, Path(folder))
