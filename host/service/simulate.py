"""A simulated exchange's day of ITCH as a file: many instruments, any number of messages."""

from dataclasses import dataclass
from pathlib import Path

from tapeout.errors import DataError
from tapeout.files import whole
from tapeout.meter import Meter
from tapeout.progress import Progress, Silent
from tapeout.sim import crowd


@dataclass(frozen=True)
class Simulation:
    """What was written, and what the exchange knows of it.

    Parameters
    ----------
    path : Path
        The file, of `size` bytes.
    oracle : crowd.Oracle
        The exchange's own books: `oracle.depth(locate, side)`, `oracle.quote(locate)`.
    ns_per_message : float
        How long it took, on the clock of the wall.
    """

    path: Path
    size: int
    oracle: crowd.Oracle
    ns_per_message: float


def simulate(
    out: str | Path,
    *,
    seed: int = 1,
    instruments: int = crowd.INSTRUMENTS,
    messages: int = crowd.MESSAGES,
    container: str = "pcap",
    progress: Progress | None = None,
) -> Simulation:
    """Write a day of a simulated exchange, in bounded memory.

    Parameters
    ----------
    out : path
        Where to; it appears whole or not at all.
    seed : int
        The same seed gives the same bytes on every machine.
    instruments : int
        65,534 at most.
    messages : int
        How many about orders and trades; directory and system events come on top.
    container : str
        "pcap": MoldUDP64 in nanosecond pcap. "itch": messages behind their lengths.
    progress : Progress, optional
        One bar.

    Raises
    ------
    DataError
        If an argument is out of its range, or the folder does not exist.
    """
    meter, advance = Meter(), (progress or Silent()).stage("simulating the exchange", messages)
    try:
        with whole(Path(out)) as path:
            crowd.write(path, seed, 1, 1, container)  # compiled before the clock
            with meter.timing("day") as reading:
                oracle = crowd.write(path, seed, messages, instruments, container, advance)
                reading.items = oracle.messages
    except ValueError as reason:
        raise DataError(str(reason)) from None
    return Simulation(Path(out), Path(out).stat().st_size, oracle, meter["day"].ns_per_item)
