"""What a file of market data holds, told in lines: a capture or an op tape."""

from pathlib import Path

import numpy as np

from tapeout.clock import time_of_day
from tapeout.feed.tape import Tape
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.journal.ops import Entry
from tapeout.journal.tape import OpTape, told
from tapeout.kernels.tape.record import WELL_FORMED, timestamp
from tapeout.progress import Progress, Silent
from tapeout.units import NS_PER_SECOND

Lines = list[tuple[str, str]]
SECONDS = 1 << 19  # more than fit 48 bits of nanoseconds


def tape_info(path: Path, progress: Progress | None = None) -> Lines:
    """Name and value of everything there is to know; a capture is read to its end.

    Raises
    ------
    FeedError
        As for `tapeout.Tape`.
    """
    if told(path) is None:
        return _capture(Tape(path, progress=progress or Silent()))
    tape = OpTape(path)
    size = path.stat().st_size
    return [
        ("container", f"op tape in {tape.format}"),
        ("size", f"{size:,} bytes, {size / max(tape.rows, 1):.1f} an op"),
        ("instruments", f"{len(tape.entries):,}"),
        ("ops", f"{tape.rows:,}"),
        *(("", f"{entry.rows:>12,}  {entry.symbol}") for entry in _busiest(tape)),
    ]


def _busiest(tape: OpTape) -> list[Entry]:
    return sorted(tape.entries, key=lambda entry: -entry.rows)[:5]


def _capture(tape: Tape) -> Lines:
    """The capture's lines; its messages are counted by type and by second."""
    seconds = np.zeros(SECONDS, np.int64)
    first, last = np.iinfo(np.int64).max, 0
    for stretch in tape.stretches():
        times = timestamp(stretch.records[stretch.records["flags"] & WELL_FORMED > 0])
        if times.size:
            seconds += np.bincount(times // NS_PER_SECOND, minlength=SECONDS)
            first, last = min(first, int(times.min())), max(last, int(times.max()))
    source, busy = tape.source, int(seconds.argmax())
    span = max(last - first, 1) / NS_PER_SECOND
    lines = [
        ("container", f"{source.container}, {source.compression}"),
        ("size", f"{source.size:,} bytes"),
        ("sessions", ", ".join(one.id for one in tape.sessions) or "none: bare messages"),
        ("date", str(tape.date) if tape.date else "not told"),
        ("packets", f"{tape.packets:,}"),
        ("messages", f"{tape.messages:,}"),
        *_types(tape),
        ("instruments", f"{len(tape.directory):,}"),
    ]
    if seconds.any():
        lines += [
            ("exchange time", f"{time_of_day(first)} to {time_of_day(last)}"),
            (
                "messages a second",
                f"{seconds.sum() / span:,.0f}; {seconds[busy]:,} in the busiest,"
                f" {time_of_day(busy * NS_PER_SECOND)}",
            ),
        ]
    faults = tape.findings
    return (
        lines
        + [("faults" if n == 0 else "", str(one)) for n, one in enumerate(faults)]
        + ([] if faults else [("faults", "none")])
    )


def _types(tape: Tape) -> Lines:
    """How many messages of each type there are, most first."""
    met = [int(kind) for kind in np.argsort(-tape.types, kind="stable") if tape.types[kind]]
    names = {kind: MESSAGES[chr(kind)].name if chr(kind) in MESSAGES else "unknown" for kind in met}
    return [("", f"{tape.types[kind]:>12,}  {chr(kind)}  {names[kind]}") for kind in met]
