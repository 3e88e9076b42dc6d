"""How fast does each engine play the ITCH decoder, start included, against Amaranth's simulator?"""

import random
import sys

import harness

from tapeout.hdl.itch.gateware import Decoder
from tapeout.hdl.itch.layout import MESSAGES, WORD, words
from tapeout.sim.bench.compiled import Model, packed
from tapeout.sim.bench.simulators import verilator
from tapeout.sim.engine import READY, engines, play


def stream(count: int) -> list[int]:
    """Words of `count` book messages, back to back."""
    rng = random.Random(harness.SEED)
    kinds = rng.choices("AFEDUXP", (40, 1, 4, 38, 12, 3, 2), k=count)
    return [
        word for kind in kinds
        for word in words(kind.encode() + rng.randbytes(MESSAGES[kind].length - 1))
    ]  # fmt: skip


def run(bench: harness.Benchmark) -> None:
    """Book messages back to back without pauses; compiled models are kept between rounds."""
    count = bench.size(4_000, 1_000)
    sent = stream(count)

    def played(engine: str) -> None:
        assert len(play(Decoder(), sent, engine=engine, pause=0.0)) == count

    for engine, state in engines().items():
        if state != READY:
            print(f"{engine}: {state}", file=sys.stderr)
            continue
        other = None if engine == "amaranth" else (lambda: played("amaranth"))
        bench.compare(
            f"{count:,} messages, {len(sent):,} words on {engine}",
            lambda engine=engine: played(engine), count, "ns/message",
            peer="Amaranth's simulator" if other else None, theirs=other, wall=True,
        )  # fmt: skip
    if (state := verilator()) != READY:
        print(f"compiled: {state}", file=sys.stderr)
        return
    compiled(bench)


def compiled(bench: harness.Benchmark) -> None:
    """The model and both its ends in one library: the start is small, so the stream is longer."""
    count = bench.size(400_000, 40_000)
    rows = packed(stream(count), sum(WORD.values()))
    model = Model(Decoder())

    def played() -> None:
        assert len(model.play({"i": rows}).outputs["o"].taken) == count

    cycles = model.play({"i": rows}).cycles
    bench.compare(f"{count:,} messages compiled", played, count, "ns/message")
    bench.compare(f"{cycles:,} cycles compiled", played, cycles, "ns/cycle")


if __name__ == "__main__":
    harness.main(run)
