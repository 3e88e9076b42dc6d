"""A crowd's day of ITCH is repeatable, plausible, and tells the very books the crowd knows."""

import hashlib
from collections import Counter, defaultdict

import numpy as np
import pytest

import tapeout
from tapeout.hdl.book.model import Books
from tapeout.hdl.itch.model import decode, encode, fields
from tapeout.sim import crowd
from tapeout.sim.exchange.matching import ASK, BID
from tapeout.sim.habits import BACK, FAR, MIX
from tapeout.sim.listing import FLAT, LOW_PRICED, listing

SEED, MESSAGES, INSTRUMENTS = 5, 40_000, 50
SIDES = {"B": BID, "S": ASK}


def messages(wire):
    """The messages of a length-prefixed stream."""
    raw, at, out = wire.tobytes(), 0, []
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 2])
        out.append(raw[at + 2 : at + 2 + length])
        at += 2 + length
    return out


@pytest.fixture(scope="module")
def day():
    """A small day: its messages, its records, and the crowd's own books."""
    wire, oracle = crowd.write_messages(SEED, MESSAGES, INSTRUMENTS)
    sent = messages(wire)
    return sent, [decode(message) for message in sent], oracle


@pytest.fixture(scope="module")
def large():
    """Message types and names of a day that is large enough to count."""
    source = crowd.Crowd(2, 600_000, 1_000)
    letters, locates = [], []
    for block in source:
        heads = block.starts[:-1] + 2
        letters.append(block.wire[heads])
        locates.append(block.wire[heads + 1].astype(np.int64) << 8 | block.wire[heads + 2])
    return np.concatenate(letters), np.concatenate(locates), source.oracle


def test_the_same_seed_gives_the_same_bytes():
    first, again, other = (
        hashlib.sha256(crowd.write_messages(seed, 5_000, 20)[0]).hexdigest() for seed in (1, 1, 2)
    )
    assert first == again != other
    assert first.startswith("01ce2d09d15b5f84"), "a seed's bytes changed: say so in the changelog"


def test_the_golden_model_finds_the_crowds_own_books(day):
    """At every level of every book; and no record on the way is at fault, or crosses a book."""
    _, records, oracle = day
    model = Books()
    for record in records:
        model.apply(record)
    assert model.faults == Counter()
    resting = Counter(order.locate for order in model.orders.values())
    for locate in range(1, INSTRUMENTS + 1):
        for letter, side in SIDES.items():
            assert model.depth(locate, letter, 1 << 30) == oracle.depth(locate, side)
        assert model.quote(locate) == oracle.quote(locate)
        assert resting[locate] == oracle.orders(locate)
    assert oracle.live == len(model.orders) > MESSAGES // 25


def test_executions_take_the_oldest_order_of_the_best_level(day):
    """Price, then time: kept here as plain queues, apart from the engine's."""
    _, records, _ = day
    queues, where, left = defaultdict(dict), {}, {}
    for record in records:
        letter, reference = chr(record.type), record.subject
        if letter in "EC":
            locate, side, price = where[reference]
            prices = [
                p for (n, s, p), queue in queues.items() if (n, s) == (locate, side) and queue
            ]
            assert price == (max(prices) if side == "B" else min(prices))
            assert next(iter(queues[where[reference]])) == reference
        if letter in "ECX":
            left[reference] -= record.shares
        if letter in "DU" or (letter in "ECX" and not left[reference]):
            locate, side, _ = where[reference]
            del queues[where.pop(reference)][reference]
        if letter in "AF":
            where[reference] = (record.locate, chr(record.side), record.price)
        elif letter == "U":
            reference = record.other
            where[reference] = (locate, side, record.price)
        if letter in "AFU":
            queues[where[reference]][reference], left[reference] = True, record.shares


def test_every_reference_and_match_number_is_new(day):
    _, records, _ = day
    added = [r.other if chr(r.type) == "U" else r.subject for r in records if chr(r.type) in "AFU"]
    matches = [r.other for r in records if chr(r.type) in "ECP"]
    assert len(set(added)) == len(added)
    assert len(set(matches)) == len(matches)


def test_the_clock_never_runs_back(day):
    times = np.array([record.timestamp for record in day[1]])
    assert np.all(np.diff(times) >= 0)
    assert times[-1] == crowd.CLOSE_NS


def test_every_message_is_whole(day):
    """Decoded field by field and encoded again, every message is what it was."""
    for message in day[0]:
        said = fields(message)
        assert encode(said.pop("type"), **said) == message


def test_prices_keep_their_ticks(day):
    """A cent from one dollar on, 1/10,000 dollar below."""
    prices = np.array([record.price for record in day[1] if chr(record.type) in "AFU"])
    assert np.all(prices[prices >= 10_000] % 100 == 0)
    listed = listing(1, 8_000)
    low = listed.floor * listed.tick < 10_000
    assert np.array_equal(low, listed.tick == 1)
    assert low.mean() == pytest.approx(1 / LOW_PRICED, rel=0.3)
    assert (listed.floor[low] + crowd.LEVELS).max() <= 10_000


def test_the_mix_is_the_stated_one(large):
    letters, _, oracle = large
    count = Counter(map(chr, letters.tolist()))
    total = sum(count[letter] for letter in "AFDUECXPI")
    share = {letter: 100 * count[letter] / total for letter in count}
    drawn = np.array(MIX) / 100
    adds, executes = share["A"] + share["F"], share["E"] + share["C"]
    seen = [adds, share["D"], share["U"], executes, share["X"], share["P"], share["I"]]
    assert np.abs(np.array(seen) - drawn).max() < 1  # percent; small books ask for more adds
    assert share["F"] / adds == pytest.approx(0.03, abs=0.003)
    assert share["C"] == pytest.approx(0.05, abs=0.02)
    assert 0.045 < oracle.live / total < 0.07
    assert oracle.messages == letters.size


def test_activity_follows_zipf(large):
    """The slope of log activity over log (rank + 10) is -1, and three in ten stay on the name."""
    locates = large[1][large[0] != ord("S")][3 * 1_000 :]
    counts = np.sort(np.bincount(locates)[1:])[::-1][:300]
    slope = np.polyfit(np.log(np.arange(counts.size) + FLAT), np.log(counts), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)
    by_chance = ((np.bincount(locates) / locates.size) ** 2).sum()
    stays = (locates[1:] == locates[:-1]).mean()
    assert stays == pytest.approx(0.30 + 0.70 * by_chance, abs=0.005)


def test_distances_are_a_pareto_and_cancels_want_the_newest():
    reach = np.array([np.mean(d <= FAR) for d in (1, 2, 5, 20, 100)])
    assert reach == pytest.approx(np.array([1, 2, 5, 20, 100]) ** -1.1, abs=1 / 4_096)
    assert pytest.approx(3, abs=0.02) == BACK.mean()  # (3/4) / (1/4)


@pytest.mark.parametrize("container", crowd.CONTAINERS)
def test_files_read_back_as_the_crowds_own_books(tmp_path, container):
    path, done = tmp_path / "day", []
    oracle = crowd.write(path, SEED, MESSAGES, INSTRUMENTS, container, done.append)
    tape = tapeout.read(path)
    books = tapeout.books(tape)
    assert tape.findings == []
    assert tape.messages == oracle.messages == sum(done)
    for locate, symbol in enumerate(oracle.symbols, 1):
        for side, levels in enumerate(books.depth(symbol, 1 << 30)):
            assert [tuple(level) for level in levels] == oracle.depth(locate, side)
    if container == "itch":
        wire, _ = crowd.write_messages(SEED, MESSAGES, INSTRUMENTS)
        assert path.read_bytes() == wire.tobytes()


def test_one_instrument_fills_up_and_goes_on():
    """Where no more orders may rest, adds become deletes."""
    _, oracle = crowd.write_messages(1, 3_000, 1)
    assert 64 < oracle.live < 64 + 3_000 * 60 // 1_000 + 8 * 55


@pytest.mark.parametrize(
    ("wrong", "message"),
    [((1, 0, 5), "messages must be at least 1; got 0"),
     ((1, 5, 0), "instruments must be 1 to 65,534; got 0"),
     ((1, 5, 65_535), "instruments must be 1 to 65,534; got 65,535")],
)  # fmt: skip
def test_a_crowd_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        crowd.write_messages(*wrong)


def test_a_container_nobody_knows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="container must be pcap or itch; got 'csv'"):
        crowd.write(tmp_path / "x", 1, 5, 5, "csv")
