"""How many cycles a second does each engine simulate, and how many messages go through the top?"""

import os
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

import harness

from tapeout.hdl.flow.blocks import block
from tapeout.hdl.itch.layout import MESSAGES, WORD, pack, words
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.net.layout import BEAT, beats
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import unpack
from tapeout.sim.bench.compiled import Model, packed
from tapeout.sim.bench.simulators import verilator
from tapeout.sim.crowd import Crowd
from tapeout.sim.engine import READY, engines, play_streams
from tapeout.sim.pcap import frame as ethernet

NAMES = 32
A_PACKET = 20  # messages
PATIENCE = 640  # cycles in which nothing moves: more than the sweep
#: Memories that are swept soon after reset; beats that may wait meanwhile.
SMALL = {"words": 2048, "locates": 512, "instruments": NAMES}
LISTED = [pack((locate, locate - 1, 1), SUBSCRIBE) for locate in range(1, NAMES + 1)]
Words = dict[str, Sequence[int]]


class Stream(NamedTuple):
    """What goes in, one word a cycle, and how much that is."""

    words: Words
    cycles: int
    messages: int


def messages_of_one(count: int) -> Stream:
    """Book messages for the decoder, back to back."""
    rng = random.Random(harness.SEED)
    kinds = rng.choices("AFEDUXP", (40, 1, 4, 38, 12, 3, 2), k=count)
    sent = [
        word for kind in kinds
        for word in words(kind.encode() + rng.randbytes(MESSAGES[kind].length - 1))
    ]  # fmt: skip
    return Stream({"i": sent}, len(sent), count)


def day(count: int) -> list[bytes]:
    """The first messages that an exchange sends."""
    blocks = iter(Crowd(seed=harness.SEED, instruments=NAMES, messages=count + 5_000))
    said = (
        bytes(one.wire[start + 2 : stop])
        for one in blocks
        for start, stop in zip(one.starts[:-1], one.starts[1:], strict=True)
    )
    return list(islice(said, count))


def packets(told: Sequence[bytes]) -> Stream:
    """Messages in frames on line a, back to back."""
    sent = [
        word for at in range(0, len(told), A_PACKET)
        for word in beats(ethernet(packet(b"SESSION", at + 1, list(told[at : at + A_PACKET]))))
    ]  # fmt: skip
    return Stream({"a": sent, "listen": LISTED}, len(sent), len(told))


def tell(
    bench: harness.Benchmark, what: str, short: Stream, long: Stream,
    play: Callable[[Stream], object],
) -> None:  # fmt: skip
    """What a long stream takes more than a short one; the rest of the short one is the start.

    CPU time is counted, that of the simulators' processes with it.
    """

    def once(stream: Stream) -> float:
        begun = sum(os.times()[:4])
        play(stream)
        return sum(os.times()[:4]) - begun

    once(short)  # what is compiled is kept
    taken = [(once(short), once(long)) for _ in range(bench.rounds)]
    first = statistics.median(one for one, _ in taken)
    more = statistics.median(other - one for one, other in taken)
    cycles, messages = long.cycles - short.cycles, long.messages - short.messages
    bench.record(f"{what}: cycles", cycles / more, "1/s", "CPU")
    bench.record(f"{what}: messages", messages / more, "1/s", "CPU")
    start = max(0.0, first - more * short.cycles / cycles)
    bench.record(f"{what}: start", 1e3 * start, "ms", "CPU")


def on_engine(name: str, parameters: dict[str, int], engine: str) -> Callable[[Stream], object]:
    """Plays a stream through a block on one of the engines that are driven from Python."""

    def played(stream: Stream) -> None:
        made = block(name).component(**parameters)
        out = play_streams(made, stream.words, engine=engine, pause=0.0, patience=PATIENCE)["o"]
        check(name, out, stream.messages)

    return played


def compiled(name: str, parameters: dict[str, int]) -> Callable[[Stream], object]:
    """The same with both ends in one library."""
    model = Model(block(name).component(**parameters))
    widths = {"i": WORD, "a": BEAT, "listen": SUBSCRIBE}

    def played(stream: Stream) -> None:
        rows = {at: packed(sent, sum(widths[at].values())) for at, sent in stream.words.items()}
        out = model.play(rows, patience=PATIENCE).outputs["o"]
        check(name, out.payloads() if name == "decoder" else out.payloads()[-1:], stream.messages)

    return played


def check(name: str, out: Sequence[int], messages: int) -> None:
    """Whether all went through: a record each, or records to the end."""
    if name == "decoder":
        assert len(out) == messages
    else:
        assert unpack(out[-1]).sequence > messages - 2 * A_PACKET


def run(bench: harness.Benchmark) -> None:
    """The decoder, then the whole; of the slow engines less, and in a minute not all of them."""
    told = day(bench.size(120_000, 12_000))
    for name, parameters in (("decoder", {}), ("feed_handler", SMALL)):
        for engine, state in engines().items():
            if state != READY:
                print(f"{engine}: {state}", file=sys.stderr)
                continue
            if bench.quick and name == "feed_handler" and engine != "amaranth":
                continue  # compiling it takes longer
            most = bench.size(2_000, 300) if engine == "amaranth" else bench.size(4_000, 1_000)
            pair = [stream(name, told, count) for count in (most // 4, most)]
            tell(bench, f"{name} on {engine}", *pair, on_engine(name, parameters, engine))
        if (state := verilator()) != READY:
            print(f"compiled: {state}", file=sys.stderr)
            continue
        pair = [stream(name, told, count) for count in (len(told) // 4, len(told))]
        tell(bench, f"{name} compiled", *pair, compiled(name, parameters))


def stream(name: str, told: Sequence[bytes], count: int) -> Stream:
    """So many messages for a block."""
    return messages_of_one(count) if name == "decoder" else packets(told[:count])


if __name__ == "__main__":
    harness.main(run)
