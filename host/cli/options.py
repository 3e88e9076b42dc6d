"""Options that several commands share."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapeout.clock import read_date

if TYPE_CHECKING:
    from tapeout.feed.tape import Tape

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
Lines = Annotated[
    list[Path] | None,
    typer.Option("--line", help="A capture of another line of the feed; may be given again."),
]
Retransmitted = Annotated[
    list[Path] | None,
    typer.Option(help="A capture of what was sent again, to fill gaps; may be given again."),
]
Snapshot = Annotated[
    Path | None, typer.Option(help="All books at one number (GLIMPSE): nothing is stale then.")
]
Date = Annotated[
    str | None, typer.Option("--date", help="The session's day, where the capture has no clock.")
]
Column = Annotated[
    str | None, typer.Option("--column", help="Which price column; not of a wide table.")
]
Every = Annotated[str, typer.Option("--every", help="Length of a bar, like 1min or 30s.")]


def day(text: str | None) -> datetime.date | None:
    """A date, if one is given."""
    return None if text is None else read_date(text)


def listed(text: str) -> tuple[str, ...]:
    """Words separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def beside(
    line: Sequence[Path] | None, retransmitted: Sequence[Path] | None, snapshot: Path | None
) -> list[Path]:
    """The files that are read with a capture."""
    return [*(line or ()), *(retransmitted or ()), *([snapshot] if snapshot else ())]


def opened(
    capture: Path,
    symbols: str,
    strict: bool,
    date: str | None,
    line: Sequence[Path] | None,
    retransmitted: Sequence[Path] | None,
    snapshot: Path | None,
) -> "Tape":
    """A capture opened as these options say."""
    from tapeout.feed.tape import read

    return read(
        capture,
        symbols=listed(symbols),
        strict=strict,
        date=day(date),
        lines=line or (),
        retransmitted=retransmitted or (),
        snapshot=snapshot,
    )
