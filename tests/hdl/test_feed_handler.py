"""The whole gateware, wire to book records, equals the golden model, whatever the lines do."""

import random
from functools import cache

import numpy as np
import pytest

from tapeout.hdl.itch.layout import Record, pack
from tapeout.hdl.itch.model import decode
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.net.layout import BEAT, beats
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import Mark, unpack
from tapeout.hdl.top.model import Feed, agrees
from tapeout.sim.bench.simulators import READY, engines
from tapeout.sim.pcap import frame as ethernet

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

STATE = engines()["verilator"]
pytestmark = [
    pytest.mark.rtl,
    pytest.mark.skipif(STATE != READY, reason=f"verilator: {STATE}"),
]
SWEPT = 17_000  # cycles after reset in which memories are swept, and a few more
BETWEEN = 3  # words between two frames on the wire
NAMES = 12
LISTED = [pack((locate, locate, 1), SUBSCRIBE) for locate in range(1, NAMES + 1)]


@cache
def model():
    from tapeout.sim.bench.compiled import Model
    from tapeout.sim.bench.world import World

    return Model(World(rows=4096))


def day(count, seed):
    """Messages of an exchange's day, in some names."""
    from tapeout.sim.crowd import Crowd

    for block in Crowd(seed=seed, instruments=NAMES, messages=count):
        for start, stop in zip(block.starts[:-1], block.starts[1:], strict=True):
            yield bytes(block.wire[start + 2 : stop])


def packets(messages, rng, most=30):
    """(number of the first message, messages) of each packet."""
    at = 0
    while at < len(messages):
        size = rng.randint(1, most)
        yield at + 1, messages[at : at + size]
        at += size


def framed(first, messages, tags=1):
    return ethernet(packet(b"SESSION001", first, messages), tags)


def timed(frames, start=SWEPT, between=BETWEEN):
    """Words of (frame, cycle it may begin in or None) and when each is due."""
    words, due, at = [], [], start
    for frame in frames:
        wire, begins, error = frame if isinstance(frame, tuple) else (frame, None, False)
        sent = beats(wire, error)
        at = max(at, begins or 0)
        words += sent
        due += range(at, at + len(sent))
        at += len(sent) + between
    return words, due


def played(a, b=(), listen=LISTED, pause=0.0, **settings):
    """The book records of what comes over two lines, and the statistics."""
    from tapeout.sim.bench.compiled import packed

    rows, due = {"listen": packed(listen, sum(SUBSCRIBE.values()))}, {}
    for name, (words, when) in {"a": a, "b": b or ((), ())}.items():
        rows[name] = packed(words, sum(BEAT.values()))
        due[name] = np.array(when, np.uint64)
    done = model().play(
        rows, due=due, settings=settings, pause=pause, asked=True, patience=3 * SWEPT
    )
    return [unpack(word) for word in done.outputs["o"].payloads()], done


def timeless(record):
    return record._replace(arrival_ns=0)


def held_to(made, true):
    """Records agree one by one, but for when they came."""
    for place, (one, other) in enumerate(zip(made, true, strict=False)):
        assert agrees(timeless(one), timeless(other)), f"record {place}:\n{one}\n{other}"
    assert len(made) == len(true)


def in_sequence(messages, lost=()):
    """What the model makes of numbered messages, of which some never came."""
    feed, made, missing = Feed(range(1, NAMES + 1)), [], 0
    for number, message in enumerate(messages, 1):
        if number in lost:
            missing += 1
            continue
        if missing:
            made += feed.apply(Record(number - missing, subject=missing, flags=Flag.GAP))
            missing = 0
        made += feed.apply(decode(message, number))
    return made


def test_a_clean_day_on_both_lines_record_by_record():
    messages = [*day(200_000, seed=11)]
    frames = [framed(*one) for one in packets(messages, random.Random(1))]
    a = timed(frames)
    b = timed(frames, start=SWEPT + 40)
    made, done = played(a, b)
    true = in_sequence(messages)
    held_to(made, true)
    unsure = sum(bool(record.flags & Mark.INCOMPLETE) for record in made)
    print(f"{len(messages):,} messages, {len(made):,} records, {unsure:,} incomplete,"
          f" {done.cycles:,} cycles")  # fmt: skip
    assert not any(record.flags & Mark.STALE for record in made)
