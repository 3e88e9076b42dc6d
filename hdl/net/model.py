"""Golden model of the header stripper: one Ethernet frame to its UDP payload, or why not."""

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


def checksum(header: bytes) -> int:
    """The ones' complement sum of an IPv4 header (RFC 791, 3.1); 0 says it is intact."""
    total = sum(int.from_bytes(header[i : i + 2]) for i in range(0, len(header), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def payload(frame: bytes) -> bytes | str:
    """The UDP payload of one frame, or one word for what the frame is instead.

    An IPv4 checksum of zero says that the sender, or who made the capture anonymous, left it out.
    """
    at, tags = ETHERTYPE_AT, 0
    while int.from_bytes(frame[at : at + 2]) in (ETHERTYPE_VLAN, ETHERTYPE_QINQ):
        at, tags = at + VLAN_BYTES, tags + 1
        if tags > MAX_TAGS:
            return "tags"
    if len(frame) < at + 2 or int.from_bytes(frame[at : at + 2]) != ETHERTYPE_IPV4:
        return "not IPv4"
    ip = frame[at + ETHERNET_BYTES - ETHERTYPE_AT :]
    header = (ip[0] & 15) * 4 if ip else 0
    if len(ip) < IPV4_BYTES or ip[0] >> 4 != 4 or not IPV4_BYTES <= header <= len(ip):
        return "IPv4 header"
    total = int.from_bytes(ip[IPV4_TOTAL_LENGTH_AT : IPV4_TOTAL_LENGTH_AT + 2])
    fragment = int.from_bytes(ip[IPV4_FRAGMENT_AT : IPV4_FRAGMENT_AT + 2])
    if ip[IPV4_CHECKSUM_AT : IPV4_CHECKSUM_AT + 2] != b"\0\0" and checksum(ip[:header]):
        return "checksum"
    if fragment & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK):
        return "fragment"
    if ip[IPV4_PROTOCOL_AT] != PROTOCOL_UDP:
        return "not UDP"
    udp = ip[header:]
    length = int.from_bytes(udp[UDP_LENGTH_AT : UDP_LENGTH_AT + 2])
    if total > len(ip) or header + length > total or length < UDP_BYTES:
        return "length"
    return udp[UDP_BYTES:length]
