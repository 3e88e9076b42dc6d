"""The command line: every capability of the Python API, for people at a terminal."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tapeout import __version__
from tapeout.errors import TapeoutError

Out = Annotated[Path, typer.Option("--out", "-o", help="Where to write the report.")]
Seed = Annotated[int, typer.Option(help="Same seed, same scenarios.")]
OnDevice = Annotated[
    str | None, typer.Option("--device", help="cupy, jax, numpy, gpu or cpu; used or refused.")
]
Scenarios = Annotated[int, typer.Option("--paths", help="Monte Carlo scenarios.")]
Symbols = Annotated[
    str, typer.Option("--symbols", help="Only these, separated by commas; all if not given.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first fault.")]
Date = Annotated[
    str | None, typer.Option("--date", help="The session's day, where the capture has no clock.")
]
Every = Annotated[str, typer.Option("--every", help="Length of a bar, like 1min or 30s.")]

app = typer.Typer(
    help="From exchange packets to portfolio decisions, on whatever silicon is here.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _settings(
    log: Annotated[
        str | None, typer.Option(help="Write events as JSON lines to stderr: debug, info, ...")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print it.")
    ] = False,
) -> None:
    if log:
        from tapeout.log import turn_on

        turn_on(log)


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
    from tapeout.clock import read_date
    from tapeout.progress import Bars
    from tapeout.service.run import run as job
    from tapeout.units import span_ns
    from tapeout.walk.result import Options

    options = Options(
        symbols=_list(symbols),
        strict=strict,
        date=read_date(date) if date else None,
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
    column: Annotated[str | None, typer.Option(help="Which price column of a long table.")] = None,
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


@app.command()
def books(
    capture: Annotated[Path, typer.Argument(help="A capture.")],
    symbols: Symbols = "",
    levels: Annotated[int, typer.Option(help="Levels of each side.")] = 5,
    strict: Strict = False,
) -> None:
    """Print the order books at the end of a capture."""
    from tapeout.feed.replay import books as build
    from tapeout.feed.tape import read
    from tapeout.units import dollars

    found = build(read(capture, symbols=_list(symbols), strict=strict))
    for at in found.active():
        print(found.directory.get(int(at), f"#{at}"))
        depth = found.depth(int(at), levels)
        for row in range(max(len(depth.bids), len(depth.asks))):
            bid, ask = (side[row] if row < len(side) else None for side in depth)
            left = f"{bid.lots:>10,} {dollars(bid.ticks):>12}" if bid else " " * 23
            right = f"{dollars(ask.ticks):<12} {ask.lots:<10,}" if ask else ""
            print(f"{left} | {right}".rstrip())


@app.command()
def bars(
    capture: Annotated[Path, typer.Argument(help="A capture.")],
    out: Annotated[Path, typer.Option("--out", "-o", help=".parquet, .arrow or .csv")],
    every: Every = "1min",
    symbols: Symbols = "",
    strict: Strict = False,
) -> None:
    """Write bars of a capture as a table."""
    from tapeout.feed.replay import bars as build
    from tapeout.feed.tape import read
    from tapeout.service.tables import write_table

    found = build(read(capture, symbols=_list(symbols), strict=strict), every)
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
    from tapeout.service.tables import write_table

    on = choose_device(device)
    panel = factor_panel(build(read(capture, symbols=_list(symbols)), every), on=on)
    write_table(panel.to_arrow(), out)
    print(f"{len(panel.names)} factors on {on.name} ({on.why}): {out}")


@app.command()
def doctor() -> None:
    """Show devices, feed handlers and versions."""
    from tapeout.service.doctor import doctor as look

    for title, rows in look().items():
        print(title)
        for name, state in rows.items():
            print(f"  {name:<16}{state}")


@app.command(name="map")
def show_map() -> None:
    """Show every module of the house with its one line."""
    from tapeout.map import house_map

    for name, purpose in house_map().items():
        print(f"{name:<36}{purpose}")


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _said(found: Any, out: Path) -> None:
    """What a walk has to say after its steps."""
    for check in found.checks:
        print(f"check: {check}")
    for finding in found.findings:
        print(f"found: {finding}")
    for line in found.notes:
        print(f"note: {line}")
    if found.risk:
        tail = max(found.risk.tails, key=lambda tail: tail.level)
        print(
            f"VaR {100 * tail.level:g} % of the next bar {1e4 * tail.var:.3f} bp"
            f" +- {1e4 * tail.var_error:.3f}, ES {1e4 * tail.es:.3f} bp"
            f" +- {1e4 * tail.es_error:.3f}; {found.risk.paths:,} scenarios,"
            f" seed {found.risk.seed}"
        )
    print(f"report: {out}")


def main() -> None:
    """Entry point: an error of ours is one sentence, not a traceback."""
    try:
        app()
    except TapeoutError as reason:
        print(f"tapeout: {reason}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("tapeout: interrupted; nothing half-written is left", file=sys.stderr)
        raise SystemExit(130) from None
