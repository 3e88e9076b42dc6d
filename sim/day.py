"""A simulated exchange day as a capture file, and the exchange's own books to check it against."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.record import RECORD_DTYPE, Ints, Records, timestamp
from tapeout.sim import draws, flow, values
from tapeout.sim.exchange import itch, matching
from tapeout.sim.tap import Tap

#: Of chemical elements; no company is meant.
SYMBOLS = """
    HYDR HELI LITH BERY BORN CARB NITR OXYG FLUO NEON SODI MAGN ALUM SILI PHOS SULF CHLO ARGN POTA
    CALC SCAN TITA VANA CHRO MANG IRON COBA NICK COPP ZINC GALL GERM ARSE SELE BROM KRYP RUBI STRO
    YTTR ZIRC NIOB MOLY TECH RUTH RHOD PALL SILV CADM INDI TINN ANTI TELL IODI XENO CESI BARI LANT
    CERI PRAS NEOD PROM SAMA EURO GADO
""".split()

MIDNIGHT_NS = 1_767_589_200_000_000_000  # 2026-01-05 00:00 in New York
OPEN_NS, CLOSE_NS = 34_200_000_000_000, 57_600_000_000_000
PRE_OPEN_NS = OPEN_NS - 60_000_000_000
NS = 1_000_000_000
SECONDS = (CLOSE_NS - OPEN_NS) // NS
BAR_NS = 60_000_000_000
LEVELS, MOST_ORDERS, OPENING_ORDERS = 8_192, 2_048, 80
EVENTS = 1 << 15  # of one block
FEWEST_TO_PLANT = 500  # packets; a block of fewer is left as it is
BURST = 8  # mean events that come together
_ORDER_STREAM, _FLOW_STREAM, _PRICE_STREAM = 0, 1_000, 99

Report = Callable[[float], object]


@dataclass(frozen=True)
class Planted:
    """A disturbance put into the capture on purpose."""

    what: str
    sequence: int
    messages: int


@dataclass(frozen=True)
class Oracle:
    """What the exchange itself knows at the end of the day.

    Parameters
    ----------
    symbols : list of str
        The symbol of locates 1, 2, ...
    books : matching.Exchange
        Its books; `matching.depth` reads them.
    quote : (T, N, 4) int64
        Bid, its shares, ask, its shares at the end of each minute from 09:30; ticks and lots.
    messages, packets : int
        How many were sent, repeats not counted.
    planted : list of Planted
        What was disturbed on the way into the file.
    """

    symbols: list[str]
    books: matching.Exchange
    quote: Ints
    messages: int
    packets: int
    planted: list[Planted]


class SimulatedDay:
    """One trading day of N instruments: matching, order flow, ITCH, MoldUDP64, frames.

    Parameters
    ----------
    seed : int
        All that is random comes from it; the same seed gives the same bytes.
    instruments : int
        N, 64 at most.
    events : int
        Acts of traders between 09:30 and 16:00; each causes about one message.
    """

    def __init__(self, seed: int = 1, instruments: int = 64, events: int = 1_000_000) -> None:
        if not 1 <= instruments <= len(SYMBOLS):
            raise ValueError(f"instruments must be 1 to {len(SYMBOLS)}; got {instruments}")
        if events < 1:
            raise ValueError(f"events must be at least 1; got {events}")
        self.seed, self.events = seed, events
        self.symbols = SYMBOLS[:instruments]
        dollars = 20 + (draws.words(seed, _PRICE_STREAM, instruments) % 180).astype(np.int64)
        floor = np.maximum(100 * dollars - LEVELS // 2, 1)
        self.books = matching.exchange(floor, LEVELS, MOST_ORDERS)
        activity = 1.0 / (np.arange(instruments) + 5.0)  # Zipf, flattened at the top
        share = activity / activity.sum()
        self._choice = np.repeat(np.arange(instruments), np.ceil(share * 4_096).astype(np.int64))
        self._day = flow.Day(
            fair=values.fair_values(seed, 100 * dollars, SECONDS),
            far=_distances(),
            half_spread=np.maximum(dollars // 40, 1),
            target=np.minimum(200 + (share * 20_000).astype(np.int64), MOST_ORDERS // 2),
            quote=np.full((SECONDS * NS // BAR_NS, instruments, 4), -1),
            open_ns=OPEN_NS,
            bar_ns=BAR_NS,
        )

    def write(self, path: Path, report: Report = lambda done: None) -> Oracle:
        """Write the day to `path` as nanosecond pcap; `report` is told how many events are done."""
        with path.open("wb") as out:
            sender = _Sender(out, self.symbols)
            sender.send_messages(itch.opening(self.symbols, PRE_OPEN_NS), PRE_OPEN_NS)
            sender.send(self.opening_orders(), plant=False)
            sender.send_messages([itch.system_event("Q", OPEN_NS)], OPEN_NS)
            for first in range(0, self.events, EVENTS):
                count = min(EVENTS, self.events - first)
                plant = first <= self.events // 2 < first + count
                sender.send(self._block(first, count), plant)
                report(count)
            for code in "MEC":
                sender.send_messages([itch.system_event(code, CLOSE_NS)], CLOSE_NS)
        tap, quote = sender.tap, _filled(self._day.quote)
        return Oracle(
            self.symbols, self.books, quote, tap.sequence - 1, tap.packets, sender.planted
        )

    def opening_orders(self) -> Records:
        """What the exchange says to the orders that rest before the market opens."""
        n = len(self.symbols)
        instruments = np.tile(np.arange(n), OPENING_ORDERS)
        words = draws.words(self.seed, _ORDER_STREAM, instruments.size, 2)
        words[:, 0] &= np.uint64(1 << 10)  # an add, on either side, by no informed trader
        times = PRE_OPEN_NS + 1_000_000 * np.arange(1, instruments.size + 1)
        return self.played(times, instruments, words)

    def move(self, by: Ints) -> None:
        """Fair values rise from now on by so many 1/1,000 cent, (N,)."""
        self._day.fair[...] += by

    def _block(self, first: int, count: int) -> Records:
        """The next `count` events: when, for which instrument, and what comes of them."""
        words = draws.words(self.seed, _FLOW_STREAM + first, count, 5)
        starts = words[:, 2] % np.uint64(BURST) == 0
        starts[0] = True
        numbers = np.arange(count)
        burst = np.maximum.accumulate(np.where(starts, numbers, 0))
        gaps = 300 + (words[:, 3] % np.uint64(5_000)).astype(np.int64)
        within = np.cumsum(np.where(starts, 0, gaps))
        times = _clock((first + burst) / self.events) + within - within[burst]
        fresh = starts | (words[:, 3] >> np.uint64(60) < 8)
        drawn = self._choice[(words[:, 4] % np.uint64(self._choice.size)).astype(np.int64)]
        instruments = drawn[np.maximum.accumulate(np.where(fresh, numbers, 0))]
        return self.played(times, instruments, words[:, :2])

    def played(self, times: Ints, instruments: Ints, words: draws.Words) -> Records:
        """What the exchange says to (E,) events: at `times`, in `instruments`, driven by (E, 2)."""
        parts, at = [], 0
        while at < times.size:
            out = np.zeros(2 * times.size + flow.MOST_ROWS + flow.MOST_FILLS, RECORD_DTYPE)
            played, rows = flow.flow(
                self.books,
                self._day,
                times[at:],
                instruments[at:],
                np.ascontiguousarray(words[at:]),
                out,
            )
            parts.append(out[:rows])
            at += played
        return np.concatenate(parts)


class _Sender:
    """Sends records and messages through a tap; disturbs two packets on the way."""

    def __init__(self, out: BinaryIO, symbols: list[str]) -> None:
        self.tap, self.planted = Tap(out, MIDNIGHT_NS), list[Planted]()
        self._symbols = itch.symbol_words(symbols)

    def send(self, records: Records, plant: bool) -> None:
        """Send records; `plant` makes one packet late and another come twice."""
        starts = np.zeros(records.size + 1, np.int64)
        buffer = np.zeros(records.size * 64 + SLACK, np.uint8)
        starts[-1] = itch.write(records, self._symbols, buffer, starts)
        self._send(buffer, starts, MIDNIGHT_NS + timestamp(records), plant)

    def send_messages(self, messages: list[bytes], now_ns: int) -> None:
        """Send messages that are bytes already, all at one time."""
        buffer, starts = itch.framed(messages)
        times = np.full(len(messages), MIDNIGHT_NS + now_ns)
        self._send(buffer, starts, times, plant=False)

    def _send(self, buffer: np.ndarray, starts: Ints, times: Ints, plant: bool) -> None:
        firsts = self.tap.packed(starts, times)
        order = np.arange(firsts.size - 1)
        if plant and order.size > FEWEST_TO_PLANT:
            order = self._disturbed(order, firsts)
        self.tap.send(buffer, starts, times, firsts, order)

    def _disturbed(self, order: Ints, firsts: Ints) -> Ints:
        """One packet is missing where it should be and comes 40 packets later; one comes twice."""
        filled = np.flatnonzero(np.diff(firsts[: order.size + 1]) >= 5)  # packets worth losing
        late, twice = filled[filled.size // 4], filled[filled.size // 2]
        behind = 40
        for what, packet in (("gap, filled later", late), ("repeat", twice)):
            self.planted.append(
                Planted(
                    what,
                    self.tap.sequence + int(firsts[packet]),
                    int(firsts[packet + 1] - firsts[packet]),
                )
            )
        return np.concatenate(
            [
                order[:late],
                order[late + 1 : late + behind],
                [late],
                order[late + behind : twice],
                [twice, twice],
                order[twice + 1 :],
            ]
        )


def _distances() -> Ints:
    """1,024 distances from the fair value: Pareto of exponent 1.3, cut at 400 levels."""
    evenly = (np.arange(1_024) + 0.5) / 1_024
    return np.minimum(evenly ** (-1 / 1.3), 400).astype(np.int64) - 1


def _clock(share: np.ndarray[Any, np.dtype[np.float64]]) -> Ints:
    """When that share of a day's events is over: busy at both ends, quiet at noon."""
    x = np.linspace(0, 1, 1_001)
    done = np.cumsum(1 + 3 * (2 * x - 1) ** 2)
    through = np.interp(share, (done - done[0]) / (done[-1] - done[0]), x)
    return np.asarray(OPEN_NS + (through * (CLOSE_NS - OPEN_NS - NS)).astype(np.int64))


def _filled(quote: Ints) -> Ints:
    """Minutes without an event keep the quote of the minute before."""
    known = quote[..., :1] >= 0
    last = np.maximum.accumulate(np.where(known, np.arange(len(quote))[:, None, None], 0))
    return np.asarray(np.take_along_axis(quote, last, axis=0))
