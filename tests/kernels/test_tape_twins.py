"""The CPU twin equals the golden models: frames, MoldUDP64 packets, ITCH messages."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.hdl.itch import model as itch_model
from tapeout.hdl.itch.layout import MESSAGES, RECORD, pack
from tapeout.hdl.layout import Fault
from tapeout.hdl.moldudp import model as mold_model
from tapeout.hdl.moldudp.model import frame as frame_mold
from tapeout.hdl.net import model as net_model
from tapeout.kernels.tape import frames, itch, lines, moldudp, pcap, sequence
from tapeout.kernels.tape.faults import COUNT, ledger
from tapeout.kernels.tape.record import RECORD_DTYPE

ANY = st.binary(min_size=0, max_size=80)


# ---- messages -> records


def well_formed(kind, body):
    return kind.encode() + (body * 50)[: MESSAGES[kind].length - 1]


MESSAGE = st.one_of(
    st.builds(well_formed, st.sampled_from(sorted(MESSAGES)), st.binary(min_size=1, max_size=49)),
    ANY,
)


def twin_records(messages, log=None, decoded=True):
    """The records the twin makes of whole messages, numbered from 1 and stamped by their number."""
    wire = np.frombuffer(b"".join(messages) + bytes(itch.SLACK), np.uint8).copy()
    found = np.zeros(len(messages), moldudp.MESSAGE_DTYPE)
    found["length"] = [len(message) for message in messages]
    found["start"] = np.cumsum(found["length"]) - found["length"]
    found["sequence"] = np.arange(len(messages)) + 1
    found["arrival_ns"] = 10**18 + found["sequence"]
    out = np.zeros(len(messages) if decoded else 0, RECORD_DTYPE)
    symbols, types = np.zeros(itch.LOCATES, np.uint64), np.zeros(256, np.int64)
    log = ledger() if log is None else log
    itch.records(wire, found, np.zeros(1, np.int64), symbols, types, out, log)
    return out, symbols, types


@given(st.lists(MESSAGE, max_size=40))
def test_records_are_the_models_bit_for_bit(messages):
    log = ledger()
    records, _, types = twin_records(messages, log)
    want = [itch_model.decode(m, k, 10**18 + k) for k, m in enumerate(messages, 1)]
    assert records.tobytes() == b"".join(pack(r, RECORD).to_bytes(64, "little") for r in want)
    bad = log[Fault.UNKNOWN_TYPE, COUNT] + log[Fault.WRONG_LENGTH, COUNT]
    assert bad == sum(record.flags == 0 for record in want)
    met = np.bincount([message[0] if message else 0 for message in messages], minlength=256)
    assert types.tolist() == met.tolist()


@given(st.lists(MESSAGE, max_size=40))
def test_who_wants_no_records_is_told_the_same(messages):
    log, other = ledger(), ledger()
    _, symbols, types = twin_records(messages, log)
    none, met, counts = twin_records(messages, other, decoded=False)
    assert none.size == 0
    assert (met == symbols).all()
    assert counts.tolist() == types.tolist()
    assert other.tolist() == log.tolist()


@given(st.lists(st.tuples(st.integers(0, 3), ANY), max_size=30))
def test_extents_hold_every_message_and_nothing_else(spaced):
    """Messages with some bytes in front of each: an extent begins where there are any."""
    found, at, want = np.zeros(len(spaced), moldudp.MESSAGE_DTYPE), 100, []
    for row, (space, message) in enumerate(spaced):
        at += space
        found["start"][row], found["length"][row] = at + 2, len(message)
        if space or not want:
            want.append([at, at])
        at = want[-1][1] = at + 2 + len(message)
    out = np.zeros((len(spaced), 2), np.int64)
    assert out[: moldudp.extents(found, out)].tolist() == want


def test_every_message_with_a_stock_teaches_its_symbol():
    for kind, layout in MESSAGES.items():
        message = itch_model.encode(
            kind, stock_locate=7, **({"stock": "AAPL"} if "stock" in layout.fields else {})
        )
        _, symbols, _ = twin_records([message])
        known = int(symbols[7]).to_bytes(8).decode().strip("\0 ")
        assert known == ("AAPL" if "stock" in layout.fields else "")


# ---- payloads -> numbered messages

SEQUENCE = st.integers(1, 9) | st.sampled_from([2**62, 2**62 + 1, 2**63 - 1, 2**63, 2**64 - 1])


def end_of_session(sequence):
    return frame_mold(b"S", sequence, [])[:18] + b"\xff\xff"


PAYLOADS = st.one_of(
    st.builds(frame_mold, st.just(b"S"), SEQUENCE, st.lists(ANY, max_size=4)),
    st.builds(end_of_session, SEQUENCE),
    ANY,
)


def twin_packet(payload):
    """What the twin delivers of one payload, or None where it marks a misfit."""
    wire = np.frombuffer(payload + bytes(64), np.uint8).copy()
    grams, packets = np.zeros(1, frames.DATAGRAM_DTYPE), np.zeros(1, pcap.PACKET_DTYPE)
    grams["length"] = len(payload)
    heads, known = np.zeros(1, moldudp.HEADER_DTYPE), moldudp.sessions()
    met, gaps = lines.lines(), np.zeros(1, sequence.GAP_DTYPE)
    moldudp.headers(wire, grams, known, met, heads, packets)
    if packets["faults"][0] == 1 << Fault.NOT_MOLDUDP64:
        return None
    chosen = np.zeros((1, 2), np.int64)
    rows, settled, *_ = sequence.order(heads, grams, True, known, met, chosen, gaps, ledger())
    assert settled == 1
    out = np.zeros(int(heads["whole"][0]), moldudp.MESSAGE_DTYPE)
    count = moldudp.messages(wire, grams, heads, chosen[:rows], out)
    return [
        (int(m["sequence"]), wire[m["start"] : m["start"] + m["length"]].tobytes())
        for m in out[:count]
    ]


@given(
    st.one_of(
        PAYLOADS,
        st.builds(lambda p, n: p[:n], PAYLOADS, st.integers(0, 60)),
        st.builds(lambda p, more: p + more, PAYLOADS, st.binary(min_size=1, max_size=9)),
    )
)
def test_packets_are_the_models(payload):
    try:
        packet = mold_model.unframe(payload)
    except ValueError:
        packet = None
    got = twin_packet(payload)
    if packet is None:
        assert got is None
    elif packet.sequence:
        assert got == [(packet.sequence + k, body) for k, body in enumerate(packet.messages)]
    else:  # without sequence numbers
        assert got == [(0, body) for body in packet.messages]


# ---- frames -> payloads


def frame(payload, tags=1, protocol=17, flags=0x4000, options=b"", checksum=True, udp=None):
    """An Ethernet frame around a UDP payload, as a sender would build it."""
    header = bytearray(
        struct.pack(">BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, 28 + len(options) + len(payload),
                    1, flags, 16, protocol, 0, b"\1\2\3\4", b"\5\6\7\x08") + options
    )  # fmt: skip
    if checksum:
        header[10:12] = net_model.checksum(bytes(header)).to_bytes(2)
    length = 8 + len(payload) if udp is None else udp
    return (
        bytes(12) + b"\x81\0\0\7" * tags + b"\x08\0" + bytes(header)
        + struct.pack(">HHHH", 1, 2, length, 0) + payload
    )  # fmt: skip


def extension(kind, length=0):
    """An extension header but for its first byte, which names what follows (RFC 8200, 4.3)."""
    return kind, bytes([length]) + bytes(6 + 8 * length)


def frame6(payload, extensions=(), last=17, tags=1, short=0, udp=None):
    """An Ethernet frame of IPv6 around a UDP payload, behind `extensions`."""
    kinds, chain = [kind for kind, _ in extensions] + [last], b""
    for following, (_, body) in zip(kinds[1:], extensions, strict=True):
        chain += bytes([following]) + body
    length = 8 + len(payload) if udp is None else udp
    body = chain + struct.pack(">HHHH", 1, 2, length, 0) + payload
    head = struct.pack(">IHBB", 0x60000000, max(len(body) - short, 0), kinds[0], 9)
    return bytes(12) + b"\x81\0\0\7" * tags + b"\x86\xdd" + head + bytes(32) + body


EXTENSION = st.builds(extension, st.sampled_from([0, 43, 60, 60, 44, 51]), st.integers(0, 2))
FRAMES6 = st.builds(
    frame6, ANY, st.lists(EXTENSION, max_size=10), st.sampled_from([17, 17, 17, 6]),
    st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 30]), st.sampled_from([None, None, 7, 9, 200]),
)  # fmt: skip
FRAMES = FRAMES6 | st.builds(
    frame, ANY, st.integers(0, 3), st.sampled_from([17, 17, 17, 6]),
    st.sampled_from([0x4000, 0, 0x2000, 0x2001, 5]), st.sampled_from([b"", b"\1\1\1\0"]),
    st.booleans(), st.sampled_from([None, None, 7, 0, 9, 200]),
)  # fmt: skip
WHY = {
    "tags": Fault.NOT_UDP, "not IP": Fault.NOT_UDP, "not UDP": Fault.NOT_UDP,
    "IPv4 header": Fault.BAD_HEADER, "IPv6 header": Fault.BAD_HEADER, "length": Fault.BAD_HEADER,
    "checksum": Fault.BAD_CHECKSUM, "fragment": Fault.FRAGMENT,
}  # fmt: skip


def twin_payload(raw):
    """The payload the twin finds, or the fault it marks."""
    wire = np.frombuffer(raw + bytes(64), np.uint8).copy()
    packets = np.zeros(1, pcap.PACKET_DTYPE)
    packets["captured"] = packets["length"] = len(raw)
    out = np.zeros(1, frames.DATAGRAM_DTYPE)
    if frames.datagrams(wire, packets, -1, out):
        start, length = int(out["start"][0]), int(out["length"][0])
        return wire[start : start + length].tobytes()
    return Fault(int(packets["faults"][0]).bit_length() - 1)


@given(st.one_of(FRAMES, ANY, st.builds(lambda f, n: f[:n], FRAMES, st.integers(0, 60))))
def test_payloads_are_the_models(raw):
    want = net_model.payload(raw)
    got = twin_payload(raw)
    if isinstance(want, str) and want == "length" and isinstance(got, bytes):
        whole = net_model.payload(raw + bytes(300))  # cut by the capture: what is there is kept
        assert isinstance(whole, bytes)
        assert whole.startswith(got)
    else:
        assert got == (WHY[want] if isinstance(want, str) else want)


@pytest.mark.parametrize("tags", [0, 1, 2])
def test_dpkt_reads_the_same_payload(tags):
    import dpkt

    raw = frame(b"the payload", tags)
    assert dpkt.ethernet.Ethernet(raw).ip.udp.data == twin_payload(raw) == b"the payload"


HOPS, ROUTE, PIECE, OPTIONS = (extension(kind) for kind in (0, 43, 44, 60))


@pytest.mark.parametrize(
    ("extensions", "found"),
    [
        ([], b"the payload"),
        ([HOPS, OPTIONS, ROUTE, OPTIONS], b"the payload"),
        ([extension(60, 3)], b"the payload"),
        ([OPTIONS] * 8, b"the payload"),
        ([OPTIONS] * 9, "IPv6 header"),
        ([OPTIONS, HOPS], "IPv6 header"),
        ([PIECE], "fragment"),
        ([HOPS, PIECE], "fragment"),
        ([extension(51)], "not UDP"),
    ],
)
def test_ipv6_extensions_are_walked_within_their_bounds(extensions, found):
    raw = frame6(b"the payload", extensions)
    assert net_model.payload(raw) == found
    assert twin_payload(raw) == (WHY[found] if isinstance(found, str) else found)


def test_dpkt_reads_the_same_payload_of_ipv6():
    import dpkt

    raw = frame6(b"the payload", [HOPS, OPTIONS], tags=0)
    assert dpkt.ethernet.Ethernet(raw).data.udp.data == twin_payload(raw) == b"the payload"
