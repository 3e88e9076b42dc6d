"""Captures and op tapes as files: tape info, convert, replay, digest, top."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tapeout.cli.app import app
from tapeout.cli.options import Date, Strict, Symbols, day, listed

tape = typer.Typer(
    help="What a capture or an op tape holds; convert, replay, compare, watch.",
    no_args_is_help=True,
)
app.add_typer(tape, name="tape")

File = Annotated[Path, typer.Argument(help="A capture or an op tape.")]


@tape.command()
def info(file: File) -> None:
    """Show what a capture or an op tape holds, and what is wrong with it."""
    from tapeout.progress import Bars
    from tapeout.service.tape import tape_info

    bars = Bars()
    with bars.shown():
        lines = tape_info(file, bars)
    for name, value in lines:
        print(f"{name:<20}{value}")


@tape.command()
def convert(
    capture: Annotated[Path, typer.Argument(help="A capture.")],
    out: Annotated[Path, typer.Option("--out", "-o", help=".arrow, or .parquet for the archive")],
    symbols: Symbols = "",
    strict: Strict = False,
    date: Date = None,
) -> None:
    """Convert a capture to an op tape, which replays any instrument at once."""
    from tapeout.feed.tape import Tape
    from tapeout.journal.convert import check_tape
    from tapeout.journal.convert import convert as job
    from tapeout.progress import Bars

    check_tape(out)
    bars = Bars()
    with bars.shown():
        source = Tape(
            capture, symbols=listed(symbols), strict=strict, date=day(date), progress=bars
        )
        found = job(source, out, progress=bars)
    each = out.stat().st_size / max(found.rows, 1)
    print(
        f"{found.rows:,} ops of {len(found.entries):,} instruments, {each:.1f} bytes an op: {out}"
    )
    for finding in source.findings:
        print(f"found: {finding}")


@tape.command()
def replay(
    file: Annotated[Path, typer.Argument(help="An op tape.")], symbols: Symbols = ""
) -> None:
    """Replay instruments of an op tape, and check their books against its directory."""
    from tapeout.journal.replay import replay as job
    from tapeout.journal.tape import OpTape
    from tapeout.units import dollars

    found = OpTape(file)
    print(f"{'symbol':<10}{'ops':>12}{'quotes':>12}{'bid':>12}{'ask':>12}  digest")
    wrong = 0
    for symbol in listed(symbols.upper()) or [entry.instrument for entry in found.entries]:
        entry, played = found.entry(symbol), job(found, symbol)
        best = [dollars(side[0, 0]) if side.size else "-" for side in (played.bids, played.asks)]
        changes = 0 if played.quotes is None else played.quotes.num_rows
        wrong += played.digest != entry.digest
        odd = "" if played.digest == entry.digest else f", but {entry.digest:016x} when converted"
        print(
            f"{entry.symbol or entry.instrument!s:<10}{played.ops:>12,}{changes:>12,}"
            f"{best[0]:>12}{best[1]:>12}  {played.digest:016x}{odd}"
        )
    if wrong:
        raise typer.Exit(1)


@tape.command()
def digest(file: File, symbols: Symbols = "") -> None:
    """Show the digest of each book at the end, and that of all: equal for equal books."""
    from tapeout.journal.replay import digests
    from tapeout.journal.tape import told

    source, wanted = _opened(file, listed(symbols), told(file) is None), listed(symbols.upper())
    total = 0
    for at, symbol, one in digests(source):
        if not wanted or symbol in wanted:
            print(f"{one:016x}  {symbol or at}")
            total ^= one
    print(f"{total:016x}  all")


@tape.command()
def top(
    capture: Annotated[Path, typer.Argument(help="A capture.")],
    symbols: Symbols = "",
    speed: Annotated[float, typer.Option(help="Seconds of the exchange in one of ours.")] = 60.0,
    rows: Annotated[int, typer.Option(help="Instruments shown.")] = 20,
    date: Date = None,
) -> None:
    """Watch the top of the book as a capture is replayed; where nobody watches, show its end."""
    from rich.console import Console
    from rich.live import Live

    from tapeout.feed.tape import Tape
    from tapeout.service.top import top as job

    source = Tape(capture, symbols=listed(symbols), date=day(date))
    console = Console()
    if not console.is_terminal:
        _plain(job(source, lambda now, found: None, speed=None, most=rows))
        return
    with Live(console=console, auto_refresh=False) as live:
        job(
            source,
            lambda now, found: live.update(_board(now, found, speed), refresh=True),
            speed=speed,
            most=rows,
        )


def _plain(found: list[Any]) -> None:
    """The rows as text."""
    from tapeout.units import dollars

    for row in found:
        bid, ask = (f"{side.lots:,} {dollars(side.ticks)}" for side in (row.bid, row.ask))
        last = f"last {dollars(row.last_ticks)}, " if row.last_ticks else ""
        print(f"{row.symbol:<10}{bid:>20} | {ask:<20}{last}{row.volume:,} traded")


def _opened(file: Path, symbols: tuple[str, ...], capture: bool) -> Any:
    from tapeout.feed.tape import Tape
    from tapeout.journal.tape import OpTape

    return Tape(file, symbols=symbols) if capture else OpTape(file)


def _board(now: int, found: list[Any], speed: float) -> Any:
    """The rows as a table for the terminal."""
    from rich.table import Table

    from tapeout.clock import time_of_day
    from tapeout.units import dollars

    board = Table(title=f"{time_of_day(now)} New York, {speed:g} times as fast", box=None)
    for name in ("symbol", "lots", "bid", "ask", "lots", "spread", "last", "volume"):
        board.add_column(name, justify="left" if name == "symbol" else "right")
    for row in found:
        both = row.bid.lots and row.ask.lots
        board.add_row(
            row.symbol,
            f"{row.bid.lots:,}" if row.bid.lots else "",
            dollars(row.bid.ticks) if row.bid.lots else "",
            dollars(row.ask.ticks) if row.ask.lots else "",
            f"{row.ask.lots:,}" if row.ask.lots else "",
            dollars(row.ask.ticks - row.bid.ticks) if both else "",
            dollars(row.last_ticks) if row.last_ticks else "",
            f"{row.volume:,}",
        )
    return board
