"""Whole jobs: demo, run, risk."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tapeout.cli.app import app
from tapeout.cli.options import (
    Column,
    Date,
    Every,
    Lines,
    OnDevice,
    Out,
    Retransmitted,
    Scenarios,
    Seed,
    Snapshot,
    Strict,
    Symbols,
    day,
    listed,
)


@app.command()
def demo(
    out: Out = Path("report.html"),
    seed: Seed = 1,
    events: Annotated[int, typer.Option(help="Acts of traders to simulate.")] = 1_000_000,
    keep: Annotated[Path | None, typer.Option(help="Keep the simulated capture there.")] = None,
    device: OnDevice = None,
    paths: Scenarios = 1_000_000,
) -> None:
    """Simulate an exchange day and walk it from wire bytes to a risk report."""
    from tapeout.progress import Bars
    from tapeout.service.demo import demo as job
    from tapeout.walk.result import Options

    bars = Bars()
    with bars.shown():
        options = Options(device=device, paths=paths)
        found = job(
            out, seed=seed, events=events, keep=keep, options=options, progress=bars, tell=bars.say
        )
    _said(found, out)


@app.command()
def run(
    capture: Annotated[Path, typer.Argument(help="pcap, pcapng or ITCH; plain, gz or zst.")],
    out: Out = Path("report.html"),
    symbols: Symbols = "",
    strict: Strict = False,
    date: Date = None,
    line: Lines = None,
    retransmitted: Retransmitted = None,
    snapshot: Snapshot = None,
    every: Every = "1min",
    events: Annotated[
        Path | None, typer.Option(help="Keep the book events: .arrow or .parquet.")
    ] = None,
    device: OnDevice = None,
    feed: Annotated[
        str | None, typer.Option(help="twin, or the gateware on verilator, icarus or amaranth.")
    ] = None,
    paths: Scenarios = 1_000_000,
    seed: Seed = 1,
) -> None:
    """Take a capture all the way to a report, as far as it goes."""
    from tapeout.progress import Bars
    from tapeout.service.run import run as job
    from tapeout.units import span_ns
    from tapeout.walk.result import Options

    options = Options(
        symbols=listed(symbols),
        strict=strict,
        date=day(date),
        lines=line or (),
        retransmitted=retransmitted or (),
        snapshot=snapshot,
        every_ns=span_ns(every),
        device=device,
        feed=feed,
        paths=paths,
        seed=seed,
        events=events,
    )
    bars = Bars()
    with bars.shown():
        found = job(capture, out, options=options, progress=bars, tell=bars.say)
    _said(found, out)


@app.command()
def risk(
    prices: Annotated[Path, typer.Argument(help="Daily prices: Parquet, Arrow IPC or CSV.")],
    out: Out = Path("report.html"),
    column: Column = None,
    window: Annotated[int, typer.Option(help="Days each estimate is made from.")] = 500,
    paths: Scenarios = 1_000_000,
    seed: Seed = 1,
    device: OnDevice = None,
) -> None:
    """Risk of the equal-weight portfolio of a price table, and whether its VaR held."""
    from tapeout.progress import Bars
    from tapeout.service.assess import risk_report

    bars = Bars()
    with bars.shown():
        found = risk_report(
            prices,
            out,
            column=column,
            window=window,
            paths=paths,
            seed=seed,
            device=device,
            progress=bars,
        )
    for line in (*found.prices.treatments, *found.notes):
        print(f"note: {line}")
    table = found.prices
    print(
        f"{table.dates.size:,} days, {table.dates[0]} to {table.dates[-1]}; portfolio of"
        f" {len(found.symbols):,} of {len(table.symbols):,} names in equal weight"
    )
    for tail in found.risk.tails:
        print(
            f"1-day {100 * tail.level:g} %:"
            f" VaR {100 * tail.var:.3f} % +- {100 * tail.var_error:.3f},"
            f" ES {100 * tail.es:.3f} % +- {100 * tail.es_error:.3f}"
        )
    print(f"on {found.risk.device} ({found.risk.why}), {paths:,} scenarios, seed {seed}")
    if found.backtest:
        test = found.backtest.test
        print(
            f"backtest: {test.exceptions} exceptions in {test.days:,} days, {test.expected:.1f}"
            f" expected; Kupiec LR {test.statistic:.2f}, p-value {test.p_value:.3g}"
        )
    print(f"report: {out}")


def _said(found: Any, out: Path) -> None:
    """What a walk has to say after its steps."""
    for check in found.checks:
        print(f"check: {check}")
    for session in found.sessions:
        print(f"session {session}")
    for line in found.lines if len(found.lines) > 1 else ():
        print(f"line {line}")
    for finding in found.findings:
        print(f"found: {finding}")
    for note in found.notes:
        print(f"note: {note}")
    if found.risk:
        tail = max(found.risk.tails, key=lambda tail: tail.level)
        print(
            f"VaR {100 * tail.level:g} % of the next bar {1e4 * tail.var:.3f} bp"
            f" +- {1e4 * tail.var_error:.3f}, ES {1e4 * tail.es:.3f} bp"
            f" +- {1e4 * tail.es_error:.3f}; {found.risk.paths:,} scenarios,"
            f" seed {found.risk.seed}"
        )
    print(f"report: {out}")
