"""Golden model of the header stripper: one Ethernet frame to its UDP payload, or why not."""

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
    VLAN_BYTES,
)


def checksum(header: bytes) -> int:
    """The ones' complement sum of an IPv4 header (RFC 791, 3.1); 0 says it is intact."""
    total = sum(int.from_bytes(header[i : i + 2]) for i in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def payload(frame: bytes) -> bytes | str:
    """The UDP payload of one frame, or one word for what the frame is instead."""
    found = datagram(frame)
    if isinstance(found, str):
        return found
    start, stop, end = found
    return "length" if end > len(frame) else frame[start:stop]


def datagram(frame: bytes) -> tuple[int, int, int] | str:
    """Where the UDP payload starts and stops and its IP datagram ends, all of it here or not.

    Or one word for what the frame is instead. An IPv4 checksum of zero says that the sender, or who
    made the capture anonymous, left it out.
    """
    kind, at = network(frame)
    if kind not in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
        return "tags" if kind in (ETHERTYPE_VLAN, ETHERTYPE_QINQ) else "not IP"
    ip = frame[at:]
    found = _ipv4(ip) if kind == ETHERTYPE_IPV4 else _ipv6(ip)
    if isinstance(found, str):
        return found
    header, total = found
    length = int.from_bytes(ip[header + UDP_LENGTH_AT : header + UDP_LENGTH_AT + 2])
    if header + length > total or length < UDP_BYTES:
        return "length"
    return at + header + UDP_BYTES, at + header + length, at + total


def network(frame: bytes) -> tuple[int, int]:
    """The ethertype behind at most `MAX_TAGS` tags, and where what it names starts.

    A frame that ends before its ethertype has ethertype 0.
    """
    for at in range(ETHERTYPE_AT, ETHERTYPE_AT + VLAN_BYTES * MAX_TAGS + 1, VLAN_BYTES):
        kind = int.from_bytes(frame[at : at + 2]) if len(frame) >= at + 2 else 0
        if kind not in (ETHERTYPE_VLAN, ETHERTYPE_QINQ):
            break
    return kind, at + ETHERNET_BYTES - ETHERTYPE_AT


def _ipv4(ip: bytes) -> tuple[int, int] | str:
    """Where UDP starts and the datagram ends (RFC 791, 3.1), or one word for what it is instead."""
    header = (ip[0] & 15) * 4 if ip else 0
    if len(ip) < IPV4_BYTES or ip[0] >> 4 != 4 or not IPV4_BYTES <= header <= len(ip):
        return "IPv4 header"
    total = int.from_bytes(ip[IPV4_TOTAL_LENGTH_AT : IPV4_TOTAL_LENGTH_AT + 2])
    fragment = int.from_bytes(ip[IPV4_FRAGMENT_AT : IPV4_FRAGMENT_AT + 2])
    if ip[IPV4_CHECKSUM_AT : IPV4_CHECKSUM_AT + 2] != b"\0\0" and checksum(ip[:header]):
        return "checksum"
    if fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK):
        return "fragment"
    return (header, total) if ip[IPV4_PROTOCOL_AT] == PROTOCOL_UDP else "not UDP"


def _ipv6(ip: bytes) -> tuple[int, int] | str:
    """As `_ipv4`, for RFC 8200: options of hops stand first or nowhere (4.1), no jumbograms."""
    if len(ip) < IPV6_BYTES or ip[0] >> 4 != 6:
        return "IPv6 header"
    length = int.from_bytes(ip[IPV6_PAYLOAD_LENGTH_AT : IPV6_PAYLOAD_LENGTH_AT + 2])
    kind, at = ip[IPV6_NEXT_AT], IPV6_BYTES
    for _ in range(MAX_EXTENSIONS + 1):
        if kind == PROTOCOL_UDP:
            return at, IPV6_BYTES + length
        if kind == FRAGMENT_HEADER:
            return "fragment"
        if kind not in (HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS):
            return "not UDP"
        if len(ip) < at + EXTENSION_BYTES or (kind == HOP_BY_HOP and at > IPV6_BYTES):
            return "IPv6 header"
        kind, at = ip[at], at + EXTENSION_BYTES * (1 + ip[at + 1])
    return "IPv6 header"
