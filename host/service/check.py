"""What can be refused at once is refused before the long work begins."""

import os
from pathlib import Path

from tapeout.errors import DataError
from tapeout.feed.sink import EventSink
from tapeout.files import check_writable
from tapeout.market.bars import BarBuilder
from tapeout.risk.var import check_scenarios
from tapeout.walk.result import Options


def check_options(options: Options) -> None:
    """Refuse what no capture can be walked with.

    Raises
    ------
    DataError
        As for `check_scenarios`, `BarBuilder` and `check_events`.
    """
    check_scenarios(options.paths, options.seed)
    BarBuilder(options.every_ns)
    if options.events is not None:
        check_events(Path(options.events))


def check_events(path: Path) -> None:
    r"""Refuse a place that Arrow cannot write events to.

    Raises
    ------
    DataError
        "events must go to .arrow or .parquet; got day.csv"
        "events must go to a path in UTF-8; got 'caf\udce9.arrow'"
    """
    EventSink(path)
    try:
        os.path.realpath(path).encode()
    except UnicodeEncodeError:
        raise DataError(f"events must go to a path in UTF-8; got {str(path)!r}") from None


def check_places(read: str | Path | None, *written: str | Path | None) -> None:
    """Refuse files that cannot be written, or that are one and the same; None is no file.

    Raises
    ------
    DataError
        As for `tapeout.files.check_writable`.
    """
    taken = [] if read is None else [Path(read)]
    for place in written:
        if place is not None:
            check_writable(Path(place), *taken)
            taken.append(Path(place))
