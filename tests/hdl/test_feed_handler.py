"""The whole gateware, wire to book records, equals the golden model, whatever the lines do."""

import random
from functools import cache

import numpy as np
import pytest

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import Record, pack
from tapeout.hdl.itch.model import decode
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.line.model import Frame, Line
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.net.layout import BEAT, beats
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import Mark, unpack
from tapeout.hdl.top.model import Feed, agrees, one_line
from tapeout.sim.bench.simulators import READY, engines
from tapeout.sim.pcap import frame as ethernet

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

STATE = engines()["verilator"]
pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
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
    if missing:
        made += feed.apply(Record(number - missing + 1, subject=missing, flags=Flag.GAP))
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


@pytest.mark.parametrize("seed", range(4))
def test_what_one_line_has_is_delivered_and_what_none_has_is_told(seed):
    """Each line cuts packets otherwise, loses some, and repeats some at once or late."""
    rng, messages, lines, have = random.Random(seed), [*day(3_000, seed)], [], set()
    for line in range(2):
        frames, again = [], None
        for first, told in packets(messages, random.Random(10 * seed + line), most=8):
            if rng.random() < 0.15:
                continue
            have |= set(range(first, first + len(told)))
            begins = SWEPT + 16 * first + 40 * line  # both lines send a message at about one time
            frames.append((framed(first, told, tags=line), begins, False))
            if again and rng.random() < 0.1:
                frames.append(again)
            again = frames[-1]
        frames.append(framed(len(messages) + 1, []))  # a heartbeat tells what the tail was
        lines.append(timed(frames))
    lost = set(range(1, len(messages) + 1)) - have
    assert lost, f"seed {seed} loses nothing"
    made, _ = played(*lines)
    held_to(made, in_sequence(messages, lost))


def damaged(frame, rng):
    """A frame, perhaps with something wrong: cut, marked bad, a bit turned, or not the feed's."""
    at = rng.randrange(len(frame))
    turned = frame[:at] + bytes([frame[at] ^ 1 << rng.randrange(8)]) + frame[at + 1 :]
    return rng.choice(
        [(frame, None, False)] * 6
        + [(frame[: max(at, 1)], None, False), (frame, None, True), (turned, None, False)]
    )


@pytest.mark.parametrize("seed", range(6))
def test_damaged_frames_cost_what_the_model_says(seed):
    """Truncated frames, wrong lengths, checksums, counts and types: on one line, all are losses."""
    rng, messages = random.Random(seed), [*day(2_000, seed)]
    sent = [damaged(framed(*one), rng) for one in packets(messages, rng, most=12)]
    sent.append((framed(len(messages) + 1, []), None, False))
    made, _ = played(timed(sent), enable=1)
    line, feed = Line(), Feed(range(1, NAMES + 1))
    frames = [Frame(wire, error=error) for wire, _, error in sent]
    true = [record for told in one_line(frames, feed, line) for record in told]
    held_to(made, true)
    assert sum(line.counts[name] for name in ("cut", "bad_checksum", "bad_length")) > 3


def test_a_host_that_looks_away_loses_frames_and_is_told():
    """Back-pressure fills every buffer; what found no room is a gap, and the rest is as it was."""
    messages = [*day(4_000, seed=3)]
    frames = [framed(*one) for one in packets(messages, random.Random(2))]
    words = timed([*frames, framed(len(messages) + 1, [])])
    held = {"hold_from": SWEPT + 3_000, "hold_to": SWEPT + 6_000}
    made, done = played(words, enable=1, **held)
    gaps = [record for record in made if record.kind == Kind.GAP]
    lost = {gap.sequence + k for gap in gaps for k in range(gap.subject)}
    assert 0 < len(lost) < len(messages) / 2
    held_to(made, in_sequence(messages, lost))
    pause = max(np.diff(done.outputs["o"].taken.astype(np.int64)))
    assert pause >= 3_000, "the host did look away"


@pytest.mark.parametrize("at", [SWEPT + 77, SWEPT + 1_234, SWEPT + 2_021])
def test_a_reset_begins_a_new_day(at):
    """What was told before is the model's; what comes after knows nothing of it."""
    first, second = [*day(600, seed=4)], [*day(600, seed=5)]
    before = [framed(*one) for one in packets(first, random.Random(4))]
    while timed(before[:-1])[1][-1] >= at:
        before.pop()
    assert timed(before)[1][-1] > at, "the last frame is cut by the reset"
    after = [(framed(*one), at + SWEPT, False) for one in packets(second, random.Random(5))]
    words, due = timed([*before, *after])
    from tapeout.sim.bench.compiled import packed

    rows = {
        "a": packed(words, sum(BEAT.values())),
        "listen": packed(LISTED * 2, sum(SUBSCRIBE.values())),
    }
    times = [0] * NAMES + [at + 10] * NAMES
    done = model().play(
        rows,
        due={"a": np.array(due, np.uint64), "listen": np.array(times, np.uint64)},
        settings={"enable": 1, "reset_at": at},
        asked=True,
        patience=3 * SWEPT,
    )
    made = [unpack(word) for word in done.outputs["o"].payloads()]
    starts = [place for place, record in enumerate(made) if record.number == 1]
    assert len(starts) == 2
    held_to(made[: starts[1]], in_sequence(first)[: starts[1]])
    held_to(made[starts[1] :], in_sequence(second))


def test_records_are_stamped_with_the_cycle_their_frame_began_in():
    messages = [*day(300, seed=6)]
    sent = [framed(*one) for one in packets(messages, random.Random(6))]
    made, done = played(timed(sent), enable=1)
    begins, at, of = [], 0, {}
    for frame in sent:
        begins.append(int(done.inputs["a"].taken[at]))
        at += len(beats(frame))
    for (first, told), cycle in zip(packets(messages, random.Random(6)), begins, strict=True):
        of |= dict.fromkeys(range(first, first + len(told)), cycle)
    base = {record.arrival_ns - of[record.sequence] for record in made}
    assert len(base) == 1, "one clock, read when a frame's first word comes"


def test_pauses_on_every_stream_change_nothing():
    messages = [*day(2_000, seed=7)]
    sent = [framed(*one) for one in packets(messages, random.Random(7))]
    words, due = timed(sent)
    made, _ = played((words, [2 * cycle for cycle in due]), enable=1, pause=0.2)
    held_to(made, in_sequence(messages))
