"""Does a message cost the same however many orders rest, and however many instruments there are?"""

import statistics
import time

import harness
from inputs import many_instruments

import numpy as np  # isort: skip

from tapeout.kernels.book.fold import Fold
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.wire import Bytes

LEFT = 0.053  # orders a message leaves behind, about
TIMED = 1_000_000  # messages at the end of a day, at most half of it
LIVE = (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000)
INSTRUMENTS = (1, 10, 100, 1_000, 8_000)
MOST, FEWER = 1_000, 4_000_000  # instruments as orders grow, and messages as instruments do


def before_the_last(wire: Bytes, wanted: int) -> tuple[int, int]:
    """Where about the last `wanted` messages start, and how many they are."""
    fold, end = Fold(), wire.size - SLACK
    fold.update(wire, np.array([[0, end]]))
    count = fold.seen
    fold.clear()
    _, at = fold.update(wire, np.array([[0, end - end * wanted // count]]))
    return at, count - fold.seen


def measured(bench: harness.Benchmark, messages: int, instruments: int) -> tuple[int, float]:
    """Live orders at the end of such a day, and the ns of one of its last messages."""
    wire = many_instruments(messages, instruments, harness.SEED)
    end, (start, count) = wire.size - SLACK, before_the_last(wire, min(messages // 2, TIMED))
    fold, taken = Fold(), []
    for _ in range(bench.rounds + 1):
        fold.clear()
        fold.update(wire, np.array([[0, start]]), tops=True)
        began = time.process_time()
        fold.update(wire, np.array([[start, end]]), tops=True)
        taken.append((time.process_time() - began) / count * 1e9)
    return fold.live_orders, statistics.median(taken[1:])


def run(bench: harness.Benchmark) -> None:
    """Wire to books and best prices, direct store: the last million messages of each day."""
    for live in LIVE[: bench.size(len(LIVE), 3)]:
        found, cost = measured(bench, round(live / LEFT), MOST)
        bench.record(f"{found:,} live orders of {MOST:,} instruments", cost, "ns/message", "CPU")
    for instruments in INSTRUMENTS:
        _, cost = measured(bench, bench.size(FEWER, 100_000), instruments)
        bench.record(f"{instruments:,} instruments", cost, "ns/message", "CPU")


if __name__ == "__main__":
    harness.main(run)
