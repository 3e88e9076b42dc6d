"""What crosses the pins of a line: a record a message, and one before them for each packet.

The stream is made of `tapeout.hdl.itch.layout.RECORD`; bits of its field `flags` tell what is not a
message. The record of a packet says where its session stands: `sequence` is the number of the next
message, `length` how many messages follow (0 of a heartbeat, 0xFFFF at the end of a session),
`subject` the first eight bytes of the session and `locate` the last two, big-endian.
"""

from enum import IntFlag


class Flag(IntFlag):
    """Bits of a record's `flags`."""

    WELL_FORMED = 1  # a message of known type and right length
    PACKET = 2  # a packet's header: its messages follow
    GAP = 4  # `subject` messages from number `sequence` on are lost


#: Which frames are let in, a pin each. A test that is not enabled lets all in.
FILTER = {"port": 16, "port_enable": 1, "group": 32, "group_enable": 1}

#: What a line counts, each modulo 2**32. A frame is refused for one reason, or it is cut, or not
#: MoldUDP64, or sound.
COUNTS = dict.fromkeys(
    [
        "frames",
        "not_udp",  # over IPv4, behind at most two tags
        "bad_header",  # impossible version or header length
        "bad_checksum",
        "fragment",
        "bad_length",  # lengths of IPv4 and UDP that contradict each other
        "filtered",
        "cut",  # ended early, or received badly
        "not_moldudp64",  # blocks before the misfit are read
        "packets",  # records of packets, among them:
        "heartbeats",
        "ends",
        "messages",  # records of messages, among them:
        "unknown_type",
        "wrong_length",
    ],
    32,
)
