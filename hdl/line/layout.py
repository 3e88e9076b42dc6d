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
