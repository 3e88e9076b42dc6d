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

    check_table(out, capture, *beside(line, retransmitted, snapshot))
    tape = opened(capture, symbols, strict, date, line, retransmitted, snapshot)
    if by != "time" or size is not None:
        table = activity_bars(tape, by, size)
        write_table(table, out)
        print(f"{table.num_rows:,} bars by {by}: {out}")
        return
    found = build(tape, every)
    write_table(found.to_arrow(), out)
    print(f"{found.shape[0]:,} bars of {len(found.symbols):,} instruments: {out}")


@app.command()
def factors(
    capture: Annotated[Path | None, typer.Argument(help="A capture; none lists them.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=".parquet, .arrow or .csv")
    ] = None,
    every: Every = "1min",
    symbols: Symbols = "",
    date: Date = None,
    device: OnDevice = None,
) -> None:
    """List the factors, or evaluate them over the bars of a capture."""
    from tapeout.factors.catalogue import CATALOGUE

    if capture is None:
        for factor in CATALOGUE:
            print(f"{factor.name:<20}{factor.formula:<42}{factor.source}")
        return
    if out is None:
        raise typer.BadParameter("--out must say where the factors go")
    from tapeout.device import choose_device
    from tapeout.factors.catalogue import factor_panel
    from tapeout.feed.replay import bars as build
    from tapeout.feed.tape import read
    from tapeout.service.tables import check_table, write_table

    check_table(out, capture)
    on = choose_device(device)
    tape = read(capture, symbols=listed(symbols), date=day(date))
    panel = factor_panel(build(tape, every), on=on)
    write_table(panel.to_arrow(), out)
    print(f"{len(panel.names)} factors on {on.name} ({on.why}): {out}")


@app.command()
def covariance(
    prices: Annotated[Path, typer.Argument(help="Daily prices: Parquet, Arrow IPC or CSV.")],
    out: Annotated[Path, typer.Option("--out", "-o", help=".parquet, .arrow or .csv")],
    method: Annotated[str, typer.Option(help="ledoit_wolf or sample.")] = "ledoit_wolf",
    column: Column = None,
    window: Annotated[int, typer.Option(help="Days of returns it is estimated from.")] = 500,
    device: OnDevice = None,
) -> None:
    """Write the covariance of a price table's returns, symbol by symbol."""
    from tapeout.device import choose_device
    from tapeout.prices.panel import read_prices
    from tapeout.risk.assessment import window_returns
    from tapeout.risk.covariance import covariance as estimate
    from tapeout.service.tables import check_table, write_table

    check_table(out, prices)
    table = read_prices(prices, column=column)
    symbols, returns, notes = window_returns(table, window)
    found = estimate(returns, method=method, on=choose_device(device))
    write_table(found.to_arrow(symbols), out)
    for line in (*table.treatments, *notes):
        print(f"note: {line}")
    print(
        f"{found.method} over {found.bars:,} returns of {len(symbols):,} names: shrinkage"
        f" {found.shrinkage:.3f}, condition number {found.condition:,.0f},"
        f" on {found.device} ({found.why}): {out}"
    )
