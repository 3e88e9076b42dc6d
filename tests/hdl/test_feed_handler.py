"""The whole gateware, wire to book records, equals the golden model, whatever the lines do."""

import random
import time

import numpy as np
import pytest

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import pack
from tapeout.hdl.itch.model import encode
from tapeout.hdl.line.model import Frame, Line
from tapeout.hdl.net.layout import BEAT, beats
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import Mark
from tapeout.hdl.top.model import Feed, one_line
from tapeout.sim.bench.simulators import READY, engines

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from tapeout.sim.bench import frames as line_frames
from tapeout.sim.bench.compiled import packed
from tapeout.sim.whole.functional import Functional
from tapeout.sim.whole.packets import day, framed, mixed, packets, rows, timed
from tapeout.sim.whole.play import (
    NAMES,
    SWEPT,
    Ledger,
    digest_of,
    held_to,
    in_sequence,
    listed,
    model,
    played,
    records,
    refused,
)

STATE = engines()["verilator"]
pytestmark = [
    pytest.mark.rtl,
    pytest.mark.skipif(STATE != READY, reason=f"verilator: {STATE}"),
]
PLACES = 4096 * 2 * 4 + 8  # of the order table
LOCATES = 1 << 14  # that can be listened to


def test_a_clean_day_on_both_lines_record_by_record_and_by_book(figure):
    """With every type at every lane behind any tags, some of no type or of a wrong length."""
    seed = 11
    messages = [*mixed(day(200_000, seed, NAMES), random.Random(seed))]
    rng, found = random.Random(seed), Functional()
    frames = [framed(*one, tags=rng.randrange(3)) for one in packets(messages, rng)]
    a, b = (rows(frames, start)[:2] for start in (SWEPT, SWEPT + 40))
    of, began = model(), time.perf_counter()
    made, done = played(a, b, of=of)
    seconds = time.perf_counter() - began
    feed = Feed(range(1, NAMES + 1))
    held_to(made, in_sequence(messages, feed=feed))
    ledger = Ledger()
    ledger.add(made)
    assert ledger.digest() == digest_of(feed.books) != 0
    assert not any(record.flags & Mark.STALE for record in made)
    for frame in frames:
        found.frame(frame)
    found.saw(done.plain["met"])
    met = {name: (count, missed) for name, count, _, missed in found.table()}
    for name in ("message types", "lanes of first and last byte", "types at each lane"):
        assert met[name][1] == [], name
    assert met["VLAN tags"] == (3, [])
    figure(
        f"gateware: {len(messages):,} messages on two lines, {len(made):,} records the model's,"
        f" {done.cycles:,} cycles in {seconds:.1f} s, seed {seed}"
    )
    figure("gateware: met " + ", ".join(f"{count} {name}" for name, (count, _) in met.items()))


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
        lines.append(timed(frames, SWEPT))
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
    made, _ = played(timed(sent, SWEPT), enable=1)
    line, feed = Line(), Feed(range(1, NAMES + 1))
    frames = [Frame(wire, error=error) for wire, _, error in sent]
    true = [record for told in one_line(frames, feed, line) for record in told]
    held_to(made, true)
    assert sum(line.counts[name] for name in ("cut", "bad_checksum", "bad_length")) > 3


def test_a_host_that_looks_away_loses_frames_and_is_told():
    """Back-pressure fills every buffer; what found no room is a gap, and the rest is as it was."""
    messages = [*day(4_000, seed=3)]
    frames = [framed(*one) for one in packets(messages, random.Random(2))]
    words = timed([*frames, framed(len(messages) + 1, [])], SWEPT)
    held = {"hold_from": SWEPT + 3_000, "hold_to": SWEPT + 6_000}
    made, done = played(words, enable=1, **held)
    gaps = [record for record in made if record.kind == Kind.GAP]
    lost = {gap.sequence + k for gap in gaps for k in range(gap.subject)}
    assert 0 < len(lost) < len(messages) / 2
    held_to(made, in_sequence(messages, lost))
    pause = max(np.diff(done.outputs["o"].taken.astype(np.int64)))
    assert pause >= 3_000, "the host did look away"


@pytest.mark.parametrize("seed", range(6))
def test_a_reset_begins_a_new_day(seed):
    """At any cycle: what was told before is the model's, what comes after knows nothing of it."""
    at = SWEPT + random.Random(seed).randrange(60, 2_400)
    first, second = [*day(600, seed)], [*day(600, seed + 100)]
    before = [framed(*one) for one in packets(first, random.Random(seed))]
    while timed(before[:-1], SWEPT)[1][-1] >= at:
        before.pop()
    assert timed(before, SWEPT)[1][-1] > at, "the last frame is cut by the reset"
    after = [(framed(*one), at + SWEPT, False) for one in packets(second, random.Random(seed))]
    words, due = timed([*before, *after], SWEPT)
    times = np.array([0] * NAMES + [at + 10] * NAMES, np.uint64)
    done = model().play(
        {"a": packed(words, sum(BEAT.values())), "listen": np.concatenate([listed(), listed()])},
        due={"a": np.array(due, np.uint64), "listen": times},
        settings={"enable": 1, "reset_at": at},
        asked=True,
        patience=3 * SWEPT,
    )
    made = records(done)
    starts = [place for place, record in enumerate(made) if record.number == 1]
    told = starts[-1]
    assert len(starts) == 1 + (told > 0)
    held_to(made[:told], in_sequence(first)[:told])
    held_to(made[told:], in_sequence(second))


def test_records_are_stamped_with_the_cycle_their_frame_began_in():
    messages = [*day(300, seed=6)]
    sent = [framed(*one) for one in packets(messages, random.Random(6))]
    made, done = played(timed(sent, SWEPT), enable=1)
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
    words, due = timed(sent, SWEPT)
    made, _ = played((words, [2 * cycle for cycle in due]), enable=1, pause=0.2)
    held_to(made, in_sequence(messages))


def both(messages, seed, change, most=8):
    """Packets on two lines at about one time; `change(line, packets)` says what becomes of them."""
    cut = [*packets(messages, random.Random(seed), most)]
    tail = framed(len(messages) + 1, [])
    at = {first: SWEPT + 16 * first for first, _ in cut}
    return [
        timed(
            [(framed(*one), at[slot[0]] + 40 * line, False)
             for slot, one in zip(cut, change(line, cut), strict=True) if one] + [tail], SWEPT,
        )
        for line in (0, 1)
    ]  # fmt: skip


def swapped(cut, places):
    """Packets of which some come after the next one."""
    cut = [*cut]
    for at in places:
        cut[at : at + 2] = cut[at + 1], cut[at]
    return cut


@pytest.mark.parametrize("seed", range(3))
def test_packets_out_of_order_on_one_line_are_put_in_order_by_the_other(seed):
    messages = [*day(2_000, seed)]
    made, _ = played(
        *both(messages, seed, lambda line, cut: swapped(cut, range(2 * line + 1, len(cut) - 3, 4)))
    )
    held_to(made, in_sequence(messages))


@pytest.mark.parametrize("seed", range(3))
def test_packets_out_of_order_on_both_lines_are_lost_and_told(seed):
    """The later packet stands on both: what it overtook is given up, and comes too late."""
    messages = [*day(2_000, seed)]
    late, cut = set(), [*packets(messages, random.Random(seed), 8)]
    for first, told in cut[1 : len(cut) - 3 : 4]:
        late |= {*range(first, first + len(told))}
    made, _ = played(
        *both(messages, seed, lambda line, cut: swapped(cut, range(1, len(cut) - 3, 4)))
    )
    held_to(made, in_sequence(messages, late))


def test_a_line_that_is_dead_for_long_is_replaced_by_the_other_and_both_by_a_gap():
    """First one line is silent, then the other, then both, then none."""
    messages, seed = [*day(4_000, seed=8)], 8
    dead = {0: (range(200, 1_500), range(2_700, 3_200)), 1: (range(1_600, 3_200),)}

    def silent(line, cut):
        return [one if all(one[0] not in hole for hole in dead[line]) else None for one in cut]

    lost = set()
    for first, told in packets(messages, random.Random(seed), 8):
        if first in dead[0][1]:
            lost |= {*range(first, first + len(told))}
    made, _ = played(*both(messages, seed, silent))
    held_to(made, in_sequence(messages, lost))
    (gap,) = [record for record in made if record.kind == Kind.GAP]
    assert (gap.sequence, gap.subject) == (min(lost), len(lost))


def flood(rng, count, instruments):
    """More orders than the table has places, at few prices."""
    for _ in range(count):
        yield encode("A", stock_locate=rng.randint(1, instruments), side=rng.choice("BS"),
                     order_reference=rng.getrandbits(64), shares=rng.randint(1, 9),
                     price=rng.randrange(900, 940))  # fmt: skip


def test_an_order_table_that_overflows_says_what_it_lost():
    """Its instrument is stale from then on, not before; what was kept goes on as it was."""
    seed, full = 9, 3
    rng = random.Random(seed)
    messages = [*day(4_000, seed, NAMES)]
    messages[1_500:1_500] = flood(rng, PLACES * 5 // 4, full)
    frames = [framed(*one) for one in packets(messages, rng)]
    made, _ = played(rows(frames, SWEPT)[:2], enable=1)
    gone = refused(made)
    assert PLACES // 4 < len(gone) < PLACES * 3 // 4
    held_to(made, in_sequence(messages, refused=gone))
    marked = {record.locate for record in made if record.flags & Mark.STALE}
    assert marked == {record.locate for record in made if record.kind == Kind.STALE}
    assert {*range(1, full + 1)} <= marked


def ends(frame):
    """Whether all that comes after it is too late: a number near the end of all numbers."""
    return any(record.sequence > 1 << 40 for record in Line().read(frame))


@pytest.mark.parametrize("seed", range(3))
def test_frames_of_every_kind_good_and_bad(seed):
    """Whatever a frame may have that is wrong, at every layer: the rest is the model's."""
    sent = [one for one in line_frames.frames(seed, 400) if not ends(one)]
    known = dict.fromkeys(r.locate for frame in sent for r in Line().read(frame) if r.type)
    subscribed = [locate for locate in known if locate < LOCATES][:256]
    words = [pack((locate, at, 1), SUBSCRIBE) for at, locate in enumerate(subscribed)]
    made, _ = played(
        timed([(frame.wire, None, frame.error) for frame in sent], SWEPT),
        listen=packed(words, sum(SUBSCRIBE.values())),
        enable=1,
    )
    line, feed = Line(), Feed(set(subscribed))
    held_to(made, [record for told in one_line(sent, feed, line) for record in told])
    assert len(made) > 100
    assert not [name for name, count in line.counts.items() if not count and name != "filtered"]
