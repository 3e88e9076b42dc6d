"""Tables out of captures and prices: books, events, bars, factors, covariance."""

from pathlib import Path
from typing import Annotated

import typer

from tapeout.cli.app import app
from tapeout.cli.options import (
    Column,
    Date,
    Every,
    Lines,
    OnDevice,
    Retransmitted,
    Snapshot,
    Strict,
    Symbols,
    beside,
    day,
    listed,
    opened,
)


@app.command()
def books(
    capture: Annotated[Path, typer.Argument(help="A capture.")],
    symbols: Symbols = "",
    levels: Annotated[int, typer.Option(help="Levels of each side.")] = 5,
    strict: Strict = False,
    date: Date = None,
    line: Lines = None,
    retransmitted: Retransmitted = None,
    snapshot: Snapshot = None,
) -> None:
    """Print the order books at the end of a capture."""
    from tapeout.feed.replay import books as build
    from tapeout.units import dollars

    found = build(opened(capture, symbols, strict, date, line, retransmitted, snapshot))
    for at in found.active():
        print(found.directory.get(int(at), f"#{at}"))
        depth = found.depth(int(at), levels)
        for row in range(max(len(depth.bids), len(depth.asks))):
            bid, ask = (side[row] if row < len(side) else None for side in depth)
            left = f"{bid.lots:>10,} {dollars(bid.ticks):>12}" if bid else " " * 23
            right = f"{dollars(ask.ticks):<12} {ask.lots:<10,}" if ask else ""
            print(f"{left} | {right}".rstrip())


@app.command()
def events(
    capture: Annotated[Path, typer.Argument(help="A capture.")],
    out: Annotated[Path, typer.Option("--out", "-o", help=".arrow or .parquet")],
    symbols: Symbols = "",
    strict: Strict = False,
    date: Date = None,
    line: Lines = None,
    retransmitted: Retransmitted = None,
    snapshot: Snapshot = None,
) -> None:
    """Write every book event of a capture as Arrow or Parquet."""
    from tapeout.feed.replay import events as stream
    from tapeout.feed.sink import EventSink
    from tapeout.service.check import check_events, check_places

    check_events(out)
    for source in (capture, *beside(line, retransmitted, snapshot)):
        check_places(source, out)
    tape = opened(capture, symbols, strict, date, line, retransmitted, snapshot)
    rows, batches = 0, stream(tape)
    with EventSink(out) as sink:
        for batch in batches:
            sink.write(batch)
            rows += batch.num_rows
    print(f"{rows:,} book events: {out}")


@app.command()
def bars(
    capture: Annotated[Path, typer.Argument(help="A capture.")],
    out: Annotated[Path, typer.Option("--out", "-o", help=".parquet, .arrow or .csv")],
    every: Every = "1min",
    by: Annotated[
        str, typer.Option(help="time, trades, volume, dollars, or volume_imbalance and the like.")
    ] = "time",
    size: Annotated[
        float | None, typer.Option(help="What fills a bar that is not by time.")
    ] = None,
    symbols: Symbols = "",
    strict: Strict = False,
    date: Date = None,
    line: Lines = None,
    retransmitted: Retransmitted = None,
    snapshot: Snapshot = None,
) -> None:
    """Write bars of a capture as a table."""
    from tapeout.feed.replay import activity_bars
    from tapeout.feed.replay import bars as build
    from tapeout.service.tables import check_table, write_table

    if by != "time" or size is not None:
        table = activity_bars(tape, by, size)
        write_table(table, out)
        print(f"{table.num_rows:,} bars by {by}: {out}")
        return
