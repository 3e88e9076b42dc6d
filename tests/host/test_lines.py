"""Line arbitration: both lines of a feed are one, and every message on either is accounted for."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tapeout
from tapeout.errors import FeedError
from tapeout.feed.tape import Tape
from tapeout.hdl.itch.model import encode
from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp.model import frame
from tapeout.sim import pcap
from tapeout.sim.wire import lines

SESSION = b"TESTING001"
GROUPS = bytes((233, 54, 12, 111)), bytes((233, 49, 196, 111))
SECOND = 1_000_000_000


def message(number):
    return encode("D", timestamp=number, stock_locate=1 + number % 5, order_reference=number)


def packet(sequence, count=3):
    return frame(SESSION, sequence, [message(n) for n in range(sequence, sequence + count)])


def written(path, stamped, group=0):
    """A capture of (arrival_ns, payload), in the order given."""
    records = [
        pcap.record(pcap.START_NS + at, pcap.frame(payload, group=GROUPS[group]))
        for at, payload in stamped
    ]
    path.write_bytes(pcap.file_header() + b"".join(records))
    return path


def delivered(tape):
    parts = [stretch.records["subject"].astype(int) for stretch in tape.stretches()]
    return np.concatenate([np.zeros(0, int), *parts]).tolist()


def found(tape, fault):
    return next((finding.count for finding in tape.findings if finding.fault == fault), 0)


def two_lines(folder, packets, orders, latency_ns=700, step_ns=1_000):
    """Both captures of packets that arrive in `orders`; the second line is the slower one."""
    paths = []
    for line, order in enumerate(orders):
        clock = np.maximum.accumulate(step_ns * np.asarray([*order, 0]))[:-1]
        stamped = [
            (int(at) + line * latency_ns, packets[n]) for at, n in zip(clock, order, strict=True)
        ]
        paths.append(written(folder / f"{'ab'[line]}.pcap", stamped, line))
    return paths


def test_two_captures_are_merged_by_arrival_and_each_message_comes_once(tmp_path):
    packets = [packet(n) for n in range(1, 300, 3)]
    a, b = two_lines(tmp_path, packets, [range(100), range(100)])
    tape = tapeout.read(a, lines=b)
    assert delivered(tape) == list(range(1, 301))
    first, second = tape.lines
    assert (first.capture, first.address, first.port) == (a, "233.54.12.111", 26_477)
    assert (first.vlan, first.session) == (7, "TESTING001")
    assert (first.packets, first.messages, first.delivered, first.repeated) == (100, 300, 300, 0)
    assert (second.address, second.delivered, second.repeated) == ("233.49.196.111", 0, 300)
    assert (first.gaps, second.gaps, first.first, second.last) == (0, 0, 1, 300)
    (session,) = tape.sessions
    assert (session.first, session.last, session.delivered, session.lost) == (1, 300, 300, 0)
    assert [finding.fault for finding in tape.findings] == [Fault.REPEATED]


def test_what_one_line_lost_the_other_has(tmp_path):
    packets = [packet(n) for n in range(1, 60, 3)]
    orders = [[n for n in range(20) if n % 3], [n for n in range(20) if n % 3 != 1]]
    a, b = two_lines(tmp_path, packets, orders)
    tape = tapeout.read(a, lines=[b])
    assert delivered(tape) == list(range(1, 61))
    assert found(tape, Fault.GAP) == 0
    assert [(line.gaps, line.skipped) for line in tape.lines] == [(6, 18), (6, 18)]
    assert [line.delivered for line in tape.lines] == [39, 21]


def test_heartbeats_and_the_end_of_a_session_are_counted_and_are_no_fault(tmp_path):
    end = SESSION + (4).to_bytes(8) + b"\xff\xff"
    stamped = [(0, packet(1)), (1, frame(SESSION, 4, [])), (2, frame(SESSION, 4, [])), (3, end)]
    tape = tapeout.read(written(tmp_path / "x.pcap", stamped), strict=True)
    assert delivered(tape) == [1, 2, 3]
    (session,) = tape.sessions
    assert (session.heartbeats, session.ended, tape.lines[0].ends) == (2, True, 1)
    assert str(session) == ("TESTING001: messages 1 to 3, 3 delivered, 0 lost, 2 heartbeats, ended")
    assert tape.findings == []


def test_a_line_that_ends_early_is_reported(tmp_path):
    packets = [packet(n) for n in range(1, 60, 3)]
    a, b = two_lines(tmp_path, packets, [range(6), range(20)], step_ns=SECOND)
    tape = tapeout.read(a, lines=b)
    assert delivered(tape) == list(range(1, 61))
    assert [line.silences for line in tape.lines] == [1, 0]
    (silent,) = (finding for finding in tape.findings if finding.fault == Fault.SILENT_LINE)
    assert "1 silences of a line while another spoke" in str(silent)


def test_a_line_that_comes_back_was_silent_once(tmp_path):
    packets = [packet(n) for n in range(1, 60, 3)]
    orders = [[*range(5), *range(12, 20)], range(20)]
    a, b = two_lines(tmp_path, packets, orders, step_ns=SECOND)
    tape = tapeout.read(a, lines=b)
    assert delivered(tape) == list(range(1, 61))
    assert [line.silences for line in tape.lines] == [1, 0]


def test_a_quiet_market_silences_no_line(tmp_path):
    packets = [packet(n) for n in range(1, 60, 3)]
    a, b = two_lines(tmp_path, packets, [range(20), range(20)], step_ns=60 * SECOND)
    tape = tapeout.read(a, lines=b)
    assert delivered(tape) == list(range(1, 61))
    assert [line.silences for line in tape.lines] == [0, 0]


def test_retransmitted_packets_fill_gaps_whatever_their_stamps(tmp_path):
    packets = [packet(n) for n in range(1, 60, 3)]
    a = written(tmp_path / "a.pcap", [(n, packets[n]) for n in range(20) if n not in (4, 5, 11)])
    sent = [(10**12, packets[11]), (0, packet(14, 4)), (1, packet(900))]
    again = written(tmp_path / "again.pcap", sent)
    tape = tapeout.read(a, retransmitted=again)
    got = [(s.records["subject"].tolist(), s.gaps) for s in tape.stretches() if s.gaps]
    assert got[0][0] == [n for n in range(1, 61) if n not in (13, 18)]
    assert [(gap.sequence, gap.count, gap.at) for gap in got[0][1]] == [(13, 1, 12), (18, 1, 16)]
    assert (found(tape, Fault.FILLED), found(tape, Fault.GAP)) == (7, 2)
    (session,) = tape.sessions
    assert (session.delivered, session.retransmitted, session.lost) == (58, 7, 2)


def test_a_gap_says_where_it_is(tmp_path):
    stamped = [(0, packet(1)), (5, packet(10)), (9, packet(13)), (12, packet(30))]
    tape = tapeout.read(written(tmp_path / "x.pcap", stamped))
    (stretch,) = (stretch for stretch in tape.stretches() if stretch.gaps)
    assert [(g.session, g.sequence, g.count, g.at, g.packet) for g in stretch.gaps] == [
        ("TESTING001", 4, 6, 3, 2),
        ("TESTING001", 16, 14, 9, 4),
    ]
    assert [gap.arrival_ns - pcap.START_NS for gap in stretch.gaps] == [5, 12]


def test_lines_of_one_capture_are_told_by_their_group(tmp_path):
    frames = [pcap.frame(packet(n), group=group) for n in (1, 4, 7) for group in GROUPS]
    path = tmp_path / "both.pcap"
    records = [pcap.record(pcap.START_NS + at, raw) for at, raw in enumerate(frames)]
    path.write_bytes(pcap.file_header() + b"".join(records))
    tape = tapeout.read(path)
    assert delivered(tape) == list(range(1, 10))
    assert [(line.address, line.delivered) for line in tape.lines] == [
        ("233.54.12.111", 9),
        ("233.49.196.111", 0),
    ]


def test_lines_of_ipv6_stand_beside_lines_of_ipv4(tmp_path):
    group = bytes.fromhex("ff3e0000000000000000000012345678")
    frames = [pcap.frame(packet(n), group=to) for n in (1, 4) for to in (group, GROUPS[0])]
    path = tmp_path / "both.pcap"
    records = [pcap.record(pcap.START_NS + at, raw) for at, raw in enumerate(frames)]
    path.write_bytes(pcap.file_header() + b"".join(records))
    tape = tapeout.read(path, strict=True)
    assert delivered(tape) == list(range(1, 7))
    assert [(line.address, line.delivered, line.repeated) for line in tape.lines] == [
        ("ff3e::1234:5678", 6, 0),
        ("233.54.12.111", 0, 6),
    ]


def test_the_sixty_fifth_line_shares_the_last_row(tmp_path):
    frames = [pcap.frame(packet(1), group=bytes((233, 0, 0, n))) for n in range(70)]
    path = tmp_path / "many.pcap"
    records = [pcap.record(pcap.START_NS + at, raw) for at, raw in enumerate(frames)]
    path.write_bytes(pcap.file_header() + b"".join(records))
    tape = tapeout.read(path)
    assert delivered(tape) == [1, 2, 3]
    assert [line.messages for line in tape.lines] == [3] * 63 + [21]


def test_a_fault_names_the_capture_it_was_met_in(tmp_path):
    a = written(tmp_path / "a.pcap", [(n, packet(1 + 3 * n)) for n in range(10)])
    b = written(tmp_path / "b.pcap", [(5, packet(1)), (6, b"no feed at all, but long enough")], 1)
    tape = tapeout.read(a, lines=b)
    assert delivered(tape) == list(range(1, 31))
    (misfit,) = (finding for finding in tape.findings if finding.fault == Fault.NOT_MOLDUDP64)
    assert misfit.path == b
    assert misfit.packet == 2
    assert f"(first at packet 2, byte {misfit.byte:,} of {b})" in str(misfit)
    assert b.read_bytes()[misfit.byte :].startswith((b"no feed", b"\0" * 12))


def test_a_line_must_be_a_capture_of_packets(tmp_path):
    a = written(tmp_path / "a.pcap", [(0, packet(1))])
    bare = tmp_path / "bare"
    bare.write_bytes(b"".join(len(message(n)).to_bytes(2) + message(n) for n in range(3)))
    for name in ("lines", "retransmitted"):
        with pytest.raises(FeedError, match=f"{name} must be a capture of packets; .*bare holds b"):
            delivered(tapeout.read(a, **{name: bare}))
        with pytest.raises(FeedError, match=r"path must be a capture of packets; .*bare holds b"):
            tapeout.read(bare, **{name: a})


@pytest.mark.parametrize("chunk", [700, 4_096])
def test_two_captures_are_the_same_in_blocks_of_any_size(tmp_path, chunk):
    packets = [packet(n, 2) for n in range(1, 4_001, 2)]
    orders = lines(len(packets), 5, lost=30, repeated=20, late=40, failed=200)
    a, b = two_lines(tmp_path, packets, orders)
    whole, small = Tape(a, lines=[b]), Tape(a, lines=[b], chunk_bytes=chunk)
    assert delivered(small) == delivered(whole)
    assert small.lines == whole.lines
    assert small.sessions == whole.sessions
    assert [str(one) for one in small.findings] == [str(one) for one in whole.findings]
    assert small.packets == sum(len(order) for order in orders)


DISTURBED = st.fixed_dictionaries(
    {
        "lost": st.integers(0, 300),
        "repeated": st.integers(0, 200),
        "late": st.integers(0, 300),
        "failed": st.sampled_from([0, 0, 100, 500, 1_000]),
    }
)
NOTHING = {"lost": 0, "repeated": 0, "late": 0, "failed": 0}
STRAY = b"no feed, but a datagram"


def carried(payloads, wild, far):
    """What a line carries: some numbers are wrong by one bit, some packets late beyond the window.

    The window counts datagrams, so as many strays stand between.
    """
    payloads, late = list(payloads), []
    for at in wild:
        if at < len(payloads):
            payloads[at] = payloads[at][:11] + b"\4" + payloads[at][12:]
    for at in sorted(set(far), reverse=True):
        if at < len(payloads):
            late.append(payloads.pop(at))
    return [*payloads, *([STRAY] * 1_100 + late if late else [])]


@given(
    seed=st.integers(0, 2**32), disturbance=DISTURBED, packets=st.integers(1, 120),
    wild=st.lists(st.integers(0, 119), max_size=3), far=st.lists(st.integers(0, 119), max_size=2),
    held=st.integers(0, 3),
)  # fmt: skip
@example(seed=0, disturbance=NOTHING, packets=1, wild=[], far=[], held=0)
@example(seed=0, disturbance=NOTHING, packets=9, wild=[8], far=[], held=0)
@example(seed=0, disturbance=NOTHING, packets=9, wild=[0], far=[1, 5], held=1)
@example(seed=3, disturbance=NOTHING | {"failed": 1_000}, packets=9, wild=[], far=[], held=0)
def test_no_message_is_lost_in_silence(
    tmp_path_factory, seed, disturbance, packets, wild, far, held
):
    """Whatever the lines do, and whatever was sent again:

    - delivered + unrecovered = all numbers from a session's first to its last, each once, in order;
    - of each line, first + repeated + dropped = every message that came on it;
    - first on the lines + filled from the retransmitted = delivered.
    """
    folder = tmp_path_factory.mktemp("lines")
    sent = [packet(1 + 3 * n) for n in range(packets)]
    paths, came = [], []
    for line, order in enumerate(lines(packets, seed, **disturbance)):
        payloads = carried([sent[n] for n in order], wild[line:2], far if line else far[:1])
        came.append(3 * (len(payloads) - payloads.count(STRAY)))
        stamped = enumerate(payloads)
        paths.append(written(folder / f"{line}", [(2 * at + line, p) for at, p in stamped], line))
    again = [(0, sent[n]) for n in range(packets) if n % 4 < held]
    tape = Tape(paths[0], lines=[paths[1]], retransmitted=[written(folder / "again", again)])
    pieces = []
    for stretch in tape.stretches():
        at = 0
        for gap in stretch.gaps:
            pieces += [(n, 1) for n in stretch.records["sequence"][at : gap.at].tolist()]
            pieces.append((gap.sequence, gap.count))
            at = gap.at
        pieces += [(n, 1) for n in stretch.records["sequence"][at:].tolist()]
    for (number, count), (behind, _) in itertools.pairwise(pieces):
        assert number + count == behind
    assert sum(count for _, count in pieces) == sum(
        session.last - session.first + 1 for session in tape.sessions
    )
    for session in tape.sessions:
        assert session.delivered + session.lost == session.last - session.first + 1
    got = tape.messages
    if not wild and not far:  # the window holds the captures: what can be had is had
        began = {n for line in range(2) for n in lines(packets, seed, **disturbance)[line].tolist()}
        known = range(min(began), max(began) + 1) if began else ()
        lost = [n for n in known if n not in began and n % 4 >= held]
        unknown = packets - len(known)  # before the first or behind the last that came
        assert (got, found(tape, Fault.GAP)) == (3 * (len(known) - len(lost)), 3 * len(lost))
        assert got + found(tape, Fault.GAP) + 3 * unknown == 3 * packets
    assert sum(session.delivered for session in tape.sessions) == got
    assert found(tape, Fault.GAP) == sum(count for _, count in pieces) - got
    by_capture = Counter()
    for line in tape.lines:
        assert line.delivered + line.repeated + line.dropped == line.messages
        by_capture[line.capture] += line.messages
    assert [by_capture[path] for path in paths] == came
    assert sum(line.delivered for line in tape.lines) + found(tape, Fault.FILLED) == got
    assert found(tape, Fault.REPEATED) == sum(line.repeated for line in tape.lines)
    assert found(tape, Fault.WILD_SEQUENCE) == sum(line.dropped for line in tape.lines)
