"""Captures of every kind are told by content; broken ones by what is wrong with them, and where."""

import datetime
import gzip
import os
import struct
import subprocess
import sys

import dpkt
import numpy as np
import pyarrow as pa
import pytest

import tapeout
from tapeout.errors import FeedError
from tapeout.feed.capture import CHUNK_BYTES
from tapeout.feed.tape import Tape
from tapeout.hdl.itch.model import encode
from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp.model import frame
from tapeout.sim import pcap

ADDS = [
    encode("A", stock_locate=n, timestamp=34_200 * 10**9 + n, order_reference=n, side="B",
           shares=100 * n, stock=f"SYM{n}", price=10_000 * n)
    for n in range(1, 6)
]  # fmt: skip
PAYLOADS = [frame(b"SESSION", n, [add]) for n, add in enumerate(ADDS, 1)]
ARRIVAL = 1_767_623_400_000_001_234  # 2026-01-05 09:30 in New York, and a bit


def classic(order="<", magic=0xA1B23C4D, tick=1, frames=None):
    """A pcap file of the five packets."""
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65_535, 1)
    for at, raw in enumerate(frames or map(pcap.frame, PAYLOADS)):
        seconds, ns = divmod(ARRIVAL + 1_000_000 * at, 10**9)
        out += struct.pack(f"{order}IIII", seconds, ns // tick, len(raw), len(raw)) + raw
    return out


def block(order, kind, body):
    size = 12 + len(body) + -len(body) % 4
    return (struct.pack(f"{order}II", kind, size) + body + bytes(-len(body) % 4)
            + struct.pack(f"{order}I", size))  # fmt: skip


def section(order="<", resolution=b"\x09", link=1, options=b""):
    """A section header, a name resolution block to skip, and an interface."""
    clock = struct.pack(f"{order}HHB3x", 9, 1, resolution[0]) if resolution else b""
    return (
        block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
        + block(order, 4, bytes(8))
        + block(order, 1, struct.pack(f"{order}HHI", link, 0, 0) + clock + options)
    )


def enhanced(order="<", ticks=lambda ns: ns, payloads=PAYLOADS, first=0):
    out = b""
    for at, payload in enumerate(payloads, first):
        raw, clock = pcap.frame(payload), ticks(ARRIVAL + 1_000_000 * at)
        out += block(order, 6, struct.pack(f"{order}IIIII", 0, clock >> 32, clock & 0xFFFFFFFF,
                                           len(raw), len(raw)) + raw)  # fmt: skip
    return out


def binary_file(messages=ADDS):
    return b"".join(len(message).to_bytes(2) + message for message in messages)


def micro(ns):
    return ns // 1_000


def binary(ns):
    return -(-(ns << 20) // 10**9)


PCAPS = {
    "pcap ns": classic(),
    "pcap ns big-endian": classic(">"),
    "pcap us": classic(magic=0xA1B2C3D4, tick=1_000),
    "pcap us big-endian": classic(">", magic=0xA1B2C3D4, tick=1_000),
    "pcapng ns": section() + enhanced(),
    "pcapng big-endian": section(">") + enhanced(">"),
    "pcapng us by default": section(resolution=b"") + enhanced(ticks=micro),
    "pcapng 2**-20 s": section(resolution=b"\x94") + enhanced(ticks=binary),
    "pcapng two sections": section() + enhanced(payloads=PAYLOADS[:2]) + section(">", b"\x06")
    + enhanced(">", micro, PAYLOADS[2:], 2),
}  # fmt: skip


def records_of(path, **options):
    tape = tapeout.read(path, **options)
    records = [block.copy() for block in tape.records()]
    return tape, np.concatenate(records) if records else np.zeros(0)


@pytest.mark.parametrize("kind", PCAPS)
@pytest.mark.parametrize("pack", ["plain", "gzip", "zstd", "two gzips"])
def test_every_container_gives_the_same_messages(tmp_path, kind, pack):
    raw, path = PCAPS[kind], tmp_path / "no telling name"
    half = len(raw) // 2
    packed = {
        "plain": lambda: raw,
        "gzip": lambda: gzip.compress(raw),
        "zstd": lambda: pa.Codec("zstd").compress(raw, asbytes=True),
        "two gzips": lambda: gzip.compress(raw[:half]) + gzip.compress(raw[half:]),
    }[pack]()
    path.write_bytes(packed)
    tape, records = records_of(path)
    assert tape.source.container == kind.partition(" ")[0]
    assert records["subject"].tolist() == [1, 2, 3, 4, 5]
    step = 1_000 if "us" in kind else 1
    arrivals = [(ARRIVAL + 1_000_000 * at) // step * step for at in range(5)]
    if "2**-20" in kind:
        assert np.abs(records["arrival_ns"].astype(int) - arrivals).max() < 1_000
    elif "two" not in kind:
        assert records["arrival_ns"].tolist() == arrivals
    assert tape.findings == []
    assert str(tape.date) == "2026-01-05"


def test_dpkt_reads_the_same_packets(tmp_path):
    for kind, reader in (("pcap ns", dpkt.pcap.Reader), ("pcapng ns", dpkt.pcapng.Reader)):
        path = tmp_path / "x"
        path.write_bytes(PCAPS[kind])
        with path.open("rb") as file:
            theirs = [dpkt.ethernet.Ethernet(raw).ip.udp.data for _, raw in reader(file)]
        assert theirs == PAYLOADS


def test_a_file_of_messages_counts_them_as_their_sequence(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(binary_file() + b"\0\0")
    tape, records = records_of(path)
    assert tape.source.container == "itch"
    assert records["sequence"].tolist() == [1, 2, 3, 4, 5]
    assert (tape.packets, tape.messages, tape.findings) == (0, 5, [])
    assert tape.directory == {n: f"SYM{n}" for n in range(1, 6)}


def test_a_zero_prefix_takes_the_length_of_the_type(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(binary_file(ADDS[:1]) + b"".join(b"\0\0" + add for add in ADDS[1:]))
    tape, records = records_of(path)
    assert records["subject"].tolist() == [1, 2, 3, 4, 5]
    (found,) = tape.findings
    assert str(found) == (
        "4 messages with a length prefix of zero (first at byte 40, message 2):"
        " length taken from the type"
    )


def test_unknown_types_are_skipped_by_their_length_and_counted(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(
        binary_file([ADDS[0], b"Znew message", ADDS[1][:-1], b"", ADDS[2]][:3] + ADDS[2:])
    )
    tape, records = records_of(path)
    assert records["subject"][records["flags"] == 1].tolist() == [1, 3, 4, 5]
    assert [(found.fault, found.count, found.message) for found in tape.findings] == [
        (Fault.UNKNOWN_TYPE, 1, 2),
        (Fault.WRONG_LENGTH, 1, 3),
    ]


def packets(*bodies):
    """SoupBinTCP packets."""
    return b"".join(len(body).to_bytes(2) + body for body in bodies)


def login(number, session=b"DAY1"):
    return b"A" + session.rjust(10) + str(number).rjust(20).encode()


def data(first, last):
    return [b"S" + add for add in ADDS[first - 1 : last]]


STREAMS = {
    "from a login": (packets(login(1), *data(1, 5), b"H", b"Z"), [1, 2, 3, 4, 5], []),
    "without a login": (packets(*data(1, 5)), [1, 2, 3, 4, 5], []),
    "with remarks": (packets(b"+hello", b"H", login(1), *data(1, 5)), [1, 2, 3, 4, 5], []),
    "with what is no feed": (
        packets(login(1), *data(1, 3), b"U\1", b"J!", *data(4, 5)), [1, 2, 3, 4, 5],
        [(Fault.FOREIGN_BLOCK, 2)],
    ),
    "in mid-session": (packets(login(3), *data(3, 5)), [3, 4, 5], []),
    "logged in again": (
        packets(login(1), *data(1, 3), login(2), *data(2, 5)), [1, 2, 3, 4, 5],
        [(Fault.REPEATED, 2)],
    ),
    "logged in ahead": (
        packets(login(1), *data(1, 2), login(4), *data(4, 5)), [1, 2, 4, 5], [(Fault.GAP, 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_soupbintcp_stream_is_numbered_from_its_login(tmp_path, kind, pack):
    raw, numbers, faults = STREAMS[kind]
    path = tmp_path / "x"
    path.write_bytes(pack(raw))
    tape, records = records_of(path)
    assert tape.source.container == "soup"
    assert records["sequence"].tolist() == records["subject"].tolist() == numbers
    assert [(found.fault, found.count) for found in tape.findings] == faults
    (session,) = tape.sessions
    assert session.id == ("" if "without" in kind else "DAY1")
    assert (session.first, session.last) == (numbers[0], 5)
    assert session.delivered + session.lost == session.last - session.first + 1
    assert session.heartbeats == raw.count(b"\0\1H")
    assert session.ended == (b"\0\1Z" in raw)


def test_where_a_stream_jumps_is_a_mark_and_two_sessions_are_none(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(STREAMS["logged in ahead"][0])
    marks = [mark for stretch in tapeout.read(path).stretches() for mark in stretch.marks]
    assert [(mark.session, mark.sequence, mark.count, mark.at) for mark in marks] == [
        ("DAY1", 3, 1, 2)
    ]
    path.write_bytes(packets(login(1), *data(1, 2), login(1, b"DAY2")))
    with pytest.raises(FeedError, match="must hold one session; at byte 111 'DAY2' follows 'DAY1'"):
        records_of(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold a capture; it is empty"),
        (b"\0\0\0\0\0", "must be pcap, pcapng, SoupBinTCP or length-prefixed ITCH 5.0, plain, gz"
                         " or zst; it begins with 00 00 00 00 00"),
        (b"date,close\n", "begins with 64 61 74 65 2c 63 6c 6f"),
        (classic()[:20], "ends inside its 24 byte file header"),
        (classic()[:20] + b"\x65\0\0\0" + classic()[24:], r"its link type is raw IP \(101\)"),
        (section(link=113) + enhanced(), r"its link type is Linux cooked \(113\)"),
        (classic() + bytes(8) + b"\xff" * 4 + bytes(4), "packet 6 at byte 624 has an impos"),
        (section() + block("<", 3, bytes(20)), "76 stands a simple packet block, which has"),
        (section() + block("<", 6, bytes(8)), "packet 1 at byte 76 has an impossible header"),
        (section(resolution=b"\x0c"), "counts time finer than 1 ns at byte 48"),
        (section(options=struct.pack("<HHq", 14, 8, 5)), "shifts its clock"),
        (section() + struct.pack("<III", 1, 1 << 30, 0), "of 1,073,741,824 bytes at byte 76"),
        (section()[:8] + b"nope" + section()[12:], "has a section without byte order"),
        (packets(login(1), *data(1, 2), b"!"), "packet 3 at byte 111 has an impossible header: 00"),
        (packets(login("soon")), "has a login that is none at byte 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path, content, message):
    path = tmp_path / "broken"
    path.write_bytes(content)
    with pytest.raises(FeedError, match=f"broken.*{message}"):
        records_of(path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(FeedError, match=r"nowhere\.pcap cannot be read: No such file"):
        tapeout.read(tmp_path / "nowhere.pcap")


@pytest.mark.parametrize(("cut", "whole"), [(1, 4), (100, 4), (200, 3)])
@pytest.mark.parametrize("kind", ["pcap ns", "pcapng ns"])
def test_a_capture_cut_short_gives_its_whole_packets(tmp_path, kind, cut, whole):
    path = tmp_path / "x"
    path.write_bytes(PCAPS[kind][:-cut])
    tape, records = records_of(path)
    assert records["subject"].tolist() == list(range(1, whole + 1))
    (found,) = tape.findings
    assert found.fault == Fault.TRUNCATED
    assert found.byte + found.count == len(PCAPS[kind]) - cut
    with pytest.raises(FeedError, match="bytes after the last whole message"):
        records_of(path, strict=True)


def test_a_compressed_stream_cut_short_is_counted(tmp_path):
    path = tmp_path / "x"
    raw = classic(frames=[pcap.frame(frame(b"S", n, [add])) for n, add in enumerate(ADDS * 999, 1)])
    path.write_bytes(gzip.compress(raw, 0)[:300_000])
    tape, records = records_of(path)
    assert 1_000 < records.size < 2_400
    assert tape.findings[-1].fault == Fault.TRUNCATED


def test_a_corrupt_compressed_stream_is_an_error(tmp_path):
    path = tmp_path / "x"
    raw = gzip.compress(classic())
    path.write_bytes(raw[:-8] + b"wrong" + raw[-3:])
    with pytest.raises(FeedError, match=r"must be intact gzip; after [\d,]+ bytes it is not"):
        records_of(path)


def test_a_frame_cut_by_the_tap_keeps_what_is_whole(tmp_path):
    two = pcap.frame(frame(b"S", 1, ADDS[:2]))
    cut = struct.pack("<IIII", 1, 2, len(two) - 5, len(two)) + two[:-5]
    path = tmp_path / "x"
    sound = pcap.record(1, pcap.frame(frame(b"S", 1, [])))
    path.write_bytes(pcap.file_header() + sound + cut)
    tape, records = records_of(path)
    assert records["subject"].tolist() == [1]
    assert {found.fault for found in tape.findings} == {Fault.SHORT_CAPTURE, Fault.NOT_MOLDUDP64}


def test_a_symbol_that_never_comes_is_an_error_with_its_neighbours(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(binary_file())
    _, records = records_of(path, symbols=["sym3"])
    assert records["subject"].tolist() == [3]
    with pytest.raises(tapeout.DataError, match=r"'SYM33' is not \(it has 5, such as SYM3"):
        records_of(path, symbols=["SYM33"])


def test_a_symbol_and_a_date_come_as_they_are_written(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(binary_file())
    day = datetime.date(2019, 12, 30)
    for date in ("2019-12-30", day):
        tape = tapeout.read(path, symbols="SYM3", date=date)
        assert [int(r) for block in tape.records() for r in block["subject"]] == [3]
        assert tape.date == day
    with pytest.raises(tapeout.DataError, match="date must be like 2019-12-30; got '2019-13-01'"):
        tapeout.read(path, date="2019-13-01")


def test_a_pipe_is_refused_by_name(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FeedError, match="pipe must be a file on disk, which can be read more than"):
        tapeout.read(pipe)


def test_what_stands_behind_the_end_of_a_session_is_counted_in_bounded_memory(tmp_path):
    path = tmp_path / "x"
    whole = binary_file()
    path.write_bytes(whole + b"\0\0" + bytes(5_000_000))
    tape = Tape(path, chunk_bytes=4_096)
    largest = max(stretch.wire.size for stretch in tape.stretches())
    (found,) = tape.findings
    assert (found.fault, found.count, found.byte) == (Fault.TRUNCATED, 5_000_002, len(whole))
    assert largest < 20_000


def test_a_tape_is_read_once(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(binary_file())
    tape, _ = records_of(path)
    with pytest.raises(FeedError, match="can be read once from one Tape: open it again"):
        list(tape.records())


FILES = PCAPS | {"soup": STREAMS["from a login"][0]}


@pytest.mark.parametrize("kind", FILES)
def test_any_flipped_byte_is_treated_or_refused(tmp_path, kind):
    """Nothing but `FeedError` leaves the reader, whatever byte is wrong."""
    raw, path = FILES[kind], tmp_path / "x"
    rng = np.random.default_rng(7)
    for at in rng.choice(len(raw), 60, replace=False):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ int(rng.integers(1, 256))]) + raw[at + 1 :])
        try:
            tape, records = records_of(path)
        except FeedError:
            continue
        else:
            assert records.size + sum(found.count for found in tape.findings) >= 5


MEASURE = """
import resource, sys
from pathlib import Path
from tapeout.feed.capture import CHUNK_BYTES
from tapeout.feed.tape import Tape

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10

def read(path):
    lines = [Path(path)] * int(copies)
    return sum(r.size for r in Tape(Path(path), lines=lines, chunk_bytes=int(chunk)).records())

small, large, chunk, copies = sys.argv[1:]
read(small)
before = peak()
print(read(large), peak() - before)
"""


def growth(*words):
    """How many messages the second file has, and how many bytes more its reading took."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", MEASURE, *map(str, words)], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return tuple(map(int, done.stdout.split()))


@pytest.mark.parametrize("pack", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("kind", ["itch", "soup"])
def test_a_file_of_a_day_is_read_in_bounded_memory(tmp_path, kind, pack):
    """Twenty-four times the block that is read at once; the memory of six is enough."""
    message = b"S" * (kind == "soup") + ADDS[0]
    piece, most = packets(message) * (100_000 // len(message)), 6 * CHUNK_BYTES
    many = 24 * CHUNK_BYTES // len(piece)
    paths = tmp_path / "small", tmp_path / "large"
    for path, times in zip(paths, (2 * CHUNK_BYTES // len(piece), many), strict=True):
        with pa.CompressedOutputStream(path, pack) if pack != "plain" else path.open("wb") as out:
            for _ in range(times):
                out.write(piece)
    count, more = growth(*paths, CHUNK_BYTES, 0)
    assert count == many * (100_000 // len(message))
    assert more < most < many * len(piece) / 3


def test_two_lines_are_merged_in_bounded_memory(tmp_path):
    chunk, paths = 1 << 20, (tmp_path / "small", tmp_path / "large")
    for path, size in zip(paths, (2 * chunk, 32 * chunk), strict=True):
        count = size // len(pcap.record(0, pcap.frame(frame(b"S", 1, ADDS * 7))))
        payloads = (frame(b"S", 1 + 35 * n, ADDS * 7) for n in range(count))
        path.write_bytes(pcap.capture_file(payloads))
    messages, more = growth(*paths, chunk, 1)
    assert messages == 35 * count
    assert more < 10 * chunk < paths[1].stat().st_size / 3
