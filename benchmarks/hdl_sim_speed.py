"""How fast does each engine play the ITCH decoder, start included, against Amaranth's simulator?"""

import random
import sys

import harness

from tapeout.hdl.itch.gateware import Decoder
from tapeout.hdl.itch.layout import MESSAGES, words
from tapeout.sim.engine import READY, engines, play


def run(bench: harness.Benchmark) -> None:
    """Book messages back to back without pauses; compiled models are kept between rounds."""
    rng = random.Random(harness.SEED)
    count = bench.size(4_000, 1_000)
    kinds = rng.choices("AFEDUXP", (40, 1, 4, 38, 12, 3, 2), k=count)
    stream = [
        word for kind in kinds
        for word in words(kind.encode() + rng.randbytes(MESSAGES[kind].length - 1))
    ]  # fmt: skip

    def played(engine: str) -> None:
        assert len(play(Decoder(), stream, engine=engine, pause=0.0)) == count

    for engine, state in engines().items():
        if state != READY:
            print(f"{engine}: {state}", file=sys.stderr)
            continue
        other = None if engine == "amaranth" else (lambda: played("amaranth"))
        bench.compare(
            f"{count:,} messages, {len(stream):,} words on {engine}",
            lambda engine=engine: played(engine), count, "ns/message",
            peer="Amaranth's simulator" if other else None, theirs=other, wall=True,
        )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
