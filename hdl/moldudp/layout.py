"""What crosses the pins: the MoldUDP64 downstream packet.

Nasdaq MoldUDP64 Protocol Specification 1.00, "Downstream Packet". A header, then `message_count`
blocks of a 2-byte big-endian length and as many bytes. `sequence` numbers the first message.
"""

SESSION = slice(0, 10)  # text
SEQUENCE = slice(10, 18)
MESSAGE_COUNT = slice(18, 20)
HEADER_BYTES = 20
PREFIX_BYTES = 2

HEARTBEAT = 0  # message count of a packet that only tells the next sequence number
END_OF_SESSION = 0xFFFF  # message count of the last packets of a session; tells the next, too
LAST_SEQUENCE = (1 << 62) - 1  # nobody counts so far: a larger number is a broken packet

#: Messages the gateware reads at least have the head that all of ITCH has: two blocks then never
#: end in one word of eight bytes, so a line needs no pause. A shorter one is taken for a misfit.
SHORTEST_MESSAGE = 11

#: A block that has ended, the packet's header or a message: its first bytes, the very first lowest.
BODY_BYTES = 50
BLOCK = {"body": 8 * BODY_BYTES, "header": 1, "valid": 1}
#: Of a block before it is put together: whether it is the header, else its type and length.
KIND = {"type": 8, "length": 16, "header": 1}
