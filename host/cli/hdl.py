"""The gateware: hdl build, hdl timing, hdl play."""

from pathlib import Path
from typing import Annotated

import typer

from tapeout.cli.app import app

hdl = typer.Typer(
    help="The gateware: as files for other tools, on a part, and played.",
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


@hdl.command()
def play(
    capture: Annotated[Path, typer.Argument(help="What goes over line A.")],
    engine: Annotated[str, typer.Option(help="verilator, icarus or amaranth.")] = "",
    symbols: Annotated[str, typer.Option("--symbols", "-s", help="AAPL,MSFT; else all.")] = "",
    frames: Annotated[int, typer.Option(min=1, help="How many, from the start.")] = 10_000,
    records: Annotated[int, typer.Option(min=0, help="How many to show.")] = 20,
    wave: Annotated[Path | None, typer.Option(help="A waveform (VCD), on amaranth.")] = None,
) -> None:
    """Play a capture through the whole gateware; its records are held to the golden model's."""
    from tapeout.progress import Bars
    from tapeout.walk.play import play as job
    from tapeout.walk.play import table

    bars, names = Bars(), [name for name in symbols.split(",") if name]
    with bars.shown():
        played = job(
            capture, engine=engine or None, symbols=names, frames=frames, wave=wave, progress=bars
        )
    for line in table(played.records[:records]):
        print(line)
    print(
        f"{played.frames:,} frames, {played.messages:,} messages, {len(played.records):,} records"
        f" on {played.engine}"
    )
    print(f"check: {played.agreed:,} records equal the golden model's {played.expected:,}")
    raise typer.Exit(0 if played.equal else 1)
