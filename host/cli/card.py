"""The card: card play."""

from pathlib import Path
from typing import Annotated

import typer

from tapeout.cli.app import app

card = typer.Typer(
    help="The card that tells book records, with its twin beside it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(card, name="card")


@card.callback()
def _only() -> None:
    pass


@card.command()
def play(
    capture: Annotated[Path, typer.Argument(help="What goes over line A.")],
    feed: Annotated[
        str, typer.Option(help="sim-card, card, or model: the contract in Python.")
    ] = "sim-card",
    fault: Annotated[
        str,
        typer.Option(help="What goes wrong, and after how many entries: stall:1000, lie:1000, ..."),
    ] = "",
    symbols: Annotated[str, typer.Option("--symbols", "-s", help="AAPL,MSFT; else all.")] = "",
    frames: Annotated[int, typer.Option(min=1, help="How many, from the start.")] = 10_000,
    patience: Annotated[
        float, typer.Option(help="Seconds the card may tell nothing of what was heard.")
    ] = 5.0,
    records: Annotated[int, typer.Option(min=0, help="How many to show.")] = 0,
) -> None:
    """Play a capture through a card; when it fails, the stream goes on with the twin's records."""
    from tapeout.cli.options import listed
    from tapeout.progress import Bars
    from tapeout.walk.card import play as job
    from tapeout.walk.play import table

    bars = Bars()
    with bars.shown():
        played = job(
            capture, feed=feed, fault=fault, symbols=listed(symbols), frames=frames,
            patience_s=patience, progress=bars,
        )  # fmt: skip
    one = played.identity
    print(
        f"card: version {one.version[0]}.{one.version[1]}, {', '.join(one.capabilities)};"
        f" {one.instruments:,} instruments, {one.levels} levels, {one.clock_hz / 1e6:g} MHz"
    )
    for line in table(played.records[:records]) if records else ():
        print(line)
    print(
        f"{played.frames:,} frames, {played.messages:,} messages, {len(played.records):,} records"
        f" on {played.feed}"
    )
    if change := played.swapped:
        print(
            f"swapped: {change.reason} at record {change.number:,}, message {change.sequence:,}:"
            f" {change.told}"
        )
    else:
        print("swapped: never, every record is the card's")
    for name, count in played.statistics.items():
        if count:
            print(f"{name:<24}{count:>14,}")
    print(f"errors: {', '.join(played.errors) or 'none'}")
    print(f"check: {played.agreed:,} records equal the golden model's {played.expected:,}")
    raise typer.Exit(0 if played.equal else 1)
