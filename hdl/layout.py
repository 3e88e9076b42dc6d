"""What crosses the pins of every block: the faults a tape can have, numbered for all counters."""

from enum import IntEnum
from typing import NamedTuple


class Fault(IntEnum):
    """What can be wrong on the way from the wire to the book, in the order of the way."""

    FOREIGN_BLOCK = 0
    SHORT_CAPTURE = 1
    ARRIVAL_BACKWARDS = 2
    NOT_UDP = 3
    BAD_HEADER = 4
    BAD_CHECKSUM = 5
    FRAGMENT = 6
    NOT_MOLDUDP64 = 7
    UNSEQUENCED = 8
    WILD_SEQUENCE = 9
    OTHER_SESSION = 10
    REPEATED = 11
    REPAIRED = 12
    FILLED = 13
    GAP = 14
    SILENT_LINE = 15
    ZERO_PREFIX = 16
    UNKNOWN_TYPE = 17
    WRONG_LENGTH = 18
    TIME_BACKWARDS = 19
    TRUNCATED = 20
    UNKNOWN_REFERENCE = 21
    REPEATED_REFERENCE = 22
    TOO_MANY_SHARES = 23
    ZERO_SHARES = 24
    BAD_SIDE = 25
    WRONG_INSTRUMENT = 26
    CROSSED = 27


class Treatment(NamedTuple):
    """What is counted, what is done about it, and whether a strict reader stops there."""

    what: str
    done: str
    stops: bool


TREATMENTS = {
    Fault.FOREIGN_BLOCK: Treatment("capture blocks of unknown kind", "passed over", False),
    Fault.SHORT_CAPTURE: Treatment(
        "packets captured shorter than they were", "whole messages in them are read", True
    ),
    Fault.ARRIVAL_BACKWARDS: Treatment(
        "packets stamped earlier than the one before", "kept in file order", True
    ),
    Fault.NOT_UDP: Treatment("frames that are not UDP over IP", "passed over", False),
    Fault.BAD_HEADER: Treatment("frames with impossible header lengths", "dropped", True),
    Fault.BAD_CHECKSUM: Treatment("IPv4 headers with a wrong checksum", "dropped", True),
    Fault.FRAGMENT: Treatment("fragments of IP datagrams", "dropped: a feed never fragments", True),
    Fault.NOT_MOLDUDP64: Treatment(
        "datagrams whose blocks do not fit MoldUDP64", "blocks before the misfit are read", True
    ),
    Fault.UNSEQUENCED: Treatment(
        "packets without a sequence number", "read in file order, repeats not told", False
    ),
    Fault.WILD_SEQUENCE: Treatment(
        "messages numbered where their session is not", "dropped with their packet", True
    ),
    Fault.OTHER_SESSION: Treatment(
        "messages of another session than the first", "read into the same books", True
    ),
    Fault.REPEATED: Treatment("messages seen before or too late", "dropped", False),
    Fault.REPAIRED: Treatment("messages that came late", "put back in sequence", False),
    Fault.FILLED: Treatment("messages no line had", "taken from the retransmitted", False),
    Fault.GAP: Treatment("messages lost", "instruments touched since are stale", True),
    Fault.SILENT_LINE: Treatment(
        "silences of a line while another spoke", "the others are read on", False
    ),
    Fault.ZERO_PREFIX: Treatment(
        "messages with a length prefix of zero", "length taken from the type", True
    ),
    Fault.UNKNOWN_TYPE: Treatment("messages of unknown type", "skipped by their length", True),
    Fault.WRONG_LENGTH: Treatment(
        "messages whose length is not their type's", "skipped by their length", True
    ),
    Fault.TIME_BACKWARDS: Treatment(
        "messages stamped earlier than the one before", "kept in sequence order", True
    ),
    Fault.TRUNCATED: Treatment("bytes after the last whole message", "left unread", True),
    Fault.UNKNOWN_REFERENCE: Treatment("messages about an order never added", "not applied", True),
    Fault.REPEATED_REFERENCE: Treatment(
        "orders added under a live reference", "not applied: the first stays", True
    ),
    Fault.TOO_MANY_SHARES: Treatment(
        "executions or cancels beyond what rests", "the rest is taken", True
    ),
    Fault.ZERO_SHARES: Treatment("order messages of no shares", "not applied", True),
    Fault.BAD_SIDE: Treatment("orders neither B nor S", "not applied", True),
    Fault.WRONG_INSTRUMENT: Treatment(
        "messages naming another instrument than their order's", "the order's is taken", True
    ),
    Fault.CROSSED: Treatment("book messages that leave bid >= ask", "kept as sent", False),
}
