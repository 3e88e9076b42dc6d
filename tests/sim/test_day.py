"""The simulated day is repeatable, plausible, and read back without loss."""

import hashlib

import dpkt
import numpy as np
import pytest

import tapeout
from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp.model import unframe
from tapeout.kernels.tape.bars import Bar
from tapeout.sim.day import OPEN_NS, SimulatedDay
from tapeout.sim.draws import gaussian, words
from tapeout.sim.exchange import matching
from tapeout.sim.values import fair_values
from tapeout.sim.wire import disturbed


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    digests = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        SimulatedDay(seed, 4, 3_000).write(tmp_path / name)
        digests.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert digests[0] == digests[1] != digests[2]


def test_books_and_quotes_read_back_are_the_exchanges_own(capture):
    path, oracle = capture
    books = tapeout.books(path)
    for locate, symbol in enumerate(oracle.symbols, 1):
        for side, ours in enumerate(books.depth(symbol, 1 << 30)):
            assert [tuple(level) for level in ours] == matching.depth(
                oracle.books, locate - 1, side
            )
    bars = tapeout.bars(path)
    columns = [bars.symbols.index(symbol) for symbol in oracle.symbols]
    fields = (Bar.BID, Bar.BID_LOTS, Bar.ASK, Bar.ASK_LOTS)
    quotes = np.stack([bars[field][:, columns] for field in fields], axis=-1)
    assert np.array_equal(quotes, oracle.quote[: len(quotes)])


def test_the_planted_gap_and_repeat_are_found_where_they_were_planted(capture):
    path, oracle = capture
    tape = tapeout.read(path)
    for _ in tape.records():
        pass
    found = {finding.fault: finding.count for finding in tape.findings}
    gap, repeat = oracle.planted
    assert found == {Fault.REPAIRED: gap.messages, Fault.REPEATED: repeat.messages}
    assert tape.messages == oracle.messages
    assert tape.packets == oracle.packets + 1


def test_another_reader_finds_the_same_packets(capture):
    path, oracle = capture
    sequences = []
    with path.open("rb") as file:
        for _, raw in dpkt.pcap.Reader(file):
            frame = dpkt.ethernet.Ethernet(raw)
            assert frame.vlan_tags[0].id == 7
            assert dpkt.in_cksum(bytes(frame.ip)[:20]) == 0
            packet = unframe(frame.ip.udp.data)
            sequences += range(packet.sequence, packet.sequence + len(packet.messages))
    assert sorted(set(sequences)) == list(range(1, oracle.messages + 1))


def test_books_never_cross_and_spreads_stay_small(capture):
    _, oracle = capture
    bid, _, ask, _ = np.moveaxis(oracle.quote, -1, 0)
    known = (bid > 0) & (ask > 0)
    assert np.all(ask[known] > bid[known])
    assert np.median((ask - bid)[known]) < 2_000  # 20 cents


def test_prices_follow_the_fair_value(tmp_path):
    day = SimulatedDay(9, 3, 30_000)
    oracle = day.write(tmp_path / "x")
    mid = (oracle.quote[..., 0] + oracle.quote[..., 2]) / 2
    fair = day._day.fair[59::60] / 10  # ticks
    assert np.median(np.abs(mid / fair - 1)) < 2e-3


def test_raw_words_are_fixed_for_ever():
    assert [hex(int(word)) for word in words(1, 2, 2)] == [
        "0x72cb55b7a4acbbc2",
        "0x6e4e482cf03b98ab",
    ]


@pytest.mark.parametrize("scale", [2, 50])
def test_small_integer_normals_have_no_drift(scale):
    """Rounded down, their mean would be half a unit below zero."""
    assert abs(gaussian(1, 7, 100_000, scale=scale).mean()) < 4 * scale / np.sqrt(100_000)


def test_a_cheap_share_moves_like_a_dear_one():
    """The same draws at 20 and at 199 dollars; rounded down, the cheap one would lose 0.5 %."""
    cheap, dear = (fair_values(5, np.array([cents]), 23_400)[-1, 0] for cents in (2_000, 19_900))
    assert cheap / 2_000_000 == pytest.approx(dear / 19_900_000, abs=3e-4)


def test_bids_are_as_many_as_asks(capture):
    records = np.concatenate(list(tapeout.read(capture[0]).records()))
    sides = records["side"][records["type"] == ord("A")]
    assert sides.size > 5_000
    assert (sides == ord("B")).mean() == pytest.approx(0.5, abs=0.03)


def test_integer_normals_have_their_scale():
    drawn = gaussian(1, 7, 100_000, scale=1_000)
    assert abs(drawn.mean()) < 4 * 1_000 / np.sqrt(100_000)
    assert abs(drawn.std() / 1_000 - 1) < 0.01


@pytest.mark.parametrize(
    ("lost", "repeated", "late"), [(0, 0, 0), (1_000, 0, 0), (0, 1_000, 0), (0, 0, 1_000)]
)
def test_a_line_disturbs_as_it_is_told(lost, repeated, late):
    order = disturbed(50, 1, lost=lost, repeated=repeated, late=late)
    sent = np.arange(50)
    if lost:
        assert order.size == 0
    elif repeated:
        assert np.array_equal(np.sort(order), np.repeat(sent, 2))
    else:
        assert np.array_equal(np.sort(order), sent)
        assert np.array_equal(order, sent) == (late == 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"instruments": 0}, "instruments must be 1 to 64; got 0"),
     ({"events": 0}, "events must be at least 1; got 0")],
)  # fmt: skip
def test_a_day_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        SimulatedDay(**wrong)


def test_the_clock_runs_from_the_open(capture):
    path, _ = capture
    stamps = np.concatenate(
        [(r["stamp"] & (2**48 - 1)).astype(np.int64) for r in tapeout.read(path).records()]
    )
    assert np.all(np.diff(stamps) >= 0)
    assert (stamps >= OPEN_NS).mean() > 0.9
