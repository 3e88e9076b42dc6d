"""How many cycles from a message's last byte on the pins to its first book record?"""

import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import harness
import numpy as np

from tapeout.hdl.flow.blocks import block
from tapeout.hdl.itch.layout import pack
from tapeout.hdl.itch.model import encode
from tapeout.hdl.levels.model import ENTERS, LEAVES
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.net.layout import BEAT, beats
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import Mark, Report, unpack
from tapeout.sim.bench.compiled import Model, packed
from tapeout.sim.bench.simulators import READY, verilator
from tapeout.sim.crowd import Crowd
from tapeout.sim.pcap import frame as ethernet

SWEPT = 1 << 15  # cycles before the first frame
BETWEEN = 3  # words on the wire between two frames: frame check, gap and preamble
NAMES = 64
HEADERS = 14 + 4 + 20 + 8 + 20  # bytes before the first block
LISTED = [pack((locate, locate, 1), SUBSCRIBE) for locate in range(1, NAMES + 1)]
Frames = Iterable[tuple[int, list[bytes]]]


def story() -> Iterator[bytes]:
    """Orders of one name that meet every book message."""
    add = {"stock_locate": 1, "shares": 100, "side": "B"}
    for k in range(1, 200):
        price, one = 10_000 + 100 * (k % 5), {"stock_locate": 1, "order_reference": 4 * k}
        yield encode("AF"[k % 2], **add, order_reference=4 * k, price=price)
        yield encode("E", **one, executed_shares=10)
        yield encode("C", **one, executed_shares=10, printable="Y", execution_price=price)
        yield encode("X", **one, cancelled_shares=10)
        yield encode("U", **one, new_order_reference=4 * k + 1, shares=50, price=price + 100)
        yield encode("D", stock_locate=1, order_reference=4 * k + 1)


def crowd(count: int) -> Iterator[bytes]:
    """What an exchange sends in some names."""
    for one in Crowd(seed=harness.SEED, instruments=NAMES, messages=count):
        for start, stop in zip(one.starts[:-1], one.starts[1:], strict=True):
            yield bytes(one.wire[start + 2 : stop])


def cycles(
    model: Model, frames: Frames, gap: int, short: list[bool] | None = None
) -> dict[str, list[int]]:
    """Message type -> cycles from the word with its last byte to its first and last book record.

    The last record's stands under the type in small letters; prints are not counted. `short` gets
    of each record of a level whether it says that its row is incomplete.
    """
    words, due, last, at = list[int](), list[int](), dict[int, tuple[str, int]](), SWEPT
    for first, messages in frames:
        sent, end = beats(ethernet(packet(b"SESSION", first, messages))), HEADERS
        for number, message in enumerate(messages, first):
            end += 2 + len(message)
            last[number] = chr(message[0]), len(words) + (end - 1) // 8
        words += sent
        due += range(at, at + len(sent))
        at += len(sent) + gap
    rows = {
        "a": packed(words, sum(BEAT.values())),
        "listen": packed(LISTED, sum(SUBSCRIBE.values())),
    }
    played = model.play(
        rows, due={"a": np.array(due, np.uint64)}, settings={"enable": 1}, asked=True,
        patience=SWEPT,
    )  # fmt: skip
    out, taken = played.outputs["o"], played.inputs["a"].taken
    shown = defaultdict[int, list[int]](list)
    for word, cycle in zip(out.payloads(), out.shown, strict=True):
        record = unpack(word)
        if record.kind != Report.PRINT:
            shown[record.sequence].append(int(cycle))
        if short is not None and record.kind in ENTERS | LEAVES:
            short.append(bool(record.flags & Mark.INCOMPLETE))
    found = defaultdict[str, list[int]](list)
    for number, when in shown.items():
        kind, place = last[number]
        found[kind].append(when[0] - int(taken[place]))
        if len(when) > 1:
            found[kind.lower()].append(when[-1] - int(taken[place]))
    return found


def tell(bench: harness.Benchmark, what: str, found: dict[str, list[int]]) -> None:
    """Least, median, 99.9 % and most."""
    for kind, each in sorted(found.items()):
        name = kind if kind.isupper() else f"{kind.upper()}, second record"
        high = float(np.quantile(each, 0.999, method="higher"))
        for label, value in (
            ("least", min(each)), ("median", statistics.median(each)),
            ("99.9 %", high), ("most", max(each)),
        ):  # fmt: skip
            bench.record(f"{what}, {name}: {label}", float(value), "cycles")


def stages(bench: harness.Benchmark) -> None:
    """What each block takes of it, for book messages one at a time, on Amaranth's simulator."""
    took = defaultdict[str, list[int]](list)
    for cycles_of in walked([message for _, message in zip(range(25), story(), strict=False)]):
        for (_, before), (name, after) in pairwise(cycles_of.items()):
            took[name].append(after - before)
    for name, each in took.items():
        for label, value in (("least", min(each)), ("most", max(each))):
            bench.record(f"alone, stage {name}: {label}", float(value), "cycles")


def walked(messages: list[bytes]) -> list[dict[str, int]]:
    """For each message, alone in its frame: probe -> cycle in which it is there."""
    from amaranth.hdl import Value

    feed = block("feed_handler").component(words=32, locates=4, instruments=2, rows=16)
    inside, simulator = opened(feed)
    books, waiting = feed.books, inside.merge.submodules.messages_a
    probes = {
        "pins": feed.a.valid,
        "frame buffer": inside.buffer_a.o_valid,
        "line": inside.line_a.valid,
        "FIFO": waiting.o.valid & waiting.o.ready,
        "arbiter": feed.arbiter.o.valid & feed.arbiter.o.ready,
        "orders": books.table.valid,
        "levels": books.levels.o_valid,
        "publisher": feed.o.valid,
    }
    last = ("pins", "frame buffer", "line", "FIFO")  # where a packet's words come before
    found = list[dict[str, int]]()

    async def bench(ctx: Any) -> None:
        ctx.set(feed.o.ready, 1)
        ctx.set(Value.cast(feed.listen.payload), LISTED[0])
        ctx.set(feed.listen.valid, 1)
        await ctx.tick().until(feed.listen.ready)
        ctx.set(feed.listen.valid, 0)
        await ctx.tick().repeat(64)
        for number, message in enumerate(messages, 1):
            sent, at = beats(ethernet(packet(b"SESSION", number, [message]))), dict[str, int]()
            for cycle in range(len(sent) + 40):
                ctx.set(feed.a.valid, cycle < len(sent))
                ctx.set(Value.cast(feed.a.payload), sent[cycle] if cycle < len(sent) else 0)
                _, _, *said = await ctx.tick().sample(*probes.values())
                there = [name for name, one in zip(probes, said, strict=True) if one]
                at |= {name: cycle for name in there if name in last or name not in at}
            found.append({name: at[name] for name in probes})

    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def opened(feed: Any) -> tuple[Any, Any]:
    """The blocks inside a component, and a simulator of it."""
    from amaranth.sim import Simulator

    made, elaborate = list[Any](), feed.elaborate
    feed.elaborate = lambda platform: made.append(elaborate(platform)) or made[-1]
    simulator = Simulator(feed)
    return made[0].submodules, simulator


def run(bench: harness.Benchmark) -> None:
    """One message at a time, then packets back to back at the rate of the wire."""
    stages(bench)
    if (state := verilator()) != READY:
        print(f"verilator: {state}", file=sys.stderr)
        return
    model = Model(block("feed_handler").component())
    alone = [(k, [message]) for k, message in enumerate(story(), 1)]
    tell(bench, "alone", cycles(model, alone, gap=64))
    told, rng, frames, at = [*crowd(bench.size(40_000, 10_000))], random.Random(1), [], 0
    while at < len(told):
        size = rng.randint(1, 40)
        frames.append((at + 1, told[at : at + size]))
        at += size
    short = list[bool]()
    tell(bench, "line rate", cycles(model, frames, gap=BETWEEN, short=short))
    bench.record("line rate: records of a row that is short", 100 * statistics.mean(short), "%")
    burst = [encode("A", stock_locate=1, order_reference=k, shares=1, side="B", price=100)
             for k in range(1, 2001)]  # fmt: skip
    burst += [encode("D", stock_locate=1, order_reference=k) for k in range(1, 2001)]
    packets = [(k + 1, burst[k : k + 60]) for k in range(0, len(burst), 60)]
    tell(bench, "shortest, one name, line rate", cycles(model, packets, gap=BETWEEN))


if __name__ == "__main__":
    harness.main(run)
