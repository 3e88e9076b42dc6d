"""Blocks of whole packets from a capture of any size, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tapeout.errors import FeedError
from tapeout.feed.containers import CONTAINERS, Container
from tapeout.feed.source import Source
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.pcap import (
    CORRUPT,
    DONE,
    ENDED,
    FULL,
    OTHER_BLOCK,
    PACKET_DTYPE,
    Packets,
)
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes

CHUNK_BYTES = 1 << 22
PACKETS = 1 << 16


@dataclass
class Block:
    """Consecutive packets (or messages) of a source.

    Parameters
    ----------
    wire : (B,) uint8
        Bytes, with `SLACK` readable ones behind the last.
    packets : (M,) PACKET_DTYPE
        Where the packets stand in `wire`.
    base : int
        How many bytes of the source came before `wire`.
    final : bool
        Nothing follows that belongs together with these packets: all must be settled.
    settled : int
        Set by the reader of the block: how many packets it is done with. The others come again,
        in front of the next block.
    places : (M, 2) int64, optional
        Of packets from several captures: which packet of its own it is, and its first byte there.
    """

    wire: Bytes
    packets: Packets
    base: int
    final: bool
    settled: int = 0
    places: Ints | None = None


class Capture:
    """Iterates over the blocks of a source; afterwards `left` tells the bytes nobody could use."""

    def __init__(self, source: Source, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.source = source
        self.container: Container = CONTAINERS[source.container](source.path)
        self.left = 0
        self._chunk = chunk_bytes
        self._wire = np.zeros(chunk_bytes + SLACK, np.uint8)
        self._fill = 0  # bytes of the buffer in use
        self._base = 0  # bytes of the source in front of the buffer
        self._packets = 0  # packets settled so far
        self._end = 0
        self._index = np.zeros(PACKETS, PACKET_DTYPE)

    def __iter__(self) -> Iterator[Block]:
        ended = not self._refill(0)
        at = self.container.open(self._wire[: self._fill])
        while True:
            count, stop, status, section = self._indexed(at)
            if status == CORRUPT:
                raise self._corrupt(count, stop)
            final = section or status == ENDED or (ended and status == DONE)
            block = Block(
                self._wire[: self._fill + SLACK], self._index[:count], self._base, final, count
            )
            if count:
                yield block
            self._packets += block.settled
            if final and not section:
                break
            at, more = stop, status == DONE
            if block.settled < count:
                at, more = self.container.start_of(block.packets[block.settled]), True
                if status == FULL:
                    self._index = np.zeros(2 * self._index.size, PACKET_DTYPE)
            if more or self._fill - at < self._chunk // 2:
                ended = not self._refill(at) or ended
                at = 0
        rest, behind = self._wire[stop : self._fill], self._behind(status == ENDED)
        self._end = self._base + stop
        self.left = 0 if behind == 0 and self.container.ends_with(rest) else rest.size + behind

    def _indexed(self, at: int) -> tuple[int, int, int, bool]:
        """Index from `at` on, taking blocks without packets on the way.

        Returns as the container's `index`, and whether a new section starts there.
        """
        count = 0
        while True:
            more, at, status = self.container.index(self._wire, at, self._fill, self._index[count:])
            count += more
            if status != OTHER_BLOCK:
                return count, at, status, False
            taken, section = self.container.take(self._wire[: self._fill], at, self._base)
            at += taken
            if section or taken == 0:
                return count, at, OTHER_BLOCK if section else DONE, section

    def foreign(self) -> list[int]:
        """The source bytes of blocks of unknown kind since the last call."""
        found, self.container.foreign = self.container.foreign, []
        return found

    @property
    def end(self) -> int:
        """The source byte behind the last packet."""
        return self._end

    def _behind(self, ended: bool) -> int:
        """How many bytes stand behind the buffer in a session that has ended before its file."""
        return (
            sum(len(chunk) for chunk in iter(lambda: self.source.read(self._chunk), b""))
            if ended
            else 0
        )

    def _refill(self, at: int) -> bool:
        """Drop what stands before `at` and read on; False at the end of the source."""
        kept = self._fill - at
        if kept + self._chunk + SLACK > self._wire.size:
            larger = np.zeros(kept + 2 * self._chunk + SLACK, np.uint8)
            larger[:kept] = self._wire[at : self._fill]
            self._wire = larger
        else:
            self._wire[:kept] = self._wire[at : self._fill].copy()
        read = self.source.read_into(self._wire[kept : kept + self._chunk])
        self._fill = kept + read
        self._base += at
        return read > 0

    def _corrupt(self, count: int, at: int) -> FeedError:
        return FeedError(
            f"{self.source.path} must hold whole packets; packet {self._packets + count + 1:,}"
            f" at byte {self._base + at:,} has an impossible header:"
            f" {self._wire[at : at + 16].tobytes().hex(' ')}"
        )


assert DONE == 0  # nothing is left to do when `index` says so
