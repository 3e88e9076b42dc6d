"""Best quotes straight from the wire are those by way of records, and so is all that is told."""

import gzip
import struct

import numpy as np
import pyarrow as pa
import pytest

import tapeout
from tapeout.errors import FeedError
from tapeout.feed import replay
from tapeout.feed.tape import Tape
from tapeout.hdl.itch.model import encode
from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp.model import frame
from tapeout.kernels.tape.record import QUOTE_DTYPE
from tapeout.sim import pcap, wire
from tapeout.sim.exchange.glimpse import soup

SESSION = b"TESTING001"
TOLD = ("findings", "stale", "directory", "lines", "sessions", "packets", "messages", "date")
BROKEN = {
    Fault.UNKNOWN_TYPE,
    Fault.WRONG_LENGTH,
    Fault.TIME_BACKWARDS,
    Fault.UNKNOWN_REFERENCE,
    Fault.TOO_MANY_SHARES,
    Fault.BAD_SIDE,
    Fault.WRONG_INSTRUMENT,
    Fault.CROSSED,
}
EX = "ex20101224.TEST_ITCH_50.gz"


def hold_told(tape, other):
    """Whether both readers of one capture say the same about it."""
    for name in TOLD:
        assert getattr(other, name) == getattr(tape, name), name
    assert other.types.tolist() == tape.types.tolist()


def hold_same(opened):
    """The rows of each stretch by both ways, byte for byte; all of them, and what was wrong."""
    tape, other = opened(), opened()
    want = [change.quotes.copy() for change in replay.Replay(tape)]
    got = [rows.copy() for rows in replay.folded_quotes(other)]
    assert [rows.tobytes() for rows in got] == [rows.tobytes() for rows in want]
    hold_told(tape, other)
    return np.concatenate(want), {finding.fault: finding.count for finding in tape.findings}


@pytest.fixture(scope="module")
def day(capture):
    """The first messages of a simulated day."""
    found = []
    for stretch in tapeout.read(capture[0]).stretches(records=False):
        for start, length in stretch.messages[["start", "length"]].tolist():
            found.append(stretch.wire[start : start + length].tobytes())
    return found[:8_000]


def broken(messages, seed, odd):
    """Messages with one byte in 150 another, but not their types; and some of `odd` among them."""
    random, found = np.random.default_rng(seed), messages[:5]
    for message in messages[5:]:
        raw = np.frombuffer(message, np.uint8).copy()
        flips = 1 + np.flatnonzero(random.random(raw.size - 1) < 1 / 150)
        raw[flips] = random.integers(0, 256, flips.size)
        if random.random() < 0.01:
            found.append(odd[random.integers(len(odd))])
        found.append(raw.tobytes())
    return found


def datagrams(messages):
    """MoldUDP64 packets of one message to six."""
    at, found, random = 0, [], np.random.default_rng(1)
    while at < len(messages):
        count = int(random.integers(1, 7))
        found.append(frame(SESSION, at + 1, messages[at : at + count]))
        at += count
    return found


def pcapng(messages):
    def block(kind, body):
        padded = body + bytes(-len(body) % 4)
        size = struct.pack("<I", 12 + len(padded))
        return struct.pack("<I", kind) + size + padded + size

    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHB3x", 9, 1, 9))
    for at, payload in enumerate(datagrams(messages)):
        raw, clock = pcap.frame(payload), pcap.START_NS + 1_000 * at
        head = struct.pack("<IIIII", 0, clock >> 32, clock & 0xFFFFFFFF, len(raw), len(raw))
        out += block(6, head + raw)
    return out


def bare(messages):
    return b"".join(len(message).to_bytes(2) + message for message in messages)


CONTAINERS = {
    "pcap": lambda messages: pcap.capture_file(datagrams(messages)),
    "pcapng": pcapng,
    "bare": bare,
    "bare and packed": lambda messages: gzip.compress(bare(messages)),
}


@pytest.mark.parametrize("chunk", [1 << 12, 1 << 22])
@pytest.mark.parametrize("kind", CONTAINERS)
def test_every_container_gives_the_same_quotes(day, tmp_path, kind, chunk):
    path = tmp_path / "x"
    path.write_bytes(CONTAINERS[kind](day))
    rows, faults = hold_same(lambda: Tape(path, chunk_bytes=chunk))
    assert rows.size > 2_000
    assert faults == {}
    assert (rows["arrival_ns"] > 0).all() == ("pcap" in kind)


@pytest.mark.parametrize("kind", ["pcap", "bare"])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_wrong_with_the_messages(day, tmp_path, kind, seed):
    odd = [b"Znew", b"Dabcd", *([b""] if kind == "pcap" else [])]
    path = tmp_path / "x"
    path.write_bytes(CONTAINERS[kind](broken(day, seed, odd))[:-5])
    rows, faults = hold_same(lambda: Tape(path, chunk_bytes=1 << 15))
    assert rows.size > 500
    assert set(faults) >= BROKEN


def test_lengths_of_zero_are_told_by_the_type(day, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bare(day[:1_000]) + b"".join(b"\0\0" + message for message in day[1_000:]))
    rows, faults = hold_same(lambda: Tape(path, chunk_bytes=1 << 13))
    assert rows.size > 2_000
    assert faults == {Fault.ZERO_PREFIX: 7_000}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("again", [False, True], ids=["lost", "sent again"])
def test_whatever_the_lines_did(day, tmp_path, seed, again):
    """Two lines that lose, repeat and delay packets, and fail for a while; some are sent again."""
    sent, paths = datagrams(day), []
    for line, order in enumerate(
        wire.lines(len(sent), seed, lost=100, repeated=50, late=100, failed=700)
    ):
        payloads = [sent[at] for at in order]
        paths.append(tmp_path / f"{line}.pcap")
        paths[-1].write_bytes(pcap.capture_file(payloads))
    (tmp_path / "again.pcap").write_bytes(pcap.capture_file(sent[::3]))
    held = tmp_path / "again.pcap" if again else ()
    rows, faults = hold_same(lambda: tapeout.read(paths[0], lines=paths[1], retransmitted=held))
    assert rows.size > 500
    assert {Fault.GAP, Fault.REPEATED, Fault.UNKNOWN_REFERENCE} <= set(faults)
    assert (Fault.FILLED in faults) == again
    books, folded = (
        build(tapeout.read(paths[0], lines=paths[1], retransmitted=held))
        for build in (tapeout.books, replay.folded_books)
    )
    assert folded.digests().equals(books.digests())
    assert folded.stale == books.stale != {}


def stopped(quotes):
    """The rows before a reader stopped, and what it said."""
    rows = []
    try:
        for found in quotes:
            rows += found.tolist()
    except FeedError as said:
        return rows, str(said)
    return rows, None


def test_strict_readers_stop_at_one_place(day, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bare([*day[:3_000], encode("D", order_reference=999_999_999), *day[3_000:]]))
    opened = lambda: Tape(path, strict=True, chunk_bytes=1 << 14)  # noqa: E731
    want = stopped(change.quotes for change in replay.Replay(opened()))
    assert stopped(replay.folded_quotes(opened())) == want
    assert len(want[0]) > 500
    assert "message 3,001" in want[1]


def test_the_public_stream_is_the_same_table(capture, monkeypatch):
    want = tapeout.quotes(capture[0]).read_all()
    monkeypatch.setattr(replay, "LARGE", 0)
    monkeypatch.setattr(replay, "Replay", None)  # nobody goes by way of records
    got = tapeout.quotes(capture[0]).read_all()
    assert got.equals(want)
    assert got.num_rows > 5_000
    assert isinstance(got["symbol"][0], pa.StringScalar)


def test_what_the_fold_cannot_read_goes_by_way_of_records(day, capture, tmp_path, monkeypatch):
    path, stream, snapped = capture[0], tmp_path / "x.soup", tmp_path / "s"
    stream.write_bytes(soup(day))
    snapped.write_bytes(bare([day[2], b"G" + b"1".rjust(20)]))
    assert not replay.folds(tapeout.read(path))  # too small
    monkeypatch.setattr(replay, "LARGE", 0)
    assert replay.folds(tapeout.read(path))
    assert not replay.folds(tapeout.read(path, symbols=capture[1].symbols[0]))
    assert not replay.folds(tapeout.read(path, snapshot=snapped))
    assert not replay.folds(tapeout.read(stream))
    assert tapeout.quotes(stream).read_all().num_rows > 2_000


def test_nothing_gives_no_quotes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bare([encode("S", event_code="O")]))
    rows, faults = hold_same(lambda: Tape(path))
    assert (rows.size, rows.dtype, faults) == (0, QUOTE_DTYPE, {})


@pytest.mark.parametrize("kind", ["pcap", "bare"])
def test_a_reader_without_records_is_told_the_same(day, tmp_path, kind):
    path = tmp_path / "x"
    path.write_bytes(CONTAINERS[kind](broken(day, 9, [b"Znew", b"Dabcd"]))[:-5])
    tape, other = Tape(path, chunk_bytes=1 << 14), Tape(path, chunk_bytes=1 << 14)
    count = 0
    for whole, bare_one in zip(tape.stretches(), other.stretches(records=False), strict=True):
        assert bare_one.messages.tobytes() == whole.messages.tobytes()
        assert bare_one.records.size == 0
        count += whole.records.size
        hold_told(tape, other)
    assert count == tape.messages > 8_000
    assert {Fault.UNKNOWN_TYPE, Fault.WRONG_LENGTH} <= {one.fault for one in tape.findings}


@pytest.mark.parametrize("name", ["aapl_20120621_from_lobster.itch.gz", EX])
def test_real_files_have_the_same_quotes(data, name):
    rows, _ = hold_same(lambda: tapeout.read(data / "itch" / name))
    assert rows.size > 300


def test_real_captures_have_the_same_quotes(data):
    paths = sorted((data / "itch" / "pcap").rglob("*.pcap"))
    assert len(paths) > 30
    for path in paths:
        hold_same(lambda path=path: tapeout.read(path))
