"""Long tables out of captures, written as they are read: quotes, trades, depth."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tapeout.cli.app import app
from tapeout.cli.options import Date, Strict, Symbols, day, listed

Capture = Annotated[Path, typer.Argument(help="A capture.")]
Table = Annotated[Path, typer.Option("--out", "-o", help=".arrow or .parquet")]


@app.command()
def quotes(
    capture: Capture, out: Table, symbols: Symbols = "", strict: Strict = False, date: Date = None
) -> None:
    """Write every change of a best quote as Arrow or Parquet."""
    from tapeout.journal.outputs import quotes as stream

    _write("quotes", capture, out, stream, symbols=listed(symbols), strict=strict, date=day(date))


@app.command()
def trades(
    capture: Capture, out: Table, symbols: Symbols = "", strict: Strict = False, date: Date = None
) -> None:
    """Write every trade as Arrow or Parquet."""
    from tapeout.journal.outputs import trades as stream

    _write("trades", capture, out, stream, symbols=listed(symbols), strict=strict, date=day(date))


@app.command()
def depth(
    capture: Capture,
    out: Table,
    every: Annotated[str, typer.Option(help="From one time to the next.")] = "1s",
    levels: Annotated[int, typer.Option(help="Levels of each side.")] = 10,
    hours: Annotated[str, typer.Option(help="From when to when in New York.")] = "09:30-16:00",
    symbols: Symbols = "",
    strict: Strict = False,
    date: Date = None,
) -> None:
    """Write the best levels of every instrument on a grid of time as Arrow or Parquet."""
    from tapeout.journal.outputs import depth as stream

    start, _, end = hours.partition("-")

    def snapshots(tape: Any) -> Any:
        return stream(tape, every, levels, (start, end))

    _write("depth", capture, out, snapshots, symbols=listed(symbols), strict=strict, date=day(date))


def _write(what: str, capture: Path, out: Path, stream: Any, **chosen: Any) -> None:
    """Stream a capture into a file, whole or not at all."""
    from tapeout.feed.sink import Sink
    from tapeout.feed.tape import Tape
    from tapeout.progress import Bars
    from tapeout.service.check import check_places

    bars, rows = Bars(), 0
    with bars.shown():
        tape = Tape(capture, progress=bars, **chosen)
        batches = stream(tape)
        sink = Sink(out, batches.schema, what)
        check_places(capture, out)
        with sink:
            for batch in batches:
                sink.write(batch)
                rows += batch.num_rows
    print(f"{rows:,} rows of {what}: {out}")
    for finding in tape.findings:
        print(f"found: {finding}")
