"""Behind a gap, books are stale until a snapshot of the exchange makes them whole again."""

from collections import Counter

import numpy as np
import pytest
from typer.testing import CliRunner

import tapeout
from tapeout.cli import app
from tapeout.errors import FeedError
from tapeout.feed.replay import Replay
from tapeout.hdl.itch.model import encode
from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp.model import frame
from tapeout.sim import pcap, wire
from tapeout.sim.crowd import Crowd
from tapeout.sim.day import MIDNIGHT_NS
from tapeout.sim.exchange.glimpse import binary_file, snapshot, soup
from tapeout.sim.tap import Tap

SESSION, NOW = b"TESTING001", 34_200 * 10**9


def add(number, locate=1, side="B", shares=100, price=10_000):
    return encode("A", stock_locate=locate, timestamp=NOW + number, order_reference=number,
                  side=side, shares=shares, stock=f"SYM{locate}", price=price)  # fmt: skip


def delete(reference, locate=1):
    return encode("D", stock_locate=locate, timestamp=NOW + 5, order_reference=reference)


def written(path, messages, lost=()):
    """A capture of one message a packet, numbered from 1, without those that are lost."""
    packets = [frame(SESSION, n, [m]) for n, m in enumerate(messages, 1) if n not in lost]
    path.write_bytes(pcap.capture_file(packets))
    return path


def taken(path, sequence, messages):
    """A snapshot file."""
    number = b"G" + str(sequence).rjust(20).encode()
    path.write_bytes(binary_file([*messages, number]))
    return path


def events(tape):
    """Kind, symbol, sequence and lots of each event."""
    table = tapeout.events(tape).read_all()
    rows = table.select(["kind", "symbol", "sequence", "lots"]).to_pylist()
    return [tuple(row.values()) for row in rows]


FEED = [add(1), add(2, 2), add(3, 2), add(4, 1), delete(2, 2), add(6, 3), add(7, 2)]


def test_a_gap_and_what_it_makes_stale_stand_in_the_event_stream(tmp_path):
    tape = tapeout.read(written(tmp_path / "x", FEED, lost={3}))
    assert events(tape) == [
        ("add", "SYM1", 1, 100),
        ("add", "SYM2", 2, 100),
        ("gap", None, 3, 1),
        ("stale", "SYM1", 4, 0),
        ("add", "SYM1", 4, 100),
        ("stale", "SYM2", 5, 0),
        ("delete", "SYM2", 5, 100),
        ("stale", "SYM3", 6, 0),
        ("add", "SYM3", 6, 100),
        ("add", "SYM2", 7, 100),
    ]
    assert tape.stale == {"SYM1": 3, "SYM2": 3, "SYM3": 3}


def test_an_instrument_not_touched_since_is_not_said_to_be_stale(tmp_path):
    books = tapeout.books(written(tmp_path / "x", FEED[:5], lost={4}))
    assert books.stale == {"SYM2": 4}
    assert tapeout.books(written(tmp_path / "y", FEED)).stale == {}


def test_what_is_malformed_names_no_instrument(tmp_path):
    odd = [b"", b"Z\0\x09 unknown", add(8, 9)[:-1], b"D"]
    tape = tapeout.read(written(tmp_path / "x", [*FEED[:3], *odd], lost={2}))
    tapeout.books(tape)
    assert tape.stale == {"SYM2": 2}


def test_a_snapshot_takes_over_behind_its_number(tmp_path):
    path = written(tmp_path / "x", FEED, lost={3})
    books = [add(1), add(3, 2), add(4)]
    tape = tapeout.read(path, snapshot=taken(tmp_path / "s", 5, books))
    got = events(tape)
    assert got[7:] == [
        ("recovered", "SYM1", 5, 0),
        ("add", "SYM1", 5, 100),
        ("add", "SYM1", 5, 100),
        ("recovered", "SYM2", 5, 0),
        ("add", "SYM2", 5, 100),
        ("add", "SYM3", 6, 100),
        ("add", "SYM2", 7, 100),
    ]
    assert tape.stale == {}
    found = tapeout.books(tapeout.read(path, snapshot=tmp_path / "s"))
    whole = tapeout.books(written(tmp_path / "whole", FEED))
    assert found.quotes().equals(whole.quotes())
    assert found.live_orders == whole.live_orders == 5


def test_quotes_tell_only_what_a_recovery_changed(tmp_path):
    path = written(tmp_path / "x", FEED, lost={3})
    snapped = taken(tmp_path / "s", 5, [add(1), add(3, 2), add(4)])
    quotes = [change.quotes.copy() for change in Replay(tapeout.read(path, snapshot=snapped))]
    rows = np.concatenate(quotes)[["sequence", "instrument", "bid_lots"]].tolist()
    # behind number 5 only SYM2 is another: its order 2 is gone, and 3 was lost
    assert rows == [(1, 1, 100), (2, 2, 100), (4, 1, 200), (5, 2, 0), (5, 2, 100), (6, 3, 100),
                    (7, 2, 200)]  # fmt: skip


def test_a_gap_that_the_snapshot_covers_in_part_goes_on_behind_it(tmp_path):
    path = written(tmp_path / "x", FEED, lost={3, 4, 5})
    tape = tapeout.read(path, snapshot=taken(tmp_path / "s", 4, [add(1), add(2, 2), add(3, 2)]))
    got = events(tape)
    assert [row for row in got if row[0] == "gap"] == [("gap", None, 3, 2), ("gap", None, 5, 1)]
    kinds = [row[0] for row in got]
    assert kinds.index("gap") < kinds.index("recovered") < kinds.index("gap", 4)
    assert tape.stale == {"SYM3": 5, "SYM2": 5}
    assert {f.fault: f.count for f in tape.findings} == {Fault.GAP: 3}


def test_a_late_joiner_begins_with_a_snapshot(tmp_path):
    path = written(tmp_path / "x", FEED, lost={1, 2, 3, 4})
    tape = tapeout.read(path, snapshot=taken(tmp_path / "s", 4, FEED[:4]))
    books = tapeout.books(tape)
    assert books.quotes().equals(tapeout.books(written(tmp_path / "y", FEED)).quotes())
    assert (tape.findings, tape.stale) == ([], {})


def test_what_a_late_joiner_lost_behind_the_snapshot_is_a_gap(tmp_path):
    path = written(tmp_path / "x", FEED, lost={1, 2, 3, 4})
    tape = tapeout.read(path, snapshot=taken(tmp_path / "s", 2, FEED[:2]))
    got = events(tape)
    assert got[:5] == [
        ("recovered", "SYM1", 2, 0),
        ("add", "SYM1", 2, 100),
        ("recovered", "SYM2", 2, 0),
        ("add", "SYM2", 2, 100),
        ("gap", None, 3, 2),
    ]
    assert {f.fault: f.count for f in tape.findings} == {Fault.GAP: 2}
    (session,) = tape.sessions
    assert (session.first, session.last, session.delivered, session.lost) == (3, 7, 3, 2)
    assert tape.stale == {"SYM2": 3, "SYM3": 3}


def test_a_snapshot_behind_the_last_message_ends_the_tape(tmp_path):
    path = written(tmp_path / "x", FEED, lost={3})
    tape = tapeout.read(path, snapshot=taken(tmp_path / "s", 99, [add(8, 4)]))
    books = tapeout.books(tape)
    assert (books.live_orders, books.stale) == (1, {})
    assert books.depth("SYM4").bids == [(10_000, 100)]


def test_a_snapshot_of_before_the_gap_recovers_nothing(tmp_path):
    path = written(tmp_path / "x", FEED, lost={5})
    tape = tapeout.read(path, snapshot=taken(tmp_path / "s", 3, FEED[:3]))
    assert tapeout.books(tape).stale == {"SYM3": 5, "SYM2": 5}


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (b"", r"snapshot must end with the number it was taken at \(G\); .*s does not"),
        (b"Gsoon", r"snapshot must be taken at a number; .*s says 'soon'"),
    ],
)
def test_a_snapshot_without_a_number_is_refused(tmp_path, end, message):
    path, made = written(tmp_path / "x", FEED), tmp_path / "s"
    made.write_bytes(binary_file([add(1), end] if end else [add(1)]))
    with pytest.raises(FeedError, match=message):
        tapeout.books(tapeout.read(path, snapshot=made))


def test_what_is_wrong_with_a_snapshot_is_found_there(tmp_path):
    path, made = written(tmp_path / "x", FEED, lost={3}), tmp_path / "s"
    taken(made, 5, [add(1), add(1), b"Znew"])
    tape = tapeout.read(path, snapshot=made)
    tapeout.books(tape)
    told = {f.fault: (f.count, f.path) for f in tape.findings}
    assert told[Fault.UNKNOWN_TYPE] == (1, made)
    assert told[Fault.REPEATED_REFERENCE] == (1, made)
    assert told[Fault.GAP] == (1, None)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A day whose packets are lost now and then, snapshots of it, and the exchange's books."""
    folder = tmp_path_factory.mktemp("crowd")
    crowd = Crowd(seed=4, messages=100_000, instruments=12)
    with (folder / "lossy.pcap").open("wb") as out, (folder / "clean.pcap").open("wb") as whole:
        taps = Tap(out, MIDNIGHT_NS), Tap(whole, MIDNIGHT_NS)
        for at, block in enumerate(crowd):
            times = MIDNIGHT_NS + block.times_ns
            firsts = taps[0].packed(block.starts, times)
            order = wire.disturbed(firsts.size - 1, at, lost=2 if at in (2, 3) else 0, late=5)
            taps[0].send(block.wire, block.starts, times, firsts, order)
            taps[1].send(block.wire, block.starts, times, firsts)
            known, sequence = crowd.oracle, taps[1].sequence - 1
            messages = snapshot(known.books, known.symbols, sequence, int(block.times_ns[-1]))
            (folder / f"{at}.soup").write_bytes(soup(messages))
            (folder / f"{at}.itch").write_bytes(binary_file(messages))
    return folder, crowd.oracle


@pytest.mark.parametrize("form", ["itch", "soup"])
def test_a_lossy_feed_and_a_snapshot_give_the_exchanges_own_books(crowd, form):
    folder, oracle = crowd
    lossy = tapeout.read(folder / "lossy.pcap")
    broken = tapeout.books(lossy)
    assert sum(gap.lost for gap in lossy.sessions) > 50
    assert set(broken.stale) == set(oracle.symbols)

    def differs(books):
        return sum(
            [list(side) for side in books.depth(locate, 10**6)]
            != [oracle.depth(locate, side) for side in (0, 1)]
            for locate in range(1, 13)
        )

    assert differs(broken) > 6
    recovered = tapeout.books(tapeout.read(folder / "lossy.pcap", snapshot=folder / f"4.{form}"))
    assert differs(recovered) == 0
    assert (recovered.stale, recovered.live_orders) == ({}, oracle.live)
    kinds = Counter(
        row
        for batch in tapeout.events(
            tapeout.read(folder / "lossy.pcap", snapshot=folder / f"4.{form}")
        )
        for row in batch["kind"].to_pylist()
    )
    assert kinds["gap"] > 5
    assert kinds["stale"] == kinds["recovered"] == 12


def test_a_snapshot_of_a_clean_feed_changes_no_book(crowd):
    folder, _ = crowd
    tape = tapeout.read(folder / "clean.pcap", snapshot=folder / "3.itch")
    quoted = [c.quotes.copy() for c in Replay(tape)]
    plain = [c.quotes.copy() for c in Replay(tapeout.read(folder / "clean.pcap"))]
    assert np.array_equal(np.concatenate(quoted), np.concatenate(plain))
    assert tape.findings == []


def test_the_commands_take_lines_retransmissions_and_a_snapshot(crowd, tmp_path):
    folder, _ = crowd
    lossy, clean, snapped = (folder / name for name in ("lossy.pcap", "clean.pcap", "4.soup"))

    def said(*words):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    whole = said("books", clean, "--levels", 2)
    assert said("books", lossy, "--levels", 2) != whole
    for option, file in (("line", clean), ("retransmitted", clean), ("snapshot", snapped)):
        assert said("books", lossy, "--levels", 2, f"--{option}", file) == whole
    out = tmp_path / "r.html"
    report = said("run", lossy, "--line", clean, "--paths", 1_000, "-o", out)
    assert "session TAPEOUT001: messages 1 to" in report
    assert "line 233.54.12.111 port 26477, VLAN 7 of clean.pcap: " in report
    report = said("run", lossy, "--paths", 1_000, "-o", out)
    assert "note: 12 books may be wrong since messages were lost (" in report


def test_no_file_that_is_read_is_written(tmp_path):
    day, other = tmp_path / "day.arrow", tmp_path / "b.arrow"
    for path in (day, other):
        path.write_bytes(b"not read")
    for option in ("--line", "--retransmitted", "--snapshot"):
        for name in ("events", "bars", "run"):
            done = CliRunner().invoke(app, [name, str(day), option, str(other), "-o", str(other)])
            assert f"must be another than {other}; got {other}" in str(done.exception)


@pytest.mark.parametrize("option", ["lines", "retransmitted", "snapshot"])
def test_any_flipped_byte_of_what_is_read_beside_is_treated_or_refused(tmp_path, option):
    """Nothing but `FeedError` leaves the reader; without one, the capture's own messages come."""
    path, beside = written(tmp_path / "x", FEED, lost={3}), tmp_path / "s"
    if option == "snapshot":
        raw = soup([*FEED[:4], b"G" + b"4".rjust(20)])
    else:
        raw = written(tmp_path / "whole", FEED).read_bytes()
    rng = np.random.default_rng(11)
    for at in rng.choice(len(raw), 60, replace=False):
        beside.write_bytes(raw[:at] + bytes([raw[at] ^ int(rng.integers(1, 256))]) + raw[at + 1 :])
        try:
            tape = tapeout.read(path, **{option: beside})
            books = tapeout.books(tape)
        except FeedError:
            continue
        assert tape.messages >= len(FEED) - 1
        assert (tape.stale == {}) or books.stale == tape.stale
