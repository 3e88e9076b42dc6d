"""How long from a message's last byte on the wire to the order that it leads to?"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import ClassVar

import harness
import numpy as np

from tapeout.hdl.desk.model import Desk
from tapeout.hdl.line.model import Frame
from tapeout.hdl.pretrade.model import GlobalLimits, Limits
from tapeout.hdl.top.model import Feed, one_line
from tapeout.sim.bench.simulators import READY, verilator
from tapeout.sim.card.lockstep import Lockstep
from tapeout.sim.day import SYMBOLS
from tapeout.walk.loop import GATE, LIMITS, Looped, loop
from tapeout.web.latency import drawing, lines, quantiles

INSTRUMENTS = 4
LINE_MHZ = 156.25


def options(parser: argparse.ArgumentParser) -> None:
    """What only this benchmark is asked."""
    parser.add_argument("--mhz", type=float, default=LINE_MHZ, help="the clock told in ns")
    parser.add_argument("--plot", type=Path, help="where the latency is drawn, as SVG")


class Heard(Lockstep):
    """A card that keeps the frames it was sent."""

    frames: ClassVar[list[Frame]] = []

    def wire(self, line: str, frames: list[Frame], due: list[int] | None = None) -> list[int]:
        """Keep them, then send them."""
        Heard.frames += frames
        return super().wire(line, frames, due)


def twin(frames: list[Frame]) -> list[int]:
    """Ns that the model of it all, in Python, takes for each frame that leads to an order."""
    day = GlobalLimits(**GATE)
    limits = {slot: Limits(locate=slot + 1, **LIMITS) for slot in range(INSTRUMENTS)}
    desk = Desk(limits, day, dict(enumerate(SYMBOLS)))
    feed, took = one_line(frames, Feed(range(1, INSTRUMENTS + 1))), []
    for now in range(len(frames)):
        began = time.perf_counter_ns()
        made = [one for record in next(feed) for one in desk.hear(record, 1_000 * now)]
        ended = time.perf_counter_ns()
        if any(one.message for one in made):
            took.append(ended - began)
    return took


def tell(bench: harness.Benchmark, made: Looped, seconds: float) -> None:
    """What the card did."""
    mhz = bench.asked.mhz
    for name, cycles in quantiles(made.latency).items():
        bench.record(f"wire to order: {name}", float(cycles), "cycles")
        bench.record(f"wire to order at {mhz:g} MHz: {name}", cycles * 1e3 / mhz, "ns")
    bench.record("orders due to a message", float(made.latency.size), "orders")
    bench.record("orders, cancels, replacements sent", float(sum(made.orders.values())), "orders")
    bench.record("messages on the wire", float(made.messages), "messages")
    bench.record("ring: entries that waited at most", float(made.statistics["most"]), "entries")
    bench.record("ring: entries dropped", float(made.statistics["dropped"]), "entries")
    bench.record("simulated", made.cycles / seconds, "cycles/s", "wall")


def run(bench: harness.Benchmark) -> None:
    """Exchange and card in lockstep; then the same frames through the model in Python."""
    if (state := verilator()) != READY:
        print(f"verilator: {state}", file=sys.stderr)
        return
    loop(milliseconds=0.01, card=Heard)  # compiles
    Heard.frames = []
    began = time.perf_counter()
    milliseconds = bench.size(50, 5)
    made = loop(milliseconds=milliseconds, instruments=INSTRUMENTS, seed=harness.SEED, card=Heard)
    tell(bench, made, time.perf_counter() - began)
    took = twin(Heard.frames)
    bench.record("twin in Python, frame to order: median", statistics.median(took), "ns", "wall")
    high = float(np.quantile(took, 0.999, method="higher"))
    bench.record("twin in Python, frame to order: 99.9 %", high, "ns", "wall")
    print(*lines(made.latency, bench.asked.mhz), sep="\n", file=sys.stderr)
    if bench.asked.plot:
        title = f"wire to order, ns at {bench.asked.mhz:g} MHz"
        bench.asked.plot.write_text(drawing(made.latency, bench.asked.mhz, title))


if __name__ == "__main__":
    harness.main(run)
