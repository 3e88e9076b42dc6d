"""How fast does the simulated exchange trade, speak ITCH and write its capture?"""

import harness
from inputs import FOLDER

from tapeout.sim import crowd
from tapeout.sim.day import SimulatedDay


def run(bench: harness.Benchmark) -> None:
    """Time one day, per message; no published exchange writes captures, so there is no peer."""
    events = bench.size(1_000_000, 100_000)
    messages = SimulatedDay(harness.SEED, 64, events).write(FOLDER / "day.pcap").messages

    def day() -> None:
        SimulatedDay(harness.SEED, 64, events).write(FOLDER / "day.pcap")

    bench.compare("order flow to capture, 64 instruments", day, messages, "ns/message")

    many = bench.size(2_000_000, 200_000)
    bench.compare(
        "order flow to messages, 8,000 instruments",
        lambda: crowd.write_messages(harness.SEED, many), many, "ns/message",
    )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
