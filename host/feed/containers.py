"""What tells one kind of file from another: its header, and where its packets stand."""

import struct
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np

from tapeout.errors import FeedError
from tapeout.hdl.moldudp.layout import LAST_SEQUENCE
from tapeout.kernels.tape import pcap
from tapeout.kernels.tape.itch import LENGTHS
from tapeout.kernels.tape.pcap import Packets
from tapeout.kernels.tape.wire import Bytes

ETHERNET = 1
LINK_TYPES = {0: "BSD loopback", 101: "raw IP", 113: "Linux cooked", 276: "Linux cooked v2"}


class Container(Protocol):
    """A kind of file; one object reads one file.

    `foreign` collects the source bytes at which blocks of unknown kind stand.
    """

    foreign: list[int]

    def open(self, head: Bytes) -> int:
        """Read the file header; where the first packet starts."""

    def index(self, wire: Bytes, at: int, stop: int, out: Packets) -> tuple[int, int, int]:
        """Index the whole packets of `wire[at:stop]`; as `kernels.tape.pcap`."""

    def take(self, wire: Bytes, at: int, base: int) -> tuple[int, bool]:
        """Take the block at `at` that is no packet.

        Returns its size, or 0 while it is not whole, and whether it starts a new section.
        """

    def start_of(self, packet: np.void) -> int:
        """Where the record around a packet starts in the buffer."""

    def ends_with(self, rest: Bytes) -> bool:
        """Whether a file may end with these bytes behind its last packet."""


def _must_be_ethernet(path: Path, link_type: int) -> None:
    if link_type != ETHERNET:
        name = LINK_TYPES.get(link_type, "another")
        raise FeedError(
            f"{path} must be a capture of Ethernet (1); its link type is {name} ({link_type})"
        )


class Pcap:
    """Classic pcap, micro- or nanoseconds, either byte order."""

    def __init__(self, path: Path) -> None:
        self.foreign: list[int] = []
        self._path = path
        self._big_endian = False
        self._tick_ns = 1

    def open(self, head: Bytes) -> int:
        """Byte order and clock come from the magic number (draft-ietf-opsawg-pcap, section 4)."""
        if head.size < 24:
            raise FeedError(f"{self._path} ends inside its 24 byte file header")
        magic = head[:4].tobytes()
        self._big_endian = magic[:1] == b"\xa1"
        ordered = magic if self._big_endian else magic[::-1]
        self._tick_ns = 1 if ordered == b"\xa1\xb2\x3c\x4d" else 1_000
        (link_type,) = struct.unpack(">I" if self._big_endian else "<I", head[20:24].tobytes())
        _must_be_ethernet(self._path, link_type & 0xFFFF)
        return 24

    def index(self, wire: Bytes, at: int, stop: int, out: Packets) -> tuple[int, int, int]:
        """See `pcap_packets`."""
        return pcap.pcap_packets(wire, at, stop, self._big_endian, self._tick_ns, out)

    def take(self, wire: Bytes, at: int, base: int) -> tuple[int, bool]:
        """There are no other blocks."""
        raise NotImplementedError

    def start_of(self, packet: np.void) -> int:
        """A record header stands in front of the packet."""
        return int(packet["start"]) - pcap.RECORD_BYTES

    def ends_with(self, rest: Bytes) -> bool:
        """Only with nothing."""
        return rest.size == 0


class Pcapng:
    """pcapng: sections of interfaces and enhanced packet blocks; other blocks are skipped."""

    SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET = 0x0A0D0D0A, 1, 2, 3
    CLOCKLESS = MappingProxyType({OLD_PACKET: "packet (obsolete)", SIMPLE_PACKET: "simple packet"})
    PACKETLESS = (4, 5, 9, 10, 0xBAD, 0x40000BAD)  # names, statistics, journal, secrets, custom
    LONGEST = 1 << 20
    TSRESOL, TSOFFSET = 9, 14  # interface options

    def __init__(self, path: Path) -> None:
        self._path = path
        self._big_endian = False
        self._rates = np.zeros(0, np.int64)  # ticks per second of each interface
        self.foreign: list[int] = []
        self._taken = 0  # source byte behind the newest block taken

    def open(self, head: Bytes) -> int:
        """The file starts with a section block, taken like every later one."""
        self._order(head, 0)
        return 0

    def index(self, wire: Bytes, at: int, stop: int, out: Packets) -> tuple[int, int, int]:
        """See `pcapng_packets`."""
        return pcap.pcapng_packets(wire, at, stop, self._big_endian, self._rates, out)

    def take(self, wire: Bytes, at: int, base: int) -> tuple[int, bool]:
        """Sections set the byte order and forget the interfaces; interfaces set the clock."""
        kind, size = self._words(wire, at, 2)
        if kind == self.SECTION:
            if at + 12 > wire.size:
                return 0, False
            self._order(wire, at)
            kind, size = self._words(wire, at, 2)
        if size < 12 or size % 4 or size > self.LONGEST:
            raise FeedError(f"{self._path} has a block of {size:,} bytes at byte {base + at:,}")
        if at + size > wire.size:
            return 0, False
        if self._words(wire, at + size - 4, 1)[0] != size:
            raise FeedError(f"{self._path} has a block at byte {base + at:,} of two lengths")
        again, self._taken = base + at < self._taken, max(base + at + size, self._taken)
        if again:
            return size, False
        if kind == self.SECTION:
            self._rates = np.zeros(0, np.int64)
        elif kind == self.INTERFACE:
            self._interface(wire[at : at + size], base + at)
        elif kind not in self.PACKETLESS and kind not in self.CLOCKLESS:
            self.foreign.append(base + at)
        elif kind in self.CLOCKLESS:
            raise FeedError(
                f"{self._path} must keep packets in enhanced packet blocks; at byte"
                f" {base + at:,} stands a {self.CLOCKLESS[kind]} block, which has no clock"
            )
        return size, kind == self.SECTION

    def start_of(self, packet: np.void) -> int:
        """28 bytes of the block stand in front of the packet."""
        return int(packet["start"]) - 28

    def ends_with(self, rest: Bytes) -> bool:
        """Only with nothing."""
        return rest.size == 0

    def _words(self, wire: Bytes, at: int, count: int) -> tuple[int, ...]:
        order = ">" if self._big_endian else "<"
        return struct.unpack_from(f"{order}{count}I", wire[at : at + 4 * count].tobytes())

    def _order(self, wire: Bytes, at: int) -> None:
        """Byte order of a section (draft-ietf-opsawg-pcapng, section 4.1)."""
        magic = wire[at + 8 : at + 12].tobytes()
        if magic not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
            raise FeedError(f"{self._path} has a section without byte order: {magic.hex(' ')}")
        self._big_endian = magic[:1] == b"\x1a"

    def _interface(self, block: Bytes, place: int) -> None:
        """Link type and clock of one more interface (section 4.2)."""
        order = ">" if self._big_endian else "<"
        body = block.tobytes()
        _must_be_ethernet(self._path, struct.unpack_from(f"{order}H", body, 8)[0])
        rate, at = 1_000_000, 16
        while at + 4 <= len(body) - 4:
            code, length = struct.unpack_from(f"{order}HH", body, at)
            if code == self.TSRESOL and length == 1:
                resolution = body[at + 4]
                rate = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
            if code == self.TSOFFSET and any(body[at + 4 : at + 4 + length]):
                raise FeedError(f"{self._path} shifts its clock (if_tsoffset) at byte {place:,}")
            if code == 0:
                break
            at += 4 + length + -length % 4
        if rate > 9 * 10**9:
            raise FeedError(f"{self._path} counts time finer than 1 ns at byte {place:,}")
        self._rates = np.append(self._rates, np.int64(rate))


class BinaryFile:
    """Length-prefixed messages without packets (Nasdaq BinaryFILE 1.00)."""

    def __init__(self, path: Path) -> None:
        self.foreign: list[int] = []

    def open(self, head: Bytes) -> int:
        """There is no file header."""
        return 0

    def index(self, wire: Bytes, at: int, stop: int, out: Packets) -> tuple[int, int, int]:
        """See `binary_messages`."""
        return pcap.binary_messages(wire, at, stop, LENGTHS, out)

    def take(self, wire: Bytes, at: int, base: int) -> tuple[int, bool]:
        """There are no other blocks."""
        raise NotImplementedError

    def start_of(self, packet: np.void) -> int:
        """A two-byte length stands in front of the message."""
        return int(packet["start"]) - 2

    def ends_with(self, rest: Bytes) -> bool:
        """With nothing, or with a length of zero: the end of the session."""
        return rest.size == 0 or rest.tobytes() == b"\0\0"


class SoupBinTcp:
    """What a SoupBinTCP server sent (Nasdaq, version 3.00): messages numbered from a login on.

    Attributes
    ----------
    session : str
        The session logged in to.
    seen : (256,) int64
        Packets of each type so far.
    """

    LOGIN = 33  # bytes, with the length

    def __init__(self, path: Path) -> None:
        self.foreign: list[int] = []
        self.session = ""
        self.seen = np.zeros(256, np.int64)
        self._path = path
        self._number = np.ones(1, np.int64)

    def open(self, head: Bytes) -> int:
        """There is no file header."""
        return 0

    def index(self, wire: Bytes, at: int, stop: int, out: Packets) -> tuple[int, int, int]:
        """See `soup_messages`."""
        return pcap.soup_messages(wire, at, stop, self._number, self.seen, out)

    def take(self, wire: Bytes, at: int, base: int) -> tuple[int, bool]:
        """A login accepted says the session, and the number of the next message."""
        if at + self.LOGIN > wire.size:
            return 0, False
        session, number = (wire[at + a : at + b].tobytes().strip() for a, b in ((3, 13), (13, 33)))
        name = session.decode("latin-1")
        length = int.from_bytes(wire[at : at + 2].tobytes())
        if length != self.LOGIN - 2 or not number.isdigit() or int(number) > LAST_SEQUENCE:
            raise FeedError(f"{self._path} has a login that is none at byte {base + at:,}")
        if self.session not in ("", name):
            raise FeedError(
                f"{self._path} must hold one session; at byte {base + at:,}"
                f" {name!r} follows {self.session!r}"
            )
        self.session, self._number[0] = name, int(number)
        self.seen[pcap.SOUP_LOGIN] += 1
        return self.LOGIN, False

    def start_of(self, packet: np.void) -> int:
        """A two-byte length and a type stand in front of the message."""
        return int(packet["start"]) - pcap.SOUP_BYTES

    def ends_with(self, rest: Bytes) -> bool:
        """Only with nothing."""
        return rest.size == 0


CONTAINERS: dict[str, Callable[[Path], Container]] = {
    "pcap": Pcap,
    "pcapng": Pcapng,
    "itch": BinaryFile,
    "soup": SoupBinTcp,
}
