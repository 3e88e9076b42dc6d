"""What a stream of frames brings: message types, the lanes they begin and end in, tags, faults."""

from collections import Counter

from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.moldudp.layout import HEADER_BYTES, PREFIX_BYTES
from tapeout.hdl.moldudp.model import unframe
from tapeout.hdl.net.layout import (
    ETHERNET_BYTES,
    ETHERTYPE_AT,
    ETHERTYPE_QINQ,
    ETHERTYPE_VLAN,
    UDP_BYTES,
    VLAN_BYTES,
)
from tapeout.hdl.net.model import payload
from tapeout.sim.whole.witness import HAZARDS

LANES = 8
TAGS = range(3)
TAGGED = {kind.to_bytes(2) for kind in (ETHERTYPE_VLAN, ETHERTYPE_QINQ)}
MANY = 3  # messages in a packet: none, one, two, more
#: (lane of the first byte, lane of the last) of a message of some type.
ALIGNMENTS = {
    (lane, (lane + one.length - 1) % LANES) for one in MESSAGES.values() for lane in range(LANES)
}
#: (type, lane of its first byte): the lane of the last byte follows.
PLACES = {(kind, lane) for kind in MESSAGES for lane in range(LANES)}


class Functional:
    """Counts what was met; `table` tells it."""

    def __init__(self):
        self.types, self.alignments, self.places = Counter(), Counter(), Counter()
        self.tags, self.sizes, self.hazards = Counter(), Counter(), set()

    def frame(self, wire):
        """A sound frame: Ethernet with tags, IPv4, UDP, MoldUDP64."""
        tags = 0
        while wire[ETHERTYPE_AT + VLAN_BYTES * tags :][:2] in TAGGED:
            tags += 1
        at = ETHERNET_BYTES + VLAN_BYTES * tags
        at += 4 * (wire[at] & 15) + UDP_BYTES + HEADER_BYTES
        messages = unframe(payload(wire)).messages
        self.tags[tags] += 1
        self.sizes[min(len(messages), MANY)] += 1
        for message in messages:
            at += PREFIX_BYTES
            self._message(message, at % LANES)
            at += len(message)

    def _message(self, message, lane):
        kind = chr(message[0])
        if kind in MESSAGES and len(message) == MESSAGES[kind].length:
            self.types[kind] += 1
            self.places[kind, lane] += 1
            self.alignments[lane, (lane + len(message) - 1) % LANES] += 1

    def saw(self, met):
        """What a witness has seen: bits of `HAZARDS`."""
        self.hazards |= {name for bit, name in enumerate(HAZARDS) if met >> bit & 1}

    def table(self):
        """Name, how many were met, of how many, and which were not."""
        for name, met, of in (
            ("message types", self.types, MESSAGES),
            ("lanes of first and last byte", self.alignments, ALIGNMENTS),
            ("types at each lane", self.places, PLACES),
            ("VLAN tags", self.tags, TAGS),
            ("messages in a packet", self.sizes, range(MANY + 1)),
            ("hazards", self.hazards, HAZARDS),
        ):
            missed = [one for one in of if one not in met]
            yield name, len(of) - len(missed), len(of), missed
