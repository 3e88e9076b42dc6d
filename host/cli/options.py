"""Options that several commands share."""

import datetime
from pathlib import Path
from typing import Annotated

import typer

from tapeout.clock import read_date

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
