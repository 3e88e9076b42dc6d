"""Headers off: Ethernet frames to UDP payloads, and what the rest was. Twin of `hdl/net`."""

from typing import Any

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.hdl.net.layout import (
    ETHERNET_BYTES,
    ETHERTYPE_AT,
    ETHERTYPE_IPV4,
    ETHERTYPE_QINQ,
    ETHERTYPE_VLAN,
    IPV4_BYTES,
    IPV4_CHECKSUM_AT,
    IPV4_FRAGMENT_AT,
    IPV4_MORE_FRAGMENTS,
    IPV4_OFFSET_MASK,
    IPV4_PROTOCOL_AT,
    IPV4_TOTAL_LENGTH_AT,
    MAX_TAGS,
    PROTOCOL_UDP,
    UDP_BYTES,
    UDP_LENGTH_AT,
    VLAN_BYTES,
)
from tapeout.kernels._jit import jit
from tapeout.kernels.tape.faults import BEFORE, Ledger, note
from tapeout.kernels.tape.pcap import Packets
from tapeout.kernels.tape.wire import Bytes, be16

DATAGRAM_DTYPE = np.dtype(
    [("start", "<i8"), ("length", "<i4"), ("packet", "<i4"), ("arrival_ns", "<i8")]
)
Datagrams = np.ndarray[Any, np.dtype[np.void]]

ACCEPTED = -1


@jit
def _checksum(wire: Bytes, at: int, length: int) -> int:
    """Ones' complement sum of an IPv4 header (RFC 791, 3.1); 0 where it is intact."""
    total = np.uint64(0)
    for word in range(at, at + length, 2):
        total += be16(wire, word)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return np.int64(~total & 0xFFFF)


@jit
def _ipv4(wire: Bytes, at: int, stop: int) -> int:
    """ACCEPTED where a whole, unfragmented UDP datagram starts at `at`, else the fault."""
    if stop - at < IPV4_BYTES:
        return Fault.BAD_HEADER
    header = np.int64(wire[at] & 15) * 4
    if wire[at] >> 4 != 4 or header < IPV4_BYTES or at + header > stop:
        return Fault.BAD_HEADER
    if be16(wire, at + IPV4_CHECKSUM_AT) != 0 and _checksum(wire, at, header) != 0:
        return Fault.BAD_CHECKSUM
    if be16(wire, at + IPV4_FRAGMENT_AT) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK) != 0:
        return Fault.FRAGMENT
    if wire[at + IPV4_PROTOCOL_AT] != PROTOCOL_UDP:
        return Fault.NOT_UDP
    if at + header + UDP_BYTES > stop:
        return Fault.BAD_HEADER
    length = np.int64(be16(wire, at + header + UDP_LENGTH_AT))
    total = np.int64(be16(wire, at + IPV4_TOTAL_LENGTH_AT))
    if length < UDP_BYTES or header + length > total:
        return Fault.BAD_HEADER
    return ACCEPTED


@jit
def _ethernet(wire: Bytes, at: int, stop: int) -> tuple[int, int]:
    """Where the IPv4 header starts, and ACCEPTED or the fault."""
    ethertype, tags = at + ETHERTYPE_AT, 0
    while ethertype + 2 <= stop:
        kind = be16(wire, ethertype)
        if kind == ETHERTYPE_IPV4:
            return ethertype + ETHERNET_BYTES - ETHERTYPE_AT, ACCEPTED
        if (kind != ETHERTYPE_VLAN and kind != ETHERTYPE_QINQ) or tags == MAX_TAGS:
            return ethertype, Fault.NOT_UDP
        ethertype += VLAN_BYTES
        tags += 1
    return ethertype, Fault.NOT_UDP


@jit
def datagrams(wire: Bytes, packets: Packets, last_ns: int, out: Datagrams) -> int:
    """Write one entry to `out` for each packet that carries UDP; mark in `packets` what is wrong.

    `packet` is the index into `packets`. A packet captured shorter than it was keeps the payload
    bytes that are there. `last_ns` is the arrival of the packet before the first.
    """
    count = 0
    for index in range(packets.size):
        packet = packets[index]
        stop = packet.start + packet.captured
        packet.faults = (packet.arrival_ns < last_ns) << Fault.ARRIVAL_BACKWARDS
        packet.faults |= (packet.captured < packet.length) << Fault.SHORT_CAPTURE
        last_ns = packet.arrival_ns
        at, fault = _ethernet(wire, packet.start, stop)
        if fault == ACCEPTED:
            fault = _ipv4(wire, at, stop)
        if fault != ACCEPTED:
            packet.faults |= 1 << fault
            continue
        udp = at + np.int64(wire[at] & 15) * 4
        length = np.int64(be16(wire, udp + UDP_LENGTH_AT)) - UDP_BYTES
        entry = out[count]
        entry.start = udp + UDP_BYTES
        entry.length = min(length, stop - udp - UDP_BYTES)
        entry.packet = index
        entry.arrival_ns = packet.arrival_ns
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
