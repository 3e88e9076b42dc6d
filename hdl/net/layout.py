"""What crosses the pins: Ethernet (IEEE 802.3, 802.1Q), IPv4 (RFC 791) and UDP (RFC 768) headers.

All integers are big-endian. Byte positions count from the start of their own header.
"""

ETHERTYPE_AT = 12
ETHERNET_BYTES = 14
ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_VLAN = 0x8100  # 802.1Q: four more bytes, then the next ethertype
ETHERTYPE_QINQ = 0x88A8  # 802.1ad outer tag
VLAN_BYTES = 4
MAX_TAGS = 2

IPV4_TOTAL_LENGTH_AT = 2
IPV4_FRAGMENT_AT = 6  # 3 flag bits, 13 offset bits
IPV4_MORE_FRAGMENTS = 0x2000
IPV4_OFFSET_MASK = 0x1FFF
IPV4_PROTOCOL_AT = 9
IPV4_CHECKSUM_AT = 10
IPV4_BYTES = 20
PROTOCOL_UDP = 17

UDP_LENGTH_AT = 4
UDP_BYTES = 8
