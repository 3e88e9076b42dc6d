"""What crosses the pins: Ethernet (IEEE 802.3, 802.1Q), IPv4 (RFC 791), IPv6 (RFC 8200) and UDP.

All integers are big-endian. Byte positions count from the start of their own header. The checksum
of UDP (RFC 768) is not looked at: a sender may leave it out, and Ethernet has one of its own.
"""

ETHERTYPE_AT = 12
ETHERNET_BYTES = 14
ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_VLAN = 0x8100  # 802.1Q: four more bytes, then the next ethertype
ETHERTYPE_QINQ = 0x88A8  # 802.1ad outer tag
VLAN_BYTES = 4
MAX_TAGS = 2
VLAN_MASK = 0x0FFF  # the identifier in a tag

IPV4_TOTAL_LENGTH_AT = 2
IPV4_FRAGMENT_AT = 6  # 3 flag bits, 13 offset bits
IPV4_MORE_FRAGMENTS = 0x2000
IPV4_OFFSET_MASK = 0x1FFF
IPV4_PROTOCOL_AT = 9
IPV4_CHECKSUM_AT = 10
IPV4_DESTINATION_AT = 16
IPV4_BYTES = 20
PROTOCOL_UDP = 17

IPV6_PAYLOAD_LENGTH_AT = 4  # of what follows the fixed header, extensions among it
IPV6_NEXT_AT = 6
IPV6_DESTINATION_AT = 24
IPV6_BYTES = 40
HOP_BY_HOP, ROUTING, FRAGMENT_HEADER, DESTINATION_OPTIONS = 0, 43, 44, 60
EXTENSION_BYTES = 8  # the shortest extension header; longer ones count in as many bytes
MAX_EXTENSIONS = 8  # a datagram with more is refused

UDP_PORT_AT = 2  # the destination's
UDP_LENGTH_AT = 4
UDP_BYTES = 8

#: What the pins bring, least significant bits first: eight bytes of one frame, the first byte
#: lowest, `count` of them real (eight but in the last word); `last` ends the frame, and `error`
#: says with it that the frame was received badly.
BEAT = {"data": 64, "count": 4, "last": 1, "error": 1}


def beats(frame: bytes, error: bool = False) -> list[int]:
    """The words that bring one frame; `error` if it was received badly."""
    starts = range(0, max(len(frame), 1), 8)
    return [
        int.from_bytes(frame[at : at + 8], "little")
        | len(frame[at : at + 8]) << 64
        | (at == starts[-1]) << 68
        | (error and at == starts[-1]) << 69
        for at in starts
    ]


#: Two words of one frame, the later in `data`; of it the first `arrived` bytes are there, one bit a
#: byte. `valid` says that `data` is new, `first` and `last` where in the frame it stands.
WINDOW = {"data": 64, "before": 64, "arrived": 8, "valid": 1, "first": 1, "last": 1}

#: What a frame is refused for, in this order, one bit each.
REASONS = dict.fromkeys(
    ["not_udp", "bad_header", "bad_checksum", "fragment", "bad_length", "filtered"], 1
)
