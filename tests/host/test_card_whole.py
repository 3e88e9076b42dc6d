"""The whole card is its twin, record by record and book by book; what is lost, it tells."""

import importlib.util
import random
import time
from pathlib import Path

import pytest

from tapeout.card.driver import Card
from tapeout.card.simulated import Simulated
from tapeout.card.swap import Feed, Reason, Swapped
from tapeout.errors import DeviceError
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.card.layout import Entry
from tapeout.hdl.itch.model import encode
from tapeout.hdl.line.model import Frame
from tapeout.hdl.top.layout import BookRecord
from tapeout.hdl.top.model import Feed as Golden
from tapeout.hdl.top.model import one_line
from tapeout.sim.bench.simulators import READY, engines
from tapeout.sim.whole.packets import framed
from tapeout.sim.whole.play import Ledger, digest_of
from tapeout.walk.card import play as play_capture
from tapeout.walk.play import frames_of, listened

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from tapeout.sim.card.lockstep import Lockstep
from tapeout.sim.card.probed import Probed

spec = importlib.util.spec_from_file_location(
    "card_plays", Path(__file__).with_name("card_plays.py")
)
plays = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plays)

STATE = engines()["verilator"]
pytestmark = [
    pytest.mark.rtl,
    pytest.mark.skipif(STATE != READY, reason=f"verilator: {STATE}"),
]
long = pytest.mark.blocks
FAULTS = {
    "stall": Reason.STALL,
    "reset": Reason.STALL,
    "lie": Reason.LIE,
    "skip": Reason.LOST,
    "overflow": Reason.OVERFLOW,
    "checksum": Reason.LOST,
}


@pytest.fixture(scope="module")
def board():
    one = Lockstep()
    yield one
    one.close()


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=long)])
def test_what_one_line_has_is_told_once_and_is_the_twins(board, count, figure):
    """Both lines lose frames and bring damaged ones, never the same: nothing is lost.

    Of the long day the card refuses orders, as its table is full: it says which, and is the twin's.
    """
    seed, began = 21, time.perf_counter()
    print(f"seed {seed}")
    bench, told = plays.Bench(board, lines="ab"), plays.frames(count, seed)
    made, *_ = plays.two_lines(bench, told, seed)
    true, truth = plays.retold(told, made)
    plays.equal(made, true)
    plays.same_books(made, truth)
    counted = bench.card.statistics()
    refused = sum(one.kind == Kind.STALE for one in made)
    assert bench.card.errors() == ("refused",) * (refused > 0) + ("checksum",)
    assert counted["a_bad"] > 0 < counted["b_bad"]
    assert counted["delivered"] == truth.messages >= count
    assert counted["written"] == counted["records"] == len(true)
    assert counted["refused"] == refused
    assert counted["dropped"] == counted["lost"] == counted["gate_accepted"] == 0
    figure(
        f"card: {truth.messages:,} messages on two lossy lines, {len(made):,} records the twin's,"
        f" books the same, {refused:,} orders refused, {board.cycle:,} cycles in"
        f" {time.perf_counter() - began:.0f} s, seed {seed}"
    )


@pytest.mark.parametrize(
    ("count", "seed"),
    [(3_000, 1), (3_000, 2), *(pytest.param(20_000, seed, marks=long) for seed in range(3, 13))],
)
def test_nothing_is_lost_silently_whatever_goes_wrong(board, count, seed, figure):
    """Damaged frames, a memory that stalls and answers late, a host that looks away, at random."""
    print(f"seed {seed}")
    bench = plays.Bench(board, bits=6)
    made, true, truth = plays.troubled(bench, plays.frames(count, seed, most=12), seed)
    dropped, entries = plays.accounted(made, true)
    counted = bench.card.statistics()
    assert dropped == counted["dropped"] > 0 < truth.lost
    assert counted["written"] == len(made)
    assert counted["lost"] == truth.lost == plays.gaps(true)
    assert counted["a_bad"] > 0
    assert set(bench.card.errors()) == {"overflow", "gap", "checksum"}
    assert {"stale"} <= set(bench.card.status())
    figure(
        f"card: {truth.messages:,} messages, {truth.lost:,} lost on the line, {dropped:,} of"
        f" {len(true):,} records dropped: {entries:,} entries told, seed {seed}"
    )


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=long) for seed in range(2, 8))])
def test_a_memory_that_refuses_stops_the_ring_and_the_next_day_is_whole(board, seed):
    print(f"seed {seed}")
    told, bench = plays.frames(1_000, seed), plays.Bench(board)
    made, true = plays.refused(bench, told, random.Random(seed).randrange(5, len(told) - 5))
    assert "bus" in bench.card.errors()
    assert 0 < len(bench.made) < len(true)
    plays.accounted(
        [one for one in bench.made if one.kind != Entry.OVERFLOW], true[: len(bench.made)]
    )
    bench.made = []
    bench.begin("ab")
    made, true, _ = plays.two_lines(bench, plays.frames(1_000, seed + 50), seed)
    plays.equal(made, true)
    assert set(bench.card.errors()) <= {"checksum"}


@pytest.mark.parametrize("count", [5_000, pytest.param(35_000, marks=long)])
@pytest.mark.parametrize("kind", FAULTS)
def test_the_stream_is_the_twins_wherever_the_card_fails(kind, count, process):
    """After a random entry: the change is told, and every number comes once from either."""
    seed = 100 + list(FAULTS).index(kind)
    told = plays.frames(count, seed, most=8)
    sent, truth = [Frame(wire) for *_, wire in told], plays.Truth()
    true = [one for frame in sent for one in truth.hear(frame)]
    after = random.Random(seed).randrange(len(true) // 2)
    print(f"seed {seed}, {kind}:{after}")
    process.power_up(f"{kind}:{after // 8 if kind == 'checksum' else after}")
    card = Card(process, bits=8 if kind == "overflow" else 14)
    card.start(lines="a")
    card.listen(plays.NAMES)
    feed = Feed(card, plays.NAMES, deliver=lambda some: process.wire("a", some), patience_s=1.0)
    out, most = [], 10 * count if kind == "overflow" else 100
    for at in range(0, len(sent), 16):
        out += feed.hear(sent[at : at + 16])
        while feed.behind > most:
            out += feed.wait()
    out += feed.finish()
    records = [one for one in out if isinstance(one, BookRecord) and one.kind not in list(Entry)]
    plays.equal(records, true)
    plays.same_books(records, truth)
    (change,) = [one for one in out if isinstance(one, Swapped)]
    assert change.reason == FAULTS[kind]
    assert out.index(change) == change.number - 1


@pytest.fixture(scope="module")
def process():
    transport = Simulated()
    yield transport
    transport.close()


def test_every_real_capture_is_told_as_the_twin_tells_it(board, data, figure):
    """Thirty-seven captures, a card from power-up for each."""
    messages = records = 0
    paths = sorted((data / "itch" / "pcap").rglob("*.pcap"))
    for path in paths:
        sent = [*frames_of(path)]
        locates, count = listened(path, sent, ())
        bench = plays.Bench(board, locates=locates)
        bench.send(sent)
        bench.settle()
        golden = Golden(set(locates))
        true = [one for made in one_line(sent, golden) for one in made]
        plays.equal(bench.made, true)
        ledger = Ledger()
        ledger.add(bench.made)
        assert ledger.digest() == digest_of(golden.books)
        assert bench.card.statistics()["a_messages"] == count
        messages, records = messages + count, records + len(true)
    assert len(paths) == 37
    figure(f"card: {len(paths)} captures, {messages} messages, {records} records the twin's")


@pytest.mark.parametrize("frames", [400, pytest.param(100_000, marks=long)])
def test_a_real_hour_is_the_twins_to_the_end(data, frames, figure):
    path = data / "itch" / "aapl_20120621_from_lobster.itch.gz"
    played = play_capture(path, frames=frames)
    assert played.swapped is None
    assert played.equal
    sent = [*frames_of(path)][:frames]
    golden = Golden(set(listened(path, sent, ())[0]))
    for _ in one_line(sent, golden):
        pass
    ledger = Ledger()
    ledger.add(played.records)
    assert ledger.digest() == digest_of(golden.books) != 0
    figure(
        f"card: {played.messages:,} messages of the AAPL hour, {len(played.records):,} records"
        " the twin's, books the same"
    )


def test_an_entry_is_offered_twenty_three_cycles_after_its_messages_last_byte():
    """Twenty to the book record, three to the address of its burst; then its count follows.

    The first of all begins a session, and takes two more.
    """
    board, took = Probed(), []
    bench = plays.Bench(board)
    for number in range(1, 21):
        message = encode(
            "A", stock_locate=1, order_reference=number, side="B", shares=1, price=100 + number
        )
        wire = framed(number, [message])
        (begin,) = board.wire("a", [Frame(wire)])
        bench.step(200)
        crossed = board.crossed()
        assert len(crossed.records) == number
        took.append(int(crossed.records[-1]) - begin - (len(wire) - 1) // 8)
        assert crossed.counts[-1] == number
        assert crossed.records[-1] < crossed.indices[-1] < crossed.records[-1] + 30
    assert took == [25] + [23] * 19
    board.close()


def test_a_card_that_is_told_a_lie_of_its_memory_is_not_believed(board):
    """The host's own check of the ring: an index that cannot be is a failure, not a record."""
    bench = plays.Bench(board, bits=4)
    board.memory[:4] = (40).to_bytes(4, "little")
    with pytest.raises(DeviceError, match="the ring must hold 16 records at most; its index says"):
        bench.take()
