"""The card's clock: a number of 64 bits of ns and `FRACTION` bits behind the point."""

from tapeout.hdl.card.layout import FRACTION

BITS = 64 + FRACTION


class Clock:
    """Adds a rate each cycle, and jumps when it is told; wraps at 2**64 ns."""

    def __init__(self) -> None:
        self._time = 0

    @property
    def now_ns(self) -> int:
        """Whole nanoseconds."""
        return self._time >> FRACTION

    def step(self, rate: int, adjust_ns: int = 0) -> None:
        """One cycle: `rate` is ns with `FRACTION` bits behind the point, `adjust_ns` is signed."""
        self._time = (self._time + rate + (adjust_ns << FRACTION)) % (1 << BITS)
