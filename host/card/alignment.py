"""The card's clock beside the host's: how far they are apart, and how sure that is."""

from collections.abc import Callable
from dataclasses import dataclass

from tapeout.card.registers import Registers
from tapeout.errors import DataError

NS = 1_000_000_000
READS = 16  # of the card's clock, of which the quickest counts


@dataclass(frozen=True)
class Alignment:
    """How far the card's clock is ahead of the host's, ns, and by how much that may be wrong."""

    offset_ns: int
    error_ns: int


def aligned(
    registers: Registers, clock_hz: int, reads: int, now_ns: Callable[[], int]
) -> Alignment:
    """Compare the clocks: of so many reads, the one that took the host the shortest.

    The card read its clock at some moment between the two of the host's: the middle is taken, and
    half the span, with a cycle of the card's, is what that may be wrong by.

    Raises
    ------
    DataError
        "reads must be 1 or more; got 0"
    """
    if reads < 1:
        raise DataError(f"reads must be 1 or more; got {reads}")
    found = list[tuple[int, int]]()
    for _ in range(reads):
        began = now_ns()
        low = registers.get("now_low")
        took = now_ns() - began
        card = registers.get("now_high") << 32 | low
        found.append((took, card - began - took // 2))
    took, offset = min(found)
    return Alignment(offset, (took + 1) // 2 - (-NS // clock_hz))
