"""A whole exchange's day of ITCH: thousands of instruments, tens of millions of messages.

The crowd knows its own books, so whatever reads its messages can be held against them. All of it is
integers from one seed: the same seed gives the same bytes on every machine.

Memory does not grow with the messages once `MOST_LIVE` orders may rest: 24 bytes a level of each
instrument (98 MB for 8,000), 40 bytes an order that may rest, and one block of messages.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.record import RECORD_DTYPE, Ints
from tapeout.kernels.tape.wire import Bytes
from tapeout.sim import draws
from tapeout.sim.day import CLOSE_NS, MIDNIGHT_NS, OPEN_NS, PRE_OPEN_NS
from tapeout.sim.exchange import itch, matching
from tapeout.sim.habits import acts
from tapeout.sim.hawkes import BRANCHING_PER_MILLE, Hawkes
from tapeout.sim.listing import LEVELS, Names, chosen, listing, rooms
from tapeout.sim.tap import Tap

INSTRUMENTS, MESSAGES = 8_000, 20_000_000
CONTAINERS = ("pcap", "itch")
SECONDS = 21_600  # the messages come in about six hours from the open
BLOCK = 1 << 15  # messages; another number would mean other bytes
LEFT_PER_MILLE = 60  # messages in 1,000 that leave an order behind, with room to spare
MOST_LIVE = 4_000_000  # orders that rest, about
SAME_NAME = 77  # messages in 256 that stay on the name of the one before: 30 %
_ARRIVALS, _NAMES, _ACTS = 1 << 40, 2 << 40, 3 << 40  # streams, one a block from there on

Report = Callable[[float], object]


@dataclass(frozen=True)
class Oracle:
    """What the exchange itself knows at the end of the day.

    Parameters
    ----------
    symbols : list of str
        The symbol of locates 1, 2, ...
    books : matching.Exchange
        Its books.
    messages : int
        How many were sent, system events and directory among them.
    """

    symbols: list[str]
    books: matching.Exchange
    messages: int

    def depth(self, locate: int, side: int) -> list[tuple[int, int]]:
        """Every level of one side (`matching.BID` or `ASK`) as (ticks, lots), best first."""
        return matching.depth(self.books, locate - 1, side)

    def quote(self, locate: int) -> tuple[int, int, int, int]:
        """Best bid, its lots, best ask, its lots; zeros where there is none."""
        bid, ask = ((*self.depth(locate, side), (0, 0))[0] for side in (0, 1))
        return *bid, *ask

    def orders(self, locate: int) -> int:
        """How many orders rest in one instrument."""
        return int(self.books.count[locate - 1])

    @property
    def live(self) -> int:
        """How many orders rest in all of them."""
        return int(self.books.count.sum())


class Block(NamedTuple):
    """Messages ready to send.

    `wire` (B,) uint8 holds them, each behind its two-byte length; `starts` (M + 1,) where each
    begins and the last ends; `times_ns` (M,) when, since midnight.
    """

    wire: Bytes
    starts: Ints
    times_ns: Ints


class Crowd:
    """One day of N instruments, block by block; iterate once.

    Parameters
    ----------
    seed : int
        All that is random comes from it.
    messages : int
        How many about orders and trades; directory and system events come on top.
    instruments : int
        N, 65,534 at most.
    branching_per_mille : int
        How many messages one brings about, on average, in 1,000ths: see `Hawkes`.
    """

    def __init__(
        self,
        seed: int = 1,
        messages: int = MESSAGES,
        instruments: int = INSTRUMENTS,
        branching_per_mille: int = BRANCHING_PER_MILLE,
    ) -> None:
        if messages < 1:
            raise ValueError(f"messages must be at least 1; got {messages}")
        self.seed, self.messages = seed, messages
        self._listed = listing(seed, instruments)
        most = min(messages, MOST_LIVE * 1_000 // LEFT_PER_MILLE)
        room = rooms(self._listed, most, LEFT_PER_MILLE)
        self._books = matching.exchange(self._listed.floor, LEVELS, room, self._listed.tick)
        self._clock = Hawkes(1_000 * messages // SECONDS, OPEN_NS, branching_per_mille)
        self._words = itch.symbol_words(self._listed.symbols)
        self._name = 0
        self._sent = 0
        self._records = np.zeros(BLOCK, RECORD_DTYPE)

    def __iter__(self) -> Iterator[Block]:
        yield self._said(itch.opening(self._listed.symbols, PRE_OPEN_NS), PRE_OPEN_NS)
        yield self._said([itch.system_event("Q", OPEN_NS)], OPEN_NS)
        with ThreadPoolExecutor(1) as beside:  # what is drawn depends on no book
            ahead = beside.submit(self._drawn, 0)
            for first in range(0, self.messages, BLOCK):
                drawn = ahead.result()
                if first + BLOCK < self.messages:
                    ahead = beside.submit(self._drawn, first + BLOCK)
                yield self._acted(*drawn)
        yield self._said([itch.system_event(code, CLOSE_NS) for code in "MEC"], CLOSE_NS)

    @property
    def oracle(self) -> Oracle:
        """What is known by now."""
        return Oracle(self._listed.symbols, self._books, self._sent)

    def _said(self, messages: list[bytes], now_ns: int) -> Block:
        """Messages that are bytes already, all at one time."""
        self._sent += len(messages)
        wire, starts = itch.framed(messages)
        return Block(wire, starts, np.full(len(messages), now_ns))

    def _drawn(self, first: int) -> tuple[Ints, Names, draws.Words]:
        """When messages `first`, ... come, in which names, and what decides the acts."""
        block, count = first // BLOCK, min(BLOCK, self.messages - first)
        times = self._clock.times(draws.words(self.seed, _ARRIVALS + block, count))
        names = np.zeros(count, np.uint16)
        words = draws.words(self.seed, _NAMES + block, count)
        self._name = chosen(self._listed.choice, words, SAME_NAME, self._name, names)
        acting = draws.words(self.seed, _ACTS + block, count, 2)
        return np.minimum(times, CLOSE_NS - 1), names, acting

    def _acted(self, times: Ints, names: Names, acting: draws.Words) -> Block:
        """The next acts of traders, and what the exchange says to them."""
        self._sent += times.size
        records = self._records[: times.size]
        acts(self._books, times, names, acting, records)
        starts = np.zeros(times.size + 1, np.int64)
        wire = np.empty(times.size * 64 + SLACK, np.uint8)
        starts[-1] = itch.write(records, self._words, wire, starts)
        return Block(wire[: starts[-1]], starts, times)


def write_messages(
    seed: int = 1, messages: int = MESSAGES, instruments: int = INSTRUMENTS
) -> tuple[Bytes, Oracle]:
    """A day in memory: length-prefixed messages (B,) uint8, directory first, and the books."""
    crowd = Crowd(seed, messages, instruments)
    return np.concatenate([block.wire for block in crowd]), crowd.oracle


def write(
    path: Path,
    seed: int = 1,
    messages: int = MESSAGES,
    instruments: int = INSTRUMENTS,
    container: str = "pcap",
    report: Report = lambda done: None,
) -> Oracle:
    """A day as a file, written block by block.

    `container` is "pcap" (nanoseconds, MoldUDP64) or "itch" (messages behind their lengths, Nasdaq
    BinaryFILE). `report` is told how many messages more are written.
    """
    if container not in CONTAINERS:
        raise ValueError(f"container must be pcap or itch; got {container!r}")
    crowd = Crowd(seed, messages, instruments)
    with path.open("wb") as out:
        tap = Tap(out, MIDNIGHT_NS) if container == "pcap" else None
        for block in crowd:
            if tap:
                times = MIDNIGHT_NS + block.times_ns
                tap.send(block.wire, block.starts, times, tap.packed(block.starts, times))
            else:
                out.write(block.wire.data)
            report(block.times_ns.size)
    return crowd.oracle
