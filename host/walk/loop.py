"""The closed loop: a simulated exchange, the card, its policy and gate, and back, in lockstep."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tapeout.card.driver import Card
from tapeout.card.transport import Transport
from tapeout.errors import DataError, DeviceError
from tapeout.hdl.line.model import Frame
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.pretrade.layout import SLOTS
from tapeout.progress import Progress, Silent
from tapeout.sim.pcap import frame as ethernet
from tapeout.walk.ledger import Ledger

SESSION = b"TAPEOUT"
HEADERS = 14 + 4 + 20 + 8 + 20  # bytes of a frame before its first block
LENGTH = 2  # bytes before each message
SLICE = 256  # cycles in which exchange and card go on by themselves
AWAY_NS = 2_000  # one way between exchange and card; not less than a slice
BITS = 14  # of the ring
NS = 1_000_000_000
#: What the loop's orders are held to; see `tapeout.hdl.pretrade.layout`.
LIMITS = {
    "restricted": 0, "collar": 2_000, "max_shares": 500, "max_notional": 20_000,
    "max_position": 2_000,
}  # fmt: skip
GATE = {
    "max_gross": 1_000_000, "rate_cycles": 1_500, "rate_burst": 20, "repeat_cycles": 2_000,
}  # fmt: skip


class Stepped(Transport, Protocol):
    """A card whose clock moves when it is told to: see `tapeout.sim.card.lockstep.Lockstep`."""

    @property
    def cycle(self) -> int:
        """Cycles since power-up."""

    def wire(
        self, line: str, frames: Sequence[Frame], due: Sequence[int] | None = None
    ) -> list[int]:
        """Frames on a line; the cycle that each begins in."""

    def step(self, until: int) -> Sequence[tuple[int, int, bytes]]:
        """Go on to a cycle; first and last cycle of each message that left, and the message."""

    def reports(self, messages: Sequence[bytes], due: Sequence[int] | None = None) -> None:
        """The exchange's messages, none before its cycle."""


@dataclass(frozen=True)
class Looped:
    """What came of the loop.

    Parameters
    ----------
    latency : (M,) int64
        Cycles from the word with the last byte of a message to the first word of the order, or of
        the cancel, that it led to.
    clock_hz : int
        Of the card's clock.
    cycles : int
        How many were played.
    messages, records : int
        ITCH messages sent, book records made.
    orders : Counter
        Orders that left, by action.
    decisions : Counter
        By reason, in the gate's order.
    reports : Counter
        The exchange's messages, by type.
    traded : int
        Shares.
    position : dict of str to int
        Shares held at the end, by symbol.
    cash : float
        Dollars received less paid; positions are not valued.
    statistics : dict of str to int
        The card's counters.
    """

    latency: npt.NDArray[np.int64]
    clock_hz: int
    cycles: int
    messages: int
    records: int
    orders: Counter[str]
    decisions: Counter[str]
    reports: Counter[str]
    traded: int
    position: dict[str, int]
    cash: float
    statistics: dict[str, int]

    def ns(self, cycles: float) -> float:
        """Nanoseconds of so many cycles."""
        return cycles * NS / self.clock_hz


def loop(
    *,
    milliseconds: float = 10.0,
    instruments: int = 4,
    gap_ns: int = 1_000,
    seed: int = 1,
    kill_at: float | None = None,
    card: Callable[[], Stepped] | None = None,
    progress: Progress | None = None,
) -> Looped:
    """Let the card trade against a simulated exchange.

    Parameters
    ----------
    milliseconds : float
        Of the exchange's time.
    instruments : int
        1 to 16, each in a slot of the gate.
    gap_ns : int
        Mean time between two acts of the crowd.
    seed : int
        All that is random comes from it.
    kill_at : float, optional
        Milliseconds after which the kill switch is thrown.
    card : callable, optional
        Makes the card: the simulated one in this process, if none is given.

    Raises
    ------
    DataError
        "milliseconds must be above 0; got 0"
        "instruments must be 1 to 16; got 20"
        "gap_ns must be 1 or more; got 0"
    DeviceError
        If Verilator is not here.
    """
    if milliseconds <= 0:
        raise DataError(f"milliseconds must be above 0; got {milliseconds:g}")
    if not 1 <= instruments <= SLOTS:
        raise DataError(f"instruments must be 1 to {SLOTS}; got {instruments}")
    if gap_ns < 1:
        raise DataError(f"gap_ns must be 1 or more; got {gap_ns}")
    try:
        return _Loop(card or _simulated, instruments, gap_ns, seed).play(
            milliseconds, kill_at, (progress or Silent()).stage("trading", milliseconds)
        )
    except RuntimeError as reason:
        raise DeviceError(str(reason)) from None


def _simulated() -> Stepped:
    from tapeout.sim.card.lockstep import Lockstep

    return Lockstep()


class _Loop:
    """Exchange and card, and what is on the way between them."""

    def __init__(
        self, card: Callable[[], Stepped], instruments: int, gap_ns: int, seed: int
    ) -> None:
        from tapeout.sim.exchange.venue import Venue

        self._board, self._venue = card(), Venue(seed, instruments, gap_ns)
        self._card, self._ledger, self._sent = Card(self._board, bits=BITS), Ledger(), 0
        self._hz = self._card.identity.clock_hz

    def play(
        self, milliseconds: float, kill_at: float | None, advance: Callable[[float], object]
    ) -> Looped:
        """Open the market, then slice by slice."""
        card, board, venue = self._card, self._board, self._venue
        self._set_up()
        opened = self._opened()
        begin, on_the_way = board.cycle, list[tuple[int, bytes]]()
        end = begin + round(milliseconds * self._hz / 1_000)
        kill = end if kill_at is None else begin + round(kill_at * self._hz / 1_000)
        for at in range(begin, end, SLICE):
            if kill <= at < kill + SLICE:
                card.kill()
            until = min(at + SLICE, end)
            until_ns = opened + self._ns(until - begin)
            came = [one for one in on_the_way if one[0] < until_ns]
            on_the_way = on_the_way[len(came) :]
            said = venue.play(until_ns, came)
            self._send(said.packets, begin, opened)
            self._report(said.reports, begin, opened)
            for first, last, message in board.step(until):
                on_the_way.append((opened + self._ns(last - begin) + AWAY_NS, message))
                self._ledger.left(first, message)
            self._ledger.take(card.records())
            advance((until - at) * 1_000 / self._hz)
        return self._told(board.cycle - begin)

    def _ns(self, cycles: int) -> int:
        return cycles * NS // self._hz

    def _cycle(self, when_ns: int, begin: int, opened: int) -> int:
        """When what the exchange says is at the card."""
        return begin + -(-(when_ns + AWAY_NS - opened) * self._hz // NS)

    def _set_up(self) -> None:
        """Limits, and who is listened to; the gate opens last."""
        card, venue = self._card, self._venue
        card.start(lines="a")
        card.listen(range(1, len(venue.symbols) + 1))
        card.gate(GATE)
        for slot, symbol in enumerate(venue.symbols):
            name = int.from_bytes(symbol.encode().ljust(8))
            halves = {"symbol_low": name & 0xFFFFFFFF, "symbol_high": name >> 32}
            card.limits(slot, {"locate": slot + 1, **halves, **LIMITS})

    def _opened(self) -> int:
        """What rests before the market opens goes over the wire; when it opens."""
        packets, board = self._venue.opening().packets, self._board
        self._wire([messages for _, messages in packets], None)
        while self._card.statistics()["delivered"] < self._sent:
            board.step(board.cycle + SLICE)
            self._ledger.take(self._card.records())
        self._card.kill(False)
        self._card.trade()
        return packets[-1][0]

    def _send(self, packets: list[tuple[int, list[bytes]]], begin: int, opened: int) -> None:
        if packets:
            due = [self._cycle(when, begin, opened) for when, _ in packets]
            self._wire([messages for _, messages in packets], due)

    def _wire(self, packets: list[list[bytes]], due: list[int] | None) -> None:
        """Packets in frames; when the last byte of each message crosses."""
        frames, lasts = list[Frame](), list[list[int]]()
        for messages in packets:
            frames.append(Frame(ethernet(packet(SESSION, self._sent + 1, messages))))
            self._sent += len(messages)
            ends = HEADERS + np.cumsum([LENGTH + len(one) for one in messages])
            lasts.append(((ends - 1) // 8).tolist())
        number = self._sent - sum(map(len, lasts))
        for begin, words in zip(self._board.wire("a", frames, due), lasts, strict=True):
            for word in words:
                number += 1
                self._ledger.ends[number] = begin + word

    def _report(self, reports: list[tuple[int, bytes]], begin: int, opened: int) -> None:
        if reports:
            messages = [message for _, message in reports]
            self._board.reports(messages, [self._cycle(when, begin, opened) for when, _ in reports])
            self._ledger.reported(messages)

    def _told(self, cycles: int) -> Looped:
        ledger = self._ledger
        self._ledger.take(self._card.records())
        return Looped(
            ledger.latency(), self._hz, cycles, self._sent, ledger.records,
            ledger.orders, ledger.decisions, ledger.reports, ledger.traded, dict(ledger.position),
            ledger.ticks / 10_000, self._card.statistics(),
        )  # fmt: skip
