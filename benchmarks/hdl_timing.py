"""What clock does each block reach on an ECP5-85F, speed grade 8, and what does it take there?"""

import sys

import harness

from tapeout.hdl.flow.blocks import BLOCKS, block
from tapeout.hdl.flow.place import SEEDS, place


def run(bench: harness.Benchmark) -> None:
    """Median and worst over seeds; registers that stand for pins are taken off what is counted."""
    for name in BLOCKS:
        try:
            placed = place(block(name).component(), name=name, seeds=SEEDS[: bench.size(5, 1)])
        except RuntimeError as reason:
            print(reason, file=sys.stderr)
            return
        bench.record(f"{name}: median of {len(placed.routes)} seeds", placed.median_mhz, "MHz")
        bench.record(f"{name}: worst", placed.worst.mhz, "MHz")
        for cell, count in placed.cells.items():
            own = count - placed.around.get(cell, 0)
            bench.record(f"{name}: cells", float(own), cell)


if __name__ == "__main__":
    harness.main(run)
