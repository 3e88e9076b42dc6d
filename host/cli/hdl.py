"""The gateware: hdl build, hdl timing, hdl capacity, hdl play."""

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
    board: Annotated[str, typer.Option(help="A bitstream for ecpix5, instead.")] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder.")] = Path("build/hdl"),
    seed: Annotated[int, typer.Option(help="Of the placement, for a board.")] = 1,
) -> None:
    """Write Verilog, RTLIL, a port list and a timing diagram; or a bitstream for a board."""
    from tapeout.service.hdl import bitstream
    from tapeout.service.hdl import build as job

    if not board:
        for path in job(top, out):
            print(f"{path}: {path.stat().st_size:,} bytes")
        return
    found = bitstream(board, out, seed=seed)
    print(f"{found.bitstream}: {found.bitstream.stat().st_size:,} bytes")
    for clock, (mhz, needed) in found.clocks.items():
        print(f"{clock}: {mhz:.1f} MHz, needs {needed:g}")
    print(", ".join(f"{count:,} {cell}" for cell, count in found.cells.items()))
    raise typer.Exit(0 if found.in_time else 1)


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
def capacity(
    rows: Annotated[int, typer.Option(help="Of a bank of the order table.")] = 512,
    ways: Annotated[int, typer.Option(help="Orders in a row.")] = 4,
    stash: Annotated[int, typer.Option(help="Orders beside the rows.")] = 8,
    instruments: Annotated[int, typer.Option(help="That are listened to.")] = 256,
    locates: Annotated[int, typer.Option(help="Stock locates that are known.")] = 16_384,
    words: Annotated[int, typer.Option(help="A line may wait with.")] = 512,
) -> None:
    """How many orders and instruments a part has block RAM for, by calculation."""
    from tapeout.service.hdl import capacity as job

    print(f"{'part':<12}{'case':<26}{'orders':>10}{'instruments':>13}{'levels':>11}  block RAM")
    for line in job(rows, ways, stash, instruments, locates, words):
        sizes, used = line.sizes, ", ".join(f"{n:g} {kind}" for kind, n in line.taken.items())
        print(
            f"{line.part:<12}{line.case:<26}{sizes.orders:>10,}{sizes.instruments:>13,}"
            f"{sizes.price_levels:>11,}  {used}"
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
