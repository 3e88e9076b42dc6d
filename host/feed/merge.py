"""Several captures as one, in order of arrival: the lines of a feed, recorded apart."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tapeout.feed.capture import CHUNK_BYTES, Block, Capture
from tapeout.feed.source import Source
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.pcap import PACKET_DTYPE, Packets
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes


class Part(NamedTuple):
    """Packets, the bytes they stand in, when they arrived at the latest, and `Block.places`."""

    wire: Bytes
    packets: Packets
    clock: Ints
    places: Ints


NONE = Part(
    np.zeros(0, np.uint8), np.zeros(0, PACKET_DTYPE), np.zeros(0, np.int64), np.zeros((0, 2), int)
)


class Merged:
    """Iterates over blocks of all captures together, packets in order of arrival.

    Packets of one capture keep the order of its file, whatever their stamps; of packets that
    arrived at once, the first capture's comes first. Memory is a few blocks a capture. The rest is
    as for `Capture`; `end` is that of the first capture with bytes left over.
    """

    def __init__(self, sources: Sequence[Source], chunk_bytes: int = CHUNK_BYTES) -> None:
        self.captures = [Capture(source, chunk_bytes) for source in sources]

    def __iter__(self) -> Iterator[Block]:
        readers = [_Reader(number, capture) for number, capture in enumerate(self.captures)]
        kept = NONE
        while live := [reader for reader in readers if reader.clock.size]:
            horizon = min(int(reader.clock[-1]) for reader in live)
            parts = [reader.until(horizon) for reader in live]
            wire, packets, places = _joined(kept, parts)
            final = not any(reader.clock.size for reader in live)
            block = Block(wire, packets, 0, final, packets.size, places)
            yield block
            kept = _rest(block)

    @property
    def left(self) -> int:
        """The bytes nobody could use."""
        return sum(capture.left for capture in self.captures)

    @property
    def end(self) -> int:
        """The source byte behind the last packet of the first capture with bytes left."""
        return next((capture.end for capture in self.captures if capture.left), 0)

    def foreign(self) -> list[int]:
        """The source bytes of blocks of unknown kind since the last call."""
        return [byte for capture in self.captures for byte in capture.foreign()]


def together(sources: Sequence[Source], chunk_bytes: int = CHUNK_BYTES) -> Capture | Merged:
    """One capture as it is, several merged."""
    return Merged(sources, chunk_bytes) if len(sources) > 1 else Capture(sources[0], chunk_bytes)


class _Reader:
    """One capture's current block, and how far it is used."""

    def __init__(self, number: int, capture: Capture) -> None:
        self._number, self._blocks = number, iter(capture)
        self._latest, self._count = np.iinfo(np.int64).min, 0
        self._next()

    def _next(self) -> None:
        """Go to the next block; no clock says that there is none."""
        block, self._at, self.clock = next(self._blocks, None), 0, NONE.clock
        if block is not None:
            self._block, arrivals = block, block.packets["arrival_ns"]
            self.clock = np.maximum(np.maximum.accumulate(arrivals), self._latest)
            self._latest = int(self.clock[-1])

    def until(self, horizon_ns: int) -> Part:
        """Take the packets that arrived until then, with the bytes from the first to the last."""
        block, first = self._block, self._at
        self._at = int(np.searchsorted(self.clock, horizon_ns, "right"))
        if self._at == first:
            return NONE
        packets = block.packets[first : self._at].copy()
        begin = int(packets["start"][0])
        wire = block.wire[begin : int(packets["start"][-1] + packets["captured"][-1])].copy()
        places = np.column_stack(
            [self._count + np.arange(packets.size), block.base + packets["start"]]
        )
        packets["start"] -= begin
        packets["source"] = self._number
        part = Part(wire, packets, self.clock[first : self._at], places)
        self._count += packets.size
        if self._at == self.clock.size:
            self._next()
        return part


def _joined(kept: Part, parts: list[Part]) -> tuple[Bytes, Packets, Ints]:
    """What was kept, then the parts in order of arrival."""
    clock = np.concatenate([part.clock for part in parts])
    order = np.argsort(clock, kind="stable")
    wires, packets, offset = [kept.wire], [kept.packets], kept.wire.size
    for part in parts:
        part.packets["start"] += offset
        wires.append(part.wire)
        packets.append(part.packets)
        offset += part.wire.size
    fresh = np.concatenate(packets[1:])[order]
    places = np.concatenate([part.places for part in parts])[order]
    return (
        np.concatenate([*wires, np.zeros(SLACK, np.uint8)]),
        np.concatenate([kept.packets, fresh]),
        np.concatenate([kept.places, places]),
    )


def _rest(block: Block) -> Part:
    """The packets of a block that are not settled, and a copy of their bytes."""
    packets, places = block.packets[block.settled :].copy(), block.places
    pieces = [block.wire[p["start"] : p["start"] + p["captured"]] for p in packets]
    sizes: Any = packets["captured"].astype(np.int64)
    packets["start"] = np.cumsum(sizes) - sizes
    wire = np.concatenate([NONE.wire, *pieces])
    assert places is not None
    return Part(wire, packets, NONE.clock, places[block.settled :])
