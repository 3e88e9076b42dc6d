"""A walk written as a page, whole or not at all, as one more timed step."""

from pathlib import Path

from tapeout.files import write_whole
from tapeout.meter import Meter
from tapeout.progress import Progress
from tapeout.walk.result import Step, Walk
from tapeout.walk.walker import Tell
from tapeout.web.pages import walk_page


def write_report(found: Walk, path: Path, heading: str, progress: Progress, tell: Tell) -> None:
    """Write the page of a walk to `path`."""
    advance, meter = progress.stage("report", 1), Meter()
    with meter.timing("report") as reading:
        page = walk_page(found, heading)
        write_whole(path, page)
        reading.items = path.stat().st_size
    advance(1)
    step = Step(
        "everything -> report", reading.items, "bytes", reading.ns_per_item, "cpu", path.name
    )
    found.steps.append(step)
    tell(step)
