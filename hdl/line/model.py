"""Golden model of a line: frames to the records that leave it, and what it counts."""

from collections.abc import Iterator
from typing import NamedTuple

from tapeout.hdl.itch.layout import MESSAGES, Record
from tapeout.hdl.itch.model import decode
from tapeout.hdl.line.layout import COUNTS, Flag
from tapeout.hdl.moldudp.layout import (
    END_OF_SESSION,
    HEADER_BYTES,
    HEARTBEAT,
    LAST_SEQUENCE,
    MESSAGE_COUNT,
    PREFIX_BYTES,
    SEQUENCE,
    SESSION,
    SHORTEST_MESSAGE,
)
from tapeout.hdl.net.layout import (
    ETHERTYPE_IPV4,
    IPV4_BYTES,
    IPV4_DESTINATION_AT,
    UDP_BYTES,
    UDP_PORT_AT,
)
from tapeout.hdl.net.model import datagram, network

WORD_BYTES = 8
REASONS = {
    "not UDP": "not_udp",
    "IPv4 header": "bad_header",
    "checksum": "bad_checksum",
    "fragment": "fragment",
    "length": "bad_length",
}


class Frame(NamedTuple):
    """A frame on the wire, when its first byte came, and whether it was received badly."""

    wire: bytes
    arrival_ns: int = 0
    error: bool = False


class Line:
    """Reads frame by frame, as the bytes come: what was whole stays, whatever comes after it.

    `port` and `group` name the only UDP port and IPv4 destination let in; None lets all in. The
    last word of a frame received badly is not looked at.
    """

    def __init__(self, port: int | None = None, group: int | None = None) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self._port, self._group = port, group

    def read(self, frame: Frame) -> list[Record]:
        """The records of one frame."""
        wire = frame.wire
        if frame.error:
            wire = wire[: (len(wire) - 1) // WORD_BYTES * WORD_BYTES]
        self.counts["frames"] += 1
        place = self._place(wire)
        if isinstance(place, str):
            self.counts[place] += 1
            return []
        start, stop = place
        records, sound = self._packet(wire[start:stop], stop - start, frame.arrival_ns)
        if frame.error or (stop > len(wire) and stop - start >= HEADER_BYTES):
            self.counts["cut"] += 1
        elif not sound:
            self.counts["not_moldudp64"] += 1
        return records

    def _place(self, wire: bytes) -> tuple[int, int] | str:
        """Where the UDP payload starts and stops, or what is counted instead.

        A frame is judged when its last header is in; until then it counts as cut.
        """
        kind, at = network(wire)
        if len(wire) < at:
            return "cut"
        if kind != ETHERTYPE_IPV4:
            return "not_udp"
        header = max((wire[at] & 15) * 4, IPV4_BYTES) if len(wire) > at else 0
        if len(wire) < at + header + UDP_BYTES or not header:
            return "cut"
        found = datagram(wire)
        if isinstance(found, str):
            return REASONS[found]
        port = int.from_bytes(wire[at + header + UDP_PORT_AT :][:2])
        group = int.from_bytes(wire[at + IPV4_DESTINATION_AT :][:4])
        if self._port not in (None, port) or self._group not in (None, group):
            return "filtered"
        return found[:2]

    def _packet(self, payload: bytes, size: int, arrival_ns: int) -> tuple[list[Record], bool]:
        """The records of what is here of a payload of `size` bytes, and whether it is sound."""
        sequence = int.from_bytes(payload[SEQUENCE])
        if len(payload) < HEADER_BYTES or sequence > LAST_SEQUENCE:
            return [], False
        session, count = payload[SESSION], int.from_bytes(payload[MESSAGE_COUNT])
        head = Record(
            sequence,
            arrival_ns,
            subject=int.from_bytes(session[:8]),
            locate=int.from_bytes(session[8:]),
            flags=Flag.PACKET,
            length=count,
        )
        self.counts["packets"] += 1
        self.counts["heartbeats"] += count == HEARTBEAT
        self.counts["ends"] += count == END_OF_SESSION
        expected = 0 if count == END_OF_SESSION else count
        messages, end = list(_blocks(payload, expected)), HEADER_BYTES
        for message in messages:
            self._count(message)
            end += PREFIX_BYTES + len(message)
        records = [decode(m, sequence + k, arrival_ns) for k, m in enumerate(messages)]
        return [head, *records], len(messages) == expected and end == size

    def _count(self, message: bytes) -> None:
        self.counts["messages"] += 1
        if (kind := chr(message[0])) not in MESSAGES:
            self.counts["unknown_type"] += 1
        elif len(message) != MESSAGES[kind].length:
            self.counts["wrong_length"] += 1


def _blocks(payload: bytes, count: int) -> Iterator[bytes]:
    """The messages before the first block that does not fit, or that no message would fill."""
    at = HEADER_BYTES
    for _ in range(count):
        body = at + PREFIX_BYTES
        length = int.from_bytes(payload[at:body])
        if length < SHORTEST_MESSAGE or body + length > len(payload):
            return
        yield payload[body : body + length]
        at = body + length
