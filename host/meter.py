"""How long each arrow of the walk took, over how many items."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Reading:
    """Nanoseconds spent on a number of items."""

    ns: int = 0
    items: int = 0

    @property
    def ns_per_item(self) -> float:
        """NaN where nothing was counted."""
        return self.ns / self.items if self.items else float("nan")


@dataclass
class Meter:
    """Adds up wall time and items under a name."""

    readings: dict[str, Reading] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Reading:
        return self.readings.setdefault(name, Reading())

    @contextmanager
    def timing(self, name: str) -> Iterator[Reading]:
        """Add the time the block takes to `name`; add its items in the block."""
        reading, start = self[name], time.perf_counter_ns()
        try:
            yield reading
        finally:
            reading.ns += time.perf_counter_ns() - start
