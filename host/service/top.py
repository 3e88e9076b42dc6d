"""The top of the book as a capture is replayed, faster or slower than it was."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tapeout.errors import DataError
from tapeout.feed.replay import Replay
from tapeout.feed.tape import Tape
from tapeout.hdl.book.layout import TRADES
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import Events, Quotes
from tapeout.market.books import Level
from tapeout.units import NS_PER_SECOND

FRAMES = 10  # a second
DAY_NS = 86_400 * NS_PER_SECOND
NOTHING = Level(0, 0)


@dataclass(frozen=True)
class Top:
    """One instrument's best bid and offer, its last printed trade, and what traded so far."""

    symbol: str
    bid: Level
    ask: Level
    last_ticks: int
    volume: int


class Watch:
    """Counts quote changes and trades as it hears of them."""

    def __init__(self) -> None:
        self.changes, self.volume, self.last = np.zeros((3, LOCATES), np.int64)

    def hear(self, events: Events, quotes: Quotes) -> None:
        """Take in what changed."""
        self.changes += np.bincount(quotes["instrument"], minlength=LOCATES)
        kinds = [int(kind) for kind in TRADES]
        trades = events[np.isin(events["kind"], kinds) & (events["printable"] > 0)]
        np.add.at(self.volume, trades["instrument"], trades["lots"])
        self.last[trades["instrument"]] = trades["trade_ticks"]

    def tops(self, replay: Replay, most: int) -> list[Top]:
        """The instruments whose quotes changed most often, by symbol."""
        met = np.argsort(-self.changes, kind="stable")[:most]
        names = replay.tape.directory
        rows = []
        for at in met[self.changes[met] > 0].tolist():
            bids, asks = replay.books.depth(at, 1)
            bid, ask = (side[0] if side else NOTHING for side in (bids, asks))
            last, volume = int(self.last[at]), int(self.volume[at])
            rows.append(Top(names.get(at, f"#{at}"), bid, ask, last, volume))
        return sorted(rows, key=lambda row: row.symbol)


def top(
    tape: Tape,
    show: Callable[[int, list[Top]], object],
    *,
    speed: float | None = 60.0,
    most: int = 20,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] = time.sleep,
) -> list[Top]:
    """Replay a capture and show the top of its books ten times a second.

    Parameters
    ----------
    tape : Tape
        Opened with the symbols to show; of all, those whose quotes change most often are.
    show : callable
        Given the exchange's time, ns since midnight, and the rows.
    speed : float or None
        Seconds of the exchange in one of ours; None shows nothing until the end, at full speed.
    most : int
        Rows shown.
    clock, wait : callable
        The time in seconds, and how to let it pass.

    Returns
    -------
    list of Top
        The rows at the end, which are shown last.

    Raises
    ------
    DataError
        "speed must be more than 0; got 0"
    """
    if speed is not None and not speed > 0:
        raise DataError(f"speed must be more than 0; got {speed:g}")
    replay, watch = Replay(tape), Watch()
    step = DAY_NS if speed is None else max(int(speed * NS_PER_SECOND / FRAMES), 1)
    now, due = 0, clock()
    for at in replay.until(step, 0, 4 * DAY_NS, watch.hear):
        now, due = at - tape.midnight_ns, due + 1 / FRAMES
        show(now, watch.tops(replay, most))
        wait(max(due - clock(), 0))
        due = max(due, clock() - 1 / FRAMES)
    rows = watch.tops(replay, most)
    show(now, rows)
    return rows
