"""The closed loop: loop."""

from pathlib import Path
from typing import Annotated

import typer

from tapeout.cli.app import app

LINE_MHZ = 156.25


@app.command()
def loop(
    milliseconds: Annotated[float, typer.Option("--ms", help="Of the exchange's time.")] = 10.0,
    instruments: Annotated[int, typer.Option(help="1 to 16.")] = 4,
    gap_ns: Annotated[int, typer.Option(help="Mean time between two acts of the crowd.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Same seed, same loop.")] = 1,
    kill_at: Annotated[
        float | None, typer.Option(help="Milliseconds after which the kill switch is thrown.")
    ] = None,
    mhz: Annotated[
        float, typer.Option(min=1, help="The clock that cycles are told in ns at.")
    ] = LINE_MHZ,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Latency as a drawing (SVG).")
    ] = None,
) -> None:
    """Let the card trade: wire, book, policy, gate, order, simulated exchange, and back."""
    from tapeout.files import check_writable, write_whole
    from tapeout.progress import Bars
    from tapeout.walk.loop import loop as job
    from tapeout.web.latency import drawing, lines

    if out:
        check_writable(out)
    bars = Bars()
    with bars.shown():
        made = job(
            milliseconds=milliseconds, instruments=instruments, gap_ns=gap_ns, seed=seed,
            kill_at=kill_at, progress=bars,
        )  # fmt: skip
    print(f"{made.messages:,} messages, {made.records:,} records, {made.cycles:,} cycles")
    for name, counts in (
        ("orders", made.orders), ("decisions", made.decisions), ("reports", made.reports)
    ):  # fmt: skip
        told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        print(f"{name:<10} {told or 'none'}")
    held = ", ".join(f"{shares:+,} {symbol}" for symbol, shares in made.position.items() if shares)
    print(f"{'traded':<10} {made.traded:,} shares; held {held or 'none'}; cash {made.cash:+,.2f}")
    for line in lines(made.latency, mhz):
        print(line)
    if out and made.latency.size:
        write_whole(out, drawing(made.latency, mhz, f"wire to order, ns at {mhz:g} MHz"))
        print(f"drawing: {out}")
