"""A day of a simulated exchange as a file: simulate."""

from pathlib import Path
from typing import Annotated

import typer

from tapeout.cli.app import app


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Where to write the day.")],
    instruments: Annotated[int, typer.Option(help="How many names trade.")] = 8_000,
    messages: Annotated[int, typer.Option(help="About orders and trades.")] = 20_000_000,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    container: Annotated[
        str, typer.Option("--format", help="pcap, or itch: messages behind their lengths.")
    ] = "pcap",
) -> None:
    """Write a day of ITCH 5.0 from a simulated exchange that knows its own books."""
    from tapeout.progress import Bars
    from tapeout.service.simulate import simulate as job

    bars = Bars()
    with bars.shown():
        found = job(
            out,
            seed=seed,
            instruments=instruments,
            messages=messages,
            container=container,
            progress=bars,
        )
    oracle = found.oracle
    print(
        f"{oracle.messages:,} messages of {instruments:,} instruments, {found.size:,} bytes: {out}"
    )
    print(f"{oracle.live:,} orders rest; {found.ns_per_message:,.1f} ns a message; seed {seed}")
