"""Sequencing: every message once and in order, whatever the line does; nothing lost in silence."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tapeout.errors import FeedError
from tapeout.feed.tape import Tape
from tapeout.hdl.itch.model import encode
from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp.model import frame, unframe
from tapeout.kernels.tape import frames, lines, moldudp, sequence
from tapeout.kernels.tape import pcap as packets_in
from tapeout.kernels.tape.faults import COUNT, ledger
from tapeout.sim import pcap
from tapeout.sim.wire import disturbed

SESSION = b"TESTING001"


def packets_of(count, per_packet=3, first=1):
    """Numbered packets of numbered delete messages."""
    out, sequence = [], first
    while sequence < first + count:
        numbers = range(sequence, min(sequence + per_packet, first + count))
        out.append(frame(SESSION, sequence, [message(n) for n in numbers]))
        sequence = numbers[-1] + 1
    return out


def message(number):
    return encode("D", timestamp=number, order_reference=number)


def tape_of(path, payloads, **options):
    path.write_bytes(pcap.capture_file(payloads))
    return Tape(path, **options)


def delivered(tape):
    return np.concatenate([np.zeros(0, int), *[r["subject"].astype(int) for r in tape.records()]])


def count(tape, fault):
    return next((found.count for found in tape.findings if found.fault == fault), 0)


@given(
    seed=st.integers(0, 2**32), lost=st.integers(0, 200), repeated=st.integers(0, 200),
    late=st.integers(0, 200), messages=st.integers(1, 400),
)  # fmt: skip
def test_delivered_repeated_and_lost_add_up(tmp_path_factory, seed, lost, repeated, late, messages):
    payloads = packets_of(messages)
    order = disturbed(len(payloads), seed, lost=lost, repeated=repeated, late=late)
    path = tmp_path_factory.mktemp("line") / "line.pcap"
    tape = tape_of(path, [payloads[at] for at in order])
    got = delivered(tape)
    sent = [n for at in order for n in numbers_of(payloads[at])]
    assert got.tolist() == sorted(set(sent))  # the window holds the whole capture
    assert got.size + count(tape, Fault.REPEATED) == len(sent)
    if got.size:  # what came before the first packet or after the last is not known to be missing
        assert got.size + count(tape, Fault.GAP) == got[-1] - got[0] + 1


def numbers_of(payload):
    packet = unframe(payload)
    return range(packet.sequence, packet.sequence + len(packet.messages))


HOSTILE = [0, 1, 2, 5, 2**61, 2**62, 2**62 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]


@given(
    st.lists(
        st.tuples(st.sampled_from(HOSTILE) | st.integers(0, 40), st.integers(0, 20), st.booleans()),
        max_size=40,
    )
)
@example([(1, 1, True), (5, 1, True), (1, 2, True)])  # late, and half of it seen before
def test_no_sequence_number_breaks_the_line(packets):
    """Whatever the numbers: the arrays hold, and what is sound is delivered or counted."""
    payloads = [
        frame(SESSION, sequence, [message(n) for n in range(blocks)])[: None if sound else -1]
        for sequence, blocks, sound in packets
    ]
    wire = np.frombuffer(b"".join(payloads) + bytes(64), np.uint8).copy()
    grams = np.zeros(len(payloads), frames.DATAGRAM_DTYPE)
    grams["length"] = [len(payload) for payload in payloads]
    grams["start"] = np.cumsum(grams["length"]) - grams["length"]
    grams["packet"] = np.arange(grams.size)
    heads, log, known = np.zeros(grams.size, moldudp.HEADER_DTYPE), ledger(), moldudp.sessions()
    packets = np.zeros(grams.size, packets_in.PACKET_DTYPE)
    met, gaps = lines.lines(), np.zeros(grams.size, sequence.GAP_DTYPE)
    moldudp.headers(wire, grams, known, met, heads, packets)
    chosen = np.full((4 * grams.size + 8, 2), -7)
    rows, settled, taken, lost = sequence.order(heads, grams, True, known, met, chosen, gaps, log)
    assert settled == grams.size
    assert rows <= grams.size
    assert np.unique(chosen[:rows, 0]).size == rows
    delivered = heads["whole"][chosen[:rows, 0]] - chosen[:rows, 1]
    assert delivered.sum() == taken
    assert np.all(gaps["count"][:lost] > 0)
    assert np.all((delivered > 0) & (delivered <= heads["whole"][chosen[:rows, 0]]))
    assert np.all(log[:-1, COUNT] >= 0)
    dropped = log[Fault.REPEATED, COUNT] + log[Fault.WILD_SEQUENCE, COUNT]
    sound = (heads["sound"] != 0) & (heads["whole"] > 0)
    if np.all(sound | (heads["session"] < 0)):
        assert delivered.sum() + dropped >= heads["whole"][sound].sum()


@pytest.mark.parametrize("number", [5_000, 10**12, 2**61, 2**62 - 1])
@pytest.mark.parametrize("place", [0, 1, 7])
def test_a_number_that_fits_nowhere_loses_its_own_packet_and_no_other(tmp_path, number, place):
    """One flipped bit in a packet that is sound otherwise."""
    payloads = packets_of(60)
    payloads[place] = payloads[place][:10] + number.to_bytes(8) + payloads[place][18:]
    tape = tape_of(tmp_path / "x.pcap", payloads)
    lost = range(1 + 3 * place, 4 + 3 * place)
    assert delivered(tape).tolist() == [n for n in range(1, 61) if n not in lost]
    assert count(tape, Fault.WILD_SEQUENCE) == 3
    assert count(tape, Fault.GAP) == (3 if place else 0)  # before the first nothing is missed
    assert count(tape, Fault.REPEATED) == 0


def test_a_capture_may_start_out_of_order(tmp_path):
    a, b, c = packets_of(9)
    tape = tape_of(tmp_path / "x.pcap", [b, a, c])
    assert delivered(tape).tolist() == list(range(1, 10))
    assert count(tape, Fault.REPEATED) == 0


def test_behind_a_gap_the_order_is_still_repaired(tmp_path):
    a, _, c, d, e = packets_of(15)
    tape = tape_of(tmp_path / "x.pcap", [a, e, d, c])
    assert delivered(tape).tolist() == [1, 2, 3, *range(7, 16)]
    assert count(tape, Fault.GAP) == 3
    assert count(tape, Fault.REPEATED) == 0


def test_unnumbered_packets_fill_no_gap(tmp_path):
    loose = [frame(SESSION, 0, [message(90 + n) for n in range(k)]) for k in range(3, 8)]
    numbered = [frame(SESSION, 1, [message(1)]), frame(SESSION, 50, [message(50)])]
    tape = tape_of(tmp_path / "x.pcap", [*numbered, *loose])
    assert delivered(tape).size == 2 + 3 + 4 + 5 + 6 + 7
    assert count(tape, Fault.UNSEQUENCED) == 5
    assert count(tape, Fault.REPAIRED) == 0


def test_a_late_packet_is_put_back(tmp_path):
    a, b, c = packets_of(9)
    tape = tape_of(tmp_path / "x.pcap", [a, c, b])
    assert delivered(tape).tolist() == list(range(1, 10))
    assert count(tape, Fault.REPAIRED) == 3
    assert count(tape, Fault.REPEATED) == 0


def test_a_packet_later_than_the_window_is_lost_and_then_repeated(tmp_path):
    payloads = packets_of(3 * (moldudp.WINDOW + 10))
    tape = tape_of(tmp_path / "x.pcap", [payloads[0], *payloads[2:], payloads[1]])
    assert delivered(tape).size == 3 * (moldudp.WINDOW + 9)
    assert count(tape, Fault.GAP) == 3
    assert count(tape, Fault.REPEATED) == 3


def test_an_overlapping_packet_gives_only_what_is_new(tmp_path):
    one = frame(SESSION, 1, [message(n) for n in (1, 2, 3)])
    two = frame(SESSION, 2, [message(n) for n in (2, 3, 4, 5)])
    tape = tape_of(tmp_path / "x.pcap", [one, two])
    assert delivered(tape).tolist() == [1, 2, 3, 4, 5]
    assert count(tape, Fault.REPEATED) == 2


def test_a_heartbeat_tells_of_a_gap(tmp_path):
    tape = tape_of(tmp_path / "x.pcap", [*packets_of(3), frame(SESSION, 8, [])])
    assert delivered(tape).tolist() == [1, 2, 3]
    assert count(tape, Fault.GAP) == 4


def test_end_of_session_is_no_message(tmp_path):
    end = SESSION + (4).to_bytes(8) + b"\xff\xff"
    tape = tape_of(tmp_path / "x.pcap", [*packets_of(3), end, end])
    assert delivered(tape).tolist() == [1, 2, 3]
    assert tape.findings == []


def test_two_sessions_have_their_own_numbers(tmp_path):
    other = [p.replace(SESSION, b"TESTING002") for p in packets_of(6)]
    ours = packets_of(6)
    tape = tape_of(tmp_path / "x.pcap", [ours[0], other[0], ours[1], other[1]])
    assert delivered(tape).tolist() == [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]
    assert count(tape, Fault.OTHER_SESSION) == 6


def test_both_lines_of_a_feed_give_each_message_once(tmp_path):
    payloads = packets_of(30)
    both = [payload for payload in payloads for _ in "AB"]
    tape = tape_of(tmp_path / "x.pcap", both)
    assert delivered(tape).tolist() == list(range(1, 31))
    assert count(tape, Fault.REPEATED) == 30


def test_other_datagrams_are_counted_and_passed_over(tmp_path):
    tape = tape_of(tmp_path / "x.pcap", [b"no feed", *packets_of(3), bytes(40)])
    assert delivered(tape).tolist() == [1, 2, 3]
    assert count(tape, Fault.NOT_MOLDUDP64) == 2


def test_a_misfit_loses_only_what_is_not_there(tmp_path):
    a, b, c = packets_of(9)
    tape = tape_of(tmp_path / "x.pcap", [a, b[:-5], c])
    assert delivered(tape).tolist() == [1, 2, 3, 4, 5, 7, 8, 9]
    assert count(tape, Fault.NOT_MOLDUDP64) == 1
    assert count(tape, Fault.GAP) == 1


def test_a_broken_packet_cannot_open_a_gap(tmp_path):
    a, b = packets_of(6)
    wild = SESSION + (10**12).to_bytes(8) + (2).to_bytes(2) + b"\0\x13" + message(1)
    tape = tape_of(tmp_path / "x.pcap", [a, wild, b])
    assert delivered(tape).tolist() == [1, 2, 3, 4, 5, 6]
    assert count(tape, Fault.GAP) == 0


@pytest.mark.parametrize("chunk", [700, 1_500, 4_096])
def test_the_size_of_the_blocks_does_not_matter(tmp_path, chunk):
    payloads = packets_of(2_000, per_packet=2)
    order = disturbed(len(payloads), 3, lost=20, repeated=30, late=40)
    whole = tape_of(tmp_path / "x.pcap", [payloads[at] for at in order])
    small = Tape(whole.path, chunk_bytes=chunk)
    assert np.array_equal(delivered(small), delivered(whole))
    assert whole.packets == small.packets == order.size
    assert [str(found) for found in small.findings] == [str(found) for found in whole.findings]


def test_strict_stops_at_a_gap_and_says_where(tmp_path):
    a, _, c = packets_of(9)
    tape = tape_of(tmp_path / "x.pcap", [a, c], strict=True)
    with pytest.raises(FeedError, match=r"x\.pcap: 3 messages lost \(first at packet 2, byte"):
        delivered(tape)


def test_clocks_that_run_back_are_counted(tmp_path):
    early, late = (frame(SESSION, n, [message(10 - n)]) for n in (1, 2))
    path = tmp_path / "x.pcap"
    stamps = pcap.record(2_000, pcap.frame(early)) + pcap.record(1_000, pcap.frame(late))
    path.write_bytes(pcap.file_header() + stamps)
    tape = Tape(path)
    assert delivered(tape).tolist() == [9, 8]
    assert count(tape, Fault.ARRIVAL_BACKWARDS) == 1
    assert count(tape, Fault.TIME_BACKWARDS) == 1
