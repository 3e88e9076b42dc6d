"""The wire: messages into MoldUDP64 packets, packets into Ethernet frames, frames disturbed.

What a receiver gets is a list of packet numbers: leave one out and it is lost, name it twice and it
is repeated, name it late and it comes late.
"""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.moldudp.layout import HEADER_BYTES
from tapeout.hdl.net.layout import (
    ETHERNET_BYTES,
    ETHERTYPE_IPV4,
    ETHERTYPE_VLAN,
    IPV4_BYTES,
    PROTOCOL_UDP,
    UDP_BYTES,
    VLAN_BYTES,
)
from tapeout.kernels._jit import jit
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16, put16, put32, put64
from tapeout.sim.draws import words

MOST_PAYLOAD = 1_400
HOLD_NS = 20_000  # how long the feed waits for another message before it sends the packet
WIRE_NS = 4_000  # from the exchange's clock to the capture's
GAP_NS = 80  # between two frames on the wire, at least
HEADERS = ETHERNET_BYTES + VLAN_BYTES + IPV4_BYTES + UDP_BYTES + HEADER_BYTES
PCAP_RECORD = 16
SESSION = b"TAPEOUT001"
VLAN, PORT = 7, 26_477
SOURCE_IP, GROUP_IP = 0x0A000001, 0xE9360C6F  # 10.0.0.1 to 233.54.12.111
#: An Ethernet header to the group's multicast address, one VLAN tag, then IPv4.
ETHERNET = (
    bytes.fromhex("01005e360c6f 020000000001")
    + ETHERTYPE_VLAN.to_bytes(2)
    + VLAN.to_bytes(2)
    + ETHERTYPE_IPV4.to_bytes(2)
)
_HEAD = np.frombuffer(ETHERNET, np.uint8)
_SESSION = np.frombuffer(SESSION, np.uint8)


class Feed(NamedTuple):
    """Numbered messages ready to send.

    `wire` (B,) uint8 holds the messages, each behind its two-byte length; `starts` (M + 1,) where
    each begins and the last ends, `times_ns` (M,) when, on the exchange's clock, in ns UTC.
    `sequence` is the number of the first.
    """

    wire: Bytes
    starts: Ints
    times_ns: Ints
    sequence: int


@jit
def packets(starts: Ints, times_ns: Ints, hold_ns: int, most_bytes: int, out: Ints) -> int:
    """Which message each packet starts with, in `out` (M + 1,); returns how many packets.

    A packet takes messages that follow its first within `hold_ns`, up to `most_bytes`.
    """
    count = 0
    for message in range(times_ns.size):
        first = out[count - 1]
        if (
            count == 0
            or times_ns[message] - times_ns[first] > hold_ns
            or starts[message + 1] - starts[first] > most_bytes
        ):
            out[count] = message
            count += 1
    out[count] = times_ns.size
    return count


def disturbed(
    count: int, seed: int, *, lost: int = 0, repeated: int = 0, late: int = 0, line: int = 0
) -> Ints:
    """The numbers of `count` packets as they arrive, out of a bad line.

    `lost`, `repeated` and `late` are chances in 1,000: a late packet comes up to 100 places behind
    its own, a repeated one comes again after up to 100 others. Another `line` of the same seed is
    disturbed independently.
    """
    draw = words(seed, 1 + line, count, 4)
    chance = (draw[:, :3] % np.uint64(1_000)).astype(np.int64)
    delay = 1 + (draw[:, 3] % np.uint64(100)).astype(np.int64)
    numbers = np.arange(count)
    place = 1_000 * numbers + np.where(chance[:, 2] < late, 1_000 * delay + 1, 0)
    again = np.flatnonzero(chance[:, 1] < repeated)
    numbers, place = (
        np.append(numbers, again),
        np.append(place, place[again] + 1_000 * delay[again] + 2),
    )
    kept = chance[numbers, 0] >= lost
    return numbers[kept][np.argsort(place[kept], kind="stable")]


def lines(
    count: int, seed: int, *, lost: int = 0, repeated: int = 0, late: int = 0, failed: int = 0
) -> list[Ints]:
    """As `disturbed`, for both lines of a feed; each loses `failed` of 1,000 packets in one run."""
    out = []
    for line in range(2):
        order = disturbed(count, seed, lost=lost, repeated=repeated, late=late, line=line)
        run = count * failed // 1_000
        start = int(words(seed, 3 + line, 1)[0]) % max(count - run + 1, 1)
        out.append(order[(order < start) | (order >= start + run)])
    return out


@jit
def _ipv4(out: Bytes, at: int, payload: int, number: int) -> None:
    """IPv4 and UDP headers for a datagram of `payload` bytes (RFC 791, RFC 768)."""
    put16(out, at, 0x4500)
    put16(out, at + 2, IPV4_BYTES + UDP_BYTES + payload)
    put16(out, at + 4, number & 0xFFFF)
    put16(out, at + 6, 0x4000)
    put16(out, at + 8, 16 << 8 | PROTOCOL_UDP)
    put16(out, at + 10, 0)
    put32(out, at + 12, SOURCE_IP)
    put32(out, at + 16, GROUP_IP)
    total = np.uint64(0)
    for word in range(at, at + IPV4_BYTES, 2):
        total += be16(out, word)
    total = (total & 0xFFFF) + (total >> 16)
    put16(out, at + 10, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    udp = at + IPV4_BYTES
    put16(out, udp, PORT)
    put16(out, udp + 2, PORT)
    put16(out, udp + 4, UDP_BYTES + payload)
    put16(out, udp + 6, 0)


@jit
def _le32(out: Bytes, at: int, value: int) -> None:
    for byte in range(4):
        out[at + byte] = value >> 8 * byte & 0xFF


@jit
def capture(feed: Feed, firsts: Ints, order: Any, last_ns: int, out: Bytes) -> tuple[int, int]:
    """Write packets as nanosecond pcap records, in the `order` they arrive.

    `firsts` (P + 1,) comes from `packets`. Frames keep `GAP_NS` apart, so clocks never run back.
    Returns the bytes written and when the last frame arrived.
    """
    at = 0
    for place in range(order.size):
        first, end = firsts[order[place]], firsts[order[place] + 1]
        body = feed.starts[end] - feed.starts[first]
        last_ns = max(last_ns + GAP_NS, feed.times_ns[end - 1] + WIRE_NS)
        frame = HEADERS + body
        _le32(out, at, last_ns // 1_000_000_000)
        _le32(out, at + 4, last_ns % 1_000_000_000)
        _le32(out, at + 8, frame)
        _le32(out, at + 12, frame)
        at += PCAP_RECORD
        for byte in range(_HEAD.size):
            out[at + byte] = _HEAD[byte]
        at += _HEAD.size
        _ipv4(out, at, HEADER_BYTES + body, feed.sequence + first)
        at += IPV4_BYTES + UDP_BYTES
        for byte in range(_SESSION.size):
            out[at + byte] = _SESSION[byte]
        put64(out, at + 10, feed.sequence + first)
        put16(out, at + 18, end - first)
        at += HEADER_BYTES
        for byte in range(body):
            out[at + byte] = feed.wire[feed.starts[first] + byte]
        at += body
    return at, last_ns
