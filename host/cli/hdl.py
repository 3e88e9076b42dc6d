"""The gateware: hdl build, hdl timing."""

from pathlib import Path
from typing import Annotated

import typer

from tapeout.cli.app import app

hdl = typer.Typer(
    help="The gateware: as files for other tools, and on a part.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(hdl, name="hdl")


@hdl.command()
def build(
    top: Annotated[str, typer.Option(help="Which block.")] = "decoder",
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder.")] = Path("build/hdl"),
) -> None:
    """Write Verilog, RTLIL, a port list and a timing diagram."""
    from tapeout.service.hdl import build as job

    for path in job(top, out):
        print(f"{path}: {path.stat().st_size:,} bytes")


@hdl.command()
def timing(
    block: Annotated[str, typer.Argument(help="Which block.")] = "decoder",
    seeds: Annotated[int, typer.Option(min=1, help="How many placements to try.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Place and route a block on an ECP5-85F, speed grade 8."""
    import dataclasses
    import json

    from tapeout.progress import Bars
    from tapeout.service.hdl import timing as job

    bars = Bars()
    with bars.shown():
        found = job(block, seeds=range(1, seeds + 1), progress=bars)
    if as_json:
        print(json.dumps(dataclasses.asdict(found)))
        return
    for route in found.routes:
        print(f"seed {route.seed}: {route.mhz:.1f} MHz")
    print(f"median {found.median_mhz:.1f} MHz, worst {found.worst.mhz:.1f} MHz")
    print(", ".join(f"{count:,} {cell}" for cell, count in found.cells.items()), end="; ")
    print(", ".join(f"{count:,} {cell}" for cell, count in found.around.items()), "stand for pins")
    slowest = found.worst.critical
    print(
        f"slowest path: {slowest.start} -> {slowest.end}, {slowest.ns:.2f} ns,"
        f" {slowest.routing_ns:.2f} of them routing, {slowest.levels} cells"
    )
