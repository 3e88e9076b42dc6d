"""What clock does each block reach on an ECP5-85F, speed grade 8, and what does it take?"""

import argparse
import os
import sys

import harness

from tapeout.hdl.flow.blocks import BLOCKS, block
from tapeout.hdl.flow.count import ultrascale
from tapeout.hdl.flow.place import ROUTER, SEEDS, Placed, place

QUICK = "decoder"


def options(parser: argparse.ArgumentParser) -> None:
    """Which blocks and seeds, so that a part can be run."""
    names = ", ".join(BLOCKS)
    parser.add_argument("blocks", nargs="*", metavar="block", help=f"which: {names}; else all")
    parser.add_argument("--seeds", default="", help="1,2,3: which placements; else five")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="seeds at a time")
    parser.add_argument("--router", default=ROUTER, help="router1 or router2, of nextpnr")
    parser.add_argument("--without-ultrascale", action="store_true", help="only the ECP5")


def tell(bench: harness.Benchmark, name: str, placed: Placed) -> None:
    """Clock rates, cells without those that stand for pins, and the path that keeps the worst."""
    worst = placed.worst
    bench.record(f"{name}: median of {len(placed.routes)} seeds", placed.median_mhz, "MHz")
    bench.record(f"{name}: worst, seed {worst.seed}", worst.mhz, "MHz")
    for cell, count in placed.cells.items():
        bench.record(f"{name}: {cell} of ECP5", float(count - placed.around.get(cell, 0)), "cells")
    path = worst.critical
    said = f"{path.start} -> {path.end}, {path.levels} cells"
    bench.record(f"{name}: slowest path, {said}", path.ns, "ns")
    bench.record(f"{name}: of it routing", path.routing_ns, "ns")


def run(bench: harness.Benchmark) -> None:
    """One block after the other; one small one, one seed, if there is only a minute."""
    asked = bench.asked
    names = asked.blocks or ([QUICK] if bench.quick else list(BLOCKS))
    seeds = [int(seed) for seed in asked.seeds.split(",") if seed]
    for name in names:
        try:
            placed = place(
                block(name).component(), name=name, router=asked.router, jobs=asked.jobs,
                seeds=seeds or SEEDS[: bench.size(len(SEEDS), 1)],
            )  # fmt: skip
            tell(bench, name, placed)
            if not asked.without_ultrascale:
                for cell, count in ultrascale(block(name).component()).items():
                    bench.record(f"{name}: {cell} of UltraScale+", float(count), "cells")
        except RuntimeError as reason:
            print(reason, file=sys.stderr)
            return


if __name__ == "__main__":
    harness.main(run)
