"""A capture taken all the way to a report."""

from pathlib import Path

from tapeout.progress import Progress, Silent
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
        If the capture cannot be read, or a device asked for cannot be used. Nothing is written
        then.
    """
    progress = progress or Silent()
    found = walk(Path(capture), options, progress=progress, tell=tell)
    if out is not None:
        write_report(found, Path(out), f"The walk of {found.source.name}", progress, tell)
    return found
