"""Messages of a capture as typed tables: messages."""

from pathlib import Path
from typing import Annotated

import typer

from tapeout.cli.app import app
from tapeout.cli.options import Date, Strict, Symbols, day, listed


@app.command()
def messages(
    capture: Annotated[Path, typer.Argument(help="A capture.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help=".arrow or .parquet, or a folder: a file a type")
    ],
    types: Annotated[
        str, typer.Option("--type", help="Letters of ITCH 5.0 message types; all if not given.")
    ] = "",
    form: Annotated[
        str, typer.Option("--format", help="In a folder: parquet or arrow.")
    ] = "parquet",
    symbols: Symbols = "",
    strict: Strict = False,
    date: Date = None,
) -> None:
    """Write the messages of a capture, a table a type, as they are on the wire."""
    from tapeout.feed.tape import Tape
    from tapeout.market.messages import ALL
    from tapeout.progress import Bars
    from tapeout.service.messages import write_messages

    bars = Bars()
    with bars.shown():
        tape = Tape(capture, symbols=listed(symbols), strict=strict, date=day(date), progress=bars)
        written = write_messages(tape, out, types or ALL, f".{form}")
    for path, rows in written.items():
        print(f"{rows:,} messages: {path}")
    for finding in tape.findings:
        print(f"found: {finding}")
