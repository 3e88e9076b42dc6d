"""An exchange that is played slice by slice: a crowd, and one participant whose orders come in."""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.record import Ints, Records, timestamp
from tapeout.sim import draws
from tapeout.sim.day import OPEN_NS, PRE_OPEN_NS, SimulatedDay
from tapeout.sim.exchange import itch
from tapeout.sim.exchange.port import Port

_GAP_STREAM, _FLOW_STREAM, _FAIR_STREAM = 1 << 20, 1 << 21, 1 << 22
MOVE_NS = 20_000  # fair values move so often
MOVE = 600  # by about so many 1/1,000 cent
AHEAD = 1 << 12  # events drawn at once
Timed = tuple[int, bytes]


class Said(NamedTuple):
    """What an exchange says in a slice: when and what, to the participant and on the feed.

    `packets` are the messages that are sent together; all times are ns since midnight.
    """

    reports: list[Timed]
    packets: list[tuple[int, list[bytes]]]


class Venue:
    """A simulated exchange of N instruments; stock locate n is the n-th of `symbols`, from 1.

    Fair values are a random walk. The crowd acts around them at exponential distances, whatever the
    participant does, but in the books in which its orders rest, too; an order that comes in the
    same nanosecond as an act is first.

    Parameters
    ----------
    seed : int
        All that is random comes from it.
    instruments : int
        N, 64 at most.
    gap_ns : int
        Mean time between two acts of the crowd.
    """

    def __init__(self, seed: int = 1, instruments: int = 4, gap_ns: int = 2_000) -> None:
        self._day = SimulatedDay(seed, instruments)
        self.symbols, self.books = self._day.symbols, self._day.books
        self.port = Port(self.books, self.symbols)
        self._words = itch.symbol_words(self.symbols)
        self._seed, self._gap_ns, self._drawn = seed, gap_ns, 0
        self._times, self._now, self._moves = np.zeros(0, np.int64), OPEN_NS, OPEN_NS
        self._instruments, self._draws = np.zeros(0, np.int64), np.zeros((0, 2), np.uint64)

    def opening(self) -> Said:
        """What is said before the market opens: directory, and the orders that rest already."""
        packets = [(PRE_OPEN_NS, [one]) for one in itch.opening(self.symbols, PRE_OPEN_NS)]
        packets += self._packets(self._day.opening_orders())
        return Said([], [*packets, (OPEN_NS, [itch.system_event("Q", OPEN_NS)])])

    def play(self, until_ns: int, arrivals: Iterable[Timed] = ()) -> Said:
        """What happens up to before `until_ns`; `arrivals` of the participant come in order.

        Raises
        ------
        ValueError
            "arrivals must be in order, from 34200000001000 on; got 34200000000000"
        """
        reports, packets = list[Timed](), list[tuple[int, list[bytes]]]()
        for when, message in arrivals:
            if not self._now <= when < until_ns:
                raise ValueError(f"arrivals must be in order, from {self._now} on; got {when}")
            self._crowd(when, reports, packets)
            told, records = self.port.receive(message, when)
            reports += [(when, one) for one in told]
            packets += self._packets(records)
        self._crowd(until_ns, reports, packets)
        return Said(reports, packets)

    def _crowd(
        self, until_ns: int, reports: list[Timed], packets: list[tuple[int, list[bytes]]]
    ) -> None:
        """The crowd acts up to before `until_ns`."""
        while not self._times.size or self._times[-1] < until_ns:
            self._draw()
        for stop in [*range(self._moves, until_ns, MOVE_NS), until_ns]:
            self._act(stop, reports, packets)
            if stop == self._moves:
                self._moves += MOVE_NS
                self._day.move(self._step(self._moves))
        self._now = until_ns

    def _step(self, stream: int) -> Ints:
        """How fair values move."""
        return draws.gaussian(self._seed, _FAIR_STREAM + stream, len(self.symbols), scale=MOVE)

    def _act(
        self, until_ns: int, reports: list[Timed], packets: list[tuple[int, list[bytes]]]
    ) -> None:
        """The crowd acts up to before `until_ns`, around one fair value."""
        count = int(np.searchsorted(self._times, until_ns))
        if count:
            records = self._day.played(
                self._times[:count], self._instruments[:count], self._draws[:count]
            )
            for one in range(records.size):
                part = records[one : one + 1]
                when = int(timestamp(part)[0])
                reports += [(when, message) for message in self.port.met(part)]
            packets += self._packets(records)
            self._times, self._instruments, self._draws = (
                left[count:] for left in (self._times, self._instruments, self._draws)
            )

    def _draw(self) -> None:
        """More acts to come."""
        words = draws.words(self._seed, _GAP_STREAM + self._drawn, AHEAD, 2)
        flow = draws.words(self._seed, _FLOW_STREAM + self._drawn, AHEAD, 2)
        self._drawn += 1
        uniform = (words[:, 0] >> np.uint64(11)).astype(np.float64) / (1 << 53)
        gaps = np.maximum(np.rint(-self._gap_ns * np.log1p(-uniform)), 1).astype(np.int64)
        last = int(self._times[-1]) if self._times.size else OPEN_NS
        named = (words[:, 1] % np.uint64(len(self.symbols))).astype(np.int64)
        self._times = np.concatenate([self._times, last + np.cumsum(gaps)])
        self._instruments = np.concatenate([self._instruments, named])
        self._draws = np.concatenate([self._draws, flow])

    def _packets(self, records: Records) -> Iterator[tuple[int, list[bytes]]]:
        """What one act causes goes in one packet."""
        if not records.size:
            return
        starts = np.zeros(records.size + 1, np.int64)
        buffer = np.zeros(records.size * 64 + SLACK, np.uint8)
        starts[-1] = itch.write(records, self._words, buffer, starts)
        times: Ints = timestamp(records)
        messages = [
            buffer[start + itch.PREFIX : stop].tobytes()
            for start, stop in itertools.pairwise(starts)
        ]
        cuts = [0, *(np.flatnonzero(np.diff(times)) + 1).tolist(), records.size]
        for first, stop in itertools.pairwise(cuts):
            yield int(times[first]), messages[first:stop]
