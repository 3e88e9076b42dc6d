"""A capture file as a tap would write it: nanosecond pcap of Ethernet frames."""

import struct
from collections.abc import Iterable

from tapeout.hdl.net.layout import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_VLAN,
    IPV4_BYTES,
    UDP_BYTES,
)
from tapeout.hdl.net.model import checksum

NANOSECOND_MAGIC = 0xA1B23C4D
ETHERNET = 1
SNAPLEN = 262_144
START_NS = 1_767_623_400_000_000_000  # 2026-01-05 09:30 in New York
GROUP, PORT = bytes((233, 54, 12, 111)), 26_477


def file_header() -> bytes:
    """What stands in front of the first record (draft-ietf-opsawg-pcap, section 4)."""
    return struct.pack("<IHHiIII", NANOSECOND_MAGIC, 2, 4, 0, 0, SNAPLEN, ETHERNET)


def record(arrival_ns: int, frame: bytes, length: int | None = None) -> bytes:
    """One frame with its record header; `length` is what it was on the wire, if it was cut."""
    seconds, ns = divmod(arrival_ns, 1_000_000_000)
    return struct.pack("<IIII", seconds, ns, len(frame), length or len(frame)) + frame


def frame(payload: bytes, tags: int = 1, group: bytes = GROUP) -> bytes:
    """A UDP datagram to the feed's multicast group, in an Ethernet frame with so many VLAN tags.

    A group of four bytes is an address of IPv4, one of sixteen of IPv6.
    """
    length = UDP_BYTES + len(payload)
    if len(group) == 4:
        kind, total = ETHERTYPE_IPV4, IPV4_BYTES + length
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, total, 0, 0x4000, 16, 17, 0, bytes(4), group)
        header = header[:10] + checksum(header).to_bytes(2) + header[12:]
    else:
        kind = ETHERTYPE_IPV6
        header = struct.pack(">IHBB16s16s", 6 << 28, length, 17, 16, bytes(16), group)
    udp = struct.pack(">HHHH", PORT, PORT, length, 0)
    tag = ETHERTYPE_VLAN.to_bytes(2) + (7).to_bytes(2)
    return bytes(12) + tag * tags + kind.to_bytes(2) + header + udp + payload


def capture_file(
    payloads: Iterable[bytes],
    start_ns: int = START_NS,
    gap_ns: int = 1_000,
    group: bytes = GROUP,
) -> bytes:
    """A whole capture of UDP payloads, one frame each, `gap_ns` apart."""
    records = [
        record(start_ns + gap_ns * at, frame(body, group=group)) for at, body in enumerate(payloads)
    ]
    return file_header() + b"".join(records)
