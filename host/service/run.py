"""A capture taken all the way to a report."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from tapeout.files import whole
from tapeout.progress import Progress, Silent
from tapeout.service.check import check_options, check_places
from tapeout.service.report import write_report
from tapeout.walk.result import Options, Walk
from tapeout.walk.walker import Tell, walk


def run(
    capture: str | Path,
    out: str | Path | None = None,
    *,
    options: Options | None = None,
    progress: Progress | None = None,
    tell: Tell = lambda step: None,
) -> Walk:
    """Walk a capture as far as it goes, and write the report if told where.

    Parameters
    ----------
    capture : path
        pcap, pcapng or length-prefixed ITCH, plain, gz or zst: told by content.
    out : path, optional
        Write the report there.
    options : Options, optional
        What to read and what to make of it.
    progress, tell
        See `tapeout.walk.walker.walk`.

    Raises
    ------
    TapeoutError
        If the capture cannot be read, a device asked for cannot be used, or a file cannot be
        written: that is tried first. Nothing is written then: the events that are kept appear
        after the report.
    """
    progress, options = progress or Silent(), options or Options()
    others = (*options.lines, *options.retransmitted, options.snapshot)
    for source in (capture, *(other for other in others if other)):
        check_places(source, out, options.events)
    check_options(options)
    keep = whole(Path(options.events)) if options.events else nullcontext()
    with keep as aside:
        found = walk(Path(capture), replace(options, events=aside), progress=progress, tell=tell)
        found.options = options
        if out is not None:
            write_report(found, Path(out), f"The walk of {found.source.name}", progress, tell)
    return found
