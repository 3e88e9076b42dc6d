"""What is asked of a walk, and what it finds."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tapeout.factors.coefficient import InformationCoefficient
from tapeout.factors.panel import Panel
from tapeout.feed.findings import Finding
from tapeout.feed.lines import Line, Session
from tapeout.market.bars import MINUTE_NS, Bars
from tapeout.market.books import Books
from tapeout.risk.covariance import Floats
from tapeout.risk.var import VarReport


@dataclass(frozen=True)
class Options:
    """What to read of a capture, and what to make of it.

    Parameters
    ----------
    symbols : str or sequence of str
        Only these instruments, or this one; all if empty.
    strict : bool
        Stop at the first fault that a clean feed never has.
    date : datetime.date, optional
        The session's day, where no packet tells it; see `tapeout.feed.tape.Tape`.
    lines, retransmitted : sequence of Path
    snapshot : Path, optional
        What else to read it with; see `tapeout.feed.tape.Tape`.
    every_ns : int
        Length of a bar.
    device, feed : str, optional
        Asked for by name; see `tapeout.device`.
    paths, seed : int
        Monte Carlo scenarios.
    events : Path, optional
        Keep the book events in this .arrow or .parquet file.
    sample : int
        How many messages the gateware plays for comparison, if the CPU twin reads the capture.
    """

    symbols: str | Sequence[str] = ()
    strict: bool = False
    date: datetime.date | None = None
    lines: Sequence[Path] = ()
    retransmitted: Sequence[Path] = ()
    snapshot: Path | None = None
    every_ns: int = MINUTE_NS
    device: str | None = None
    feed: str | None = None
    paths: int = 1_000_000
    seed: int = 1
    events: Path | None = None
    sample: int = 0

    def __post_init__(self) -> None:
        """One symbol may come as it is."""
        names = (self.symbols,) if isinstance(self.symbols, str) else tuple(self.symbols)
        object.__setattr__(self, "symbols", tuple(name for name in names if name))


@dataclass(frozen=True)
class Step:
    """One arrow of the walk: what became what, how many, how long each, where and why there."""

    arrow: str
    items: int
    unit: str
    ns_per_item: float
    device: str
    why: str

    def __str__(self) -> str:
        each = (
            f"{self.ns_per_item:,.1f}" if self.ns_per_item < 1_000 else f"{self.ns_per_item:,.0f}"
        )
        return (
            f"{self.arrow:<25}{self.items:>10,} {self.unit:<9}{each:>10} ns each"
            f"  {self.device:<9} {self.why}"
        )


@dataclass
class Walk:
    """What a walk found, for the report and for whoever goes on from here.

    Attributes
    ----------
    container : str
        What kind of file the capture is.
    packets, messages : int
        Read; a file of bare messages has no packets.
    types : dict
        Messages by ITCH type.
    findings : list of Finding
        What was wrong, where first, and what was done about it.
    sessions : list of Session, lines : list of Line
        What came of each, where the capture has packets or numbers.
    books : Books
        As they stood at the end.
    bars, panel, coefficients, risk
        As far as the capture went; None or empty where it was too short.
    symbols, returns
        The N instruments of the risk, and their (T, N) log returns per bar.
    steps : list of Step
        The arrows, in order.
    notes : list of str
        What could not be done, and why.
    checks : list of str
        What was compared, and found equal.
    """

    source: Path
    options: Options
    container: str
    packets: int
    messages: int
    types: dict[str, int]
    findings: list[Finding]
    sessions: list[Session]
    lines: list[Line]
    books: Books
    bars: Bars | None = None
    panel: Panel | None = None
    coefficients: dict[str, InformationCoefficient] = field(default_factory=dict)
    symbols: list[str] = field(default_factory=list)
    returns: Floats | None = None
    risk: VarReport | None = None
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
