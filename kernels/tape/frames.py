"""Headers off: Ethernet frames to UDP payloads, and what the rest was. Twin of `hdl/net`."""

from typing import Any

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.hdl.net.layout import (
    DESTINATION_OPTIONS,
    ETHERNET_BYTES,
    ETHERTYPE_AT,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_QINQ,
    ETHERTYPE_VLAN,
    EXTENSION_BYTES,
    FRAGMENT_HEADER,
    HOP_BY_HOP,
    IPV4_BYTES,
    IPV4_CHECKSUM_AT,
    IPV4_FRAGMENT_AT,
    IPV4_MORE_FRAGMENTS,
    IPV4_OFFSET_MASK,
    IPV4_PROTOCOL_AT,
    IPV4_TOTAL_LENGTH_AT,
    IPV6_BYTES,
    IPV6_NEXT_AT,
    IPV6_PAYLOAD_LENGTH_AT,
    MAX_EXTENSIONS,
    MAX_TAGS,
    PROTOCOL_UDP,
    ROUTING,
    UDP_BYTES,
    UDP_LENGTH_AT,
    UDP_PORT_AT,
    VLAN_BYTES,
    VLAN_MASK,
)
from tapeout.kernels._jit import jit, jit_lean
from tapeout.kernels.tape.faults import BEFORE, Ledger, note
from tapeout.kernels.tape.pcap import Packets
from tapeout.kernels.tape.wire import Bytes, be16

#: `ip` is where the IP header starts, `place` the UDP port in front of the VLAN's twelve bits (the
#: inner tag's, or 0), `source` the capture.
DATAGRAM_DTYPE = np.dtype(
    [
        ("start", "<i8"),
        ("length", "<i4"),
        ("packet", "<i4"),
        ("arrival_ns", "<i8"),
        ("ip", "<i8"),
        ("place", "<i4"),
        ("source", "<i4"),
    ]
)
Datagrams = np.ndarray[Any, np.dtype[np.void]]

ACCEPTED = -1


@jit_lean
def _checksum(wire: Bytes, at: int, length: int) -> int:
    """Ones' complement sum of an IPv4 header (RFC 791, 3.1); 0 where it is intact."""
    total = np.uint64(0)
    for word in range(at, at + length, 2):
        total += be16(wire, word)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return np.int64(~total & 0xFFFF)


@jit_lean
def _ipv4(wire: Bytes, at: int, stop: int) -> tuple[int, int, int]:
    """Where UDP starts, where the datagram says it ends, and ACCEPTED or the fault."""
    if stop - at < IPV4_BYTES:
        return at, at, Fault.BAD_HEADER
    header = np.int64(wire[at] & 15) * 4
    if wire[at] >> 4 != 4 or header < IPV4_BYTES or at + header > stop:
        return at, at, Fault.BAD_HEADER
    if be16(wire, at + IPV4_CHECKSUM_AT) != 0 and _checksum(wire, at, header) != 0:
        return at, at, Fault.BAD_CHECKSUM
    if be16(wire, at + IPV4_FRAGMENT_AT) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK) != 0:
        return at, at, Fault.FRAGMENT
    if wire[at + IPV4_PROTOCOL_AT] != PROTOCOL_UDP:
        return at, at, Fault.NOT_UDP
    return at + header, at + np.int64(be16(wire, at + IPV4_TOTAL_LENGTH_AT)), ACCEPTED


@jit_lean
def _ipv6(wire: Bytes, at: int, stop: int) -> tuple[int, int, int]:
    """As `_ipv4`, behind at most `MAX_EXTENSIONS` extension headers."""
    if stop - at < IPV6_BYTES or wire[at] >> 4 != 6:
        return at, at, Fault.BAD_HEADER
    end = at + IPV6_BYTES + np.int64(be16(wire, at + IPV6_PAYLOAD_LENGTH_AT))
    first = at + IPV6_BYTES
    kind, header = np.int64(wire[at + IPV6_NEXT_AT]), first
    for _ in range(MAX_EXTENSIONS + 1):
        if kind == PROTOCOL_UDP:
            return header, end, ACCEPTED
        if kind == FRAGMENT_HEADER:
            return header, end, Fault.FRAGMENT
        if kind != HOP_BY_HOP and kind != ROUTING and kind != DESTINATION_OPTIONS:
            return header, end, Fault.NOT_UDP
        if header + EXTENSION_BYTES > stop or (kind == HOP_BY_HOP and header > first):
            break
        kind = np.int64(wire[header])
        header += EXTENSION_BYTES * (1 + np.int64(wire[header + 1]))
    return header, end, Fault.BAD_HEADER


@jit_lean
def _ethernet(wire: Bytes, at: int, stop: int) -> tuple[int, int, int]:
    """Where the IP header starts, its ethertype or 0 where there is none, and the inner VLAN."""
    ethertype, tags, vlan = at + ETHERTYPE_AT, 0, 0
    while ethertype + 2 <= stop:
        kind = np.int64(be16(wire, ethertype))
        if kind == ETHERTYPE_IPV4 or kind == ETHERTYPE_IPV6:
            return ethertype + ETHERNET_BYTES - ETHERTYPE_AT, kind, vlan
        tagged = kind == ETHERTYPE_VLAN or kind == ETHERTYPE_QINQ
        if not tagged or tags == MAX_TAGS or ethertype + VLAN_BYTES > stop:
            break
        vlan = np.int64(be16(wire, ethertype + 2) & VLAN_MASK)
        ethertype += VLAN_BYTES
        tags += 1
    return ethertype, 0, vlan


@jit_lean
def _datagram(wire: Bytes, packet: Any, entry: Any) -> int:
    """Fill in the UDP payload of a frame; ACCEPTED, or the fault."""
    stop = packet.start + packet.captured
    at, kind, vlan = _ethernet(wire, packet.start, stop)
    if kind == ETHERTYPE_IPV4:
        udp, end, fault = _ipv4(wire, at, stop)
    elif kind == ETHERTYPE_IPV6:
        udp, end, fault = _ipv6(wire, at, stop)
    else:
        return Fault.NOT_UDP
    if fault != ACCEPTED:
        return fault
    if udp + UDP_BYTES > stop:
        return Fault.BAD_HEADER
    length = np.int64(be16(wire, udp + UDP_LENGTH_AT))
    if length < UDP_BYTES or udp + length > end:
        return Fault.BAD_HEADER
    entry.start = udp + UDP_BYTES
    entry.length = min(length, stop - udp) - UDP_BYTES
    entry.ip = at
    entry.place = np.int64(be16(wire, udp + UDP_PORT_AT)) << 12 | vlan
    return ACCEPTED


@jit
def datagrams(wire: Bytes, packets: Packets, last_ns: int, out: Datagrams) -> int:
    """Write one entry to `out` for each packet that carries UDP; mark in `packets` what is wrong.

    `packet` is the index into `packets`. A packet captured shorter than it was keeps the payload
    bytes that are there. `last_ns` is the arrival of the packet before the first.
    """
    count = 0
    for index in range(packets.size):
        packet = packets[index]
        packet.faults = (packet.arrival_ns < last_ns) << Fault.ARRIVAL_BACKWARDS
        packet.faults |= (packet.captured < packet.length) << Fault.SHORT_CAPTURE
        last_ns = packet.arrival_ns
        entry = out[count]
        fault = _datagram(wire, packet, entry)
        if fault != ACCEPTED:
            packet.faults |= 1 << fault
            continue
        entry.packet = index
        entry.arrival_ns = packet.arrival_ns
        entry.source = packet.source
        count += 1
    return count


@jit
def tally(packets: Packets, bare: bool, log: Ledger) -> None:
    """Note in the ledger what is marked in `packets`; `bare` ones are messages without packets."""
    for index in range(packets.size):
        if packets[index].faults != 0:
            packet, message = (-1, index) if bare else (index, -1)
            for fault in range(BEFORE):
                if packets[index].faults >> fault & 1:
                    note(log, fault, packet, packets[index].start, message, 1)
