"""What is listed on a large exchange: symbols, price ranges, and how much each name trades."""

from math import isqrt
from typing import Any, NamedTuple

import numpy as np

from tapeout.kernels._jit import jit
from tapeout.kernels.tape.record import Ints
from tapeout.sim.draws import Words, words
from tapeout.sim.exchange.matching import CENT

Names = np.ndarray[Any, np.dtype[np.uint16]]  # instruments, counted from 0

MOST_INSTRUMENTS = (1 << 16) - 2  # a locate has 16 bits
FLAT = 10  # Zipf's law, flattened: the r-th name's activity goes with 1 / (r + FLAT)
PLACES = 1 << 18  # activity is counted in about so many
LEVELS = 512  # prices of an instrument
LOW_PRICED = 32  # one name in so many costs less than a dollar
_RANK_STREAM, _PRICE_STREAM = 200, 201


class Listing(NamedTuple):
    """N instruments.

    `symbols` are of locates 1, 2, ...; `floor` and `tick` (N,) as for the exchange; `choice` (C,)
    names every instrument as often as its activity asks; `activity` (N,) counts that.
    """

    symbols: list[str]
    floor: Ints
    tick: Ints
    choice: Names
    activity: Ints


def listing(seed: int, instruments: int) -> Listing:
    """The instruments of a seed; no symbol is a company's, as they have digits.

    A name below a dollar has ticks of 1/10,000 dollar, as Regulation NMS Rule 612 allows; the
    others, of 6 to 500 dollars, have ticks of a cent.
    """
    if not 1 <= instruments <= MOST_INSTRUMENTS:
        raise ValueError(f"instruments must be 1 to {MOST_INSTRUMENTS:,}; got {instruments:,}")
    weights = (1 << 32) // (np.arange(instruments) + FLAT)
    by_rank = np.maximum(weights * PLACES // weights.sum(), 1)
    ranked = np.argsort(words(seed, _RANK_STREAM, instruments), kind="stable")
    activity = np.zeros(instruments, np.int64)
    activity[ranked] = by_rank
    draw = words(seed, _PRICE_STREAM, instruments, 2)
    low = draw[:, 0] % np.uint64(LOW_PRICED) == 0
    cents = 101 + (draw[:, 1] % np.uint64(49_400)).astype(np.int64)
    return Listing(
        [f"T{number:05d}" for number in range(1, instruments + 1)],
        np.where(low, 500 + 17 * cents % 8_900, cents),
        np.where(low, 1, CENT),
        np.repeat(ranked, by_rank).astype(np.uint16),
        activity,
    )


def rooms(listed: Listing, messages: int, per_mille: int) -> Ints:
    """How many orders may rest in each name if `per_mille` of its messages leave one, (N,)."""
    total = int(listed.activity.sum())
    shares = [messages * int(part) // total for part in listed.activity]
    return np.array([64 + share * per_mille // 1_000 + 8 * isqrt(share) for share in shares])


@jit
def chosen(choice: Names, draws: Words, same: int, name: int, out: Names) -> int:
    """The instruments of the next messages, by activity, in `out` (E,); returns the last.

    `same` messages in 256 stay on the `name` of the one before.
    """
    for place in range(out.size):
        if np.int64(draws[place] & np.uint64(0xFF)) >= same:
            name = np.int64(choice[(draws[place] >> np.uint64(16)) % np.uint64(choice.size)])
        out[place] = name
    return name
