"""What each instrument is worth at every second: a market, sectors, and a life of its own."""

from typing import Any

import numpy as np

from tapeout.sim.draws import gaussian, words

SECTORS = 8
MILLICENTS = 1_000  # value is kept in 1/1,000 cent
ROOT_SECONDS = 153  # square root of the 23,400 seconds of a session
#: Daily volatility in 1/10,000 of the price: market, sector, own.
MARKET, SECTOR, OWN = 90, 60, 110

Values = np.ndarray[Any, np.dtype[np.int64]]
_MARKET_STREAM, _SECTOR_STREAM, _OWN_STREAM, _BETA_STREAM = range(100, 104)


def fair_values(seed: int, opening_cents: Values, seconds: int) -> Values:
    """Fair value in 1/1,000 cent, (seconds, N), starting at `opening_cents` (N,).

    Each second adds a step `beta * market + sector + own`, whose sizes make up about 1.5 % a day.
    """
    n = opening_cents.size
    price = opening_cents * MILLICENTS
    beta = 50 + (words(seed, _BETA_STREAM, n) % 101).astype(np.int64)  # percent
    market = gaussian(seed, _MARKET_STREAM, seconds, 1, scale=1_000)
    sector = gaussian(seed, _SECTOR_STREAM, seconds, SECTORS, scale=1_000)
    own = gaussian(seed, _OWN_STREAM, seconds, n, scale=1_000)
    step = MARKET * beta * market // 100
    step = step + SECTOR * sector[:, np.arange(n) % SECTORS] + OWN * own
    unit = 1_000 * 10_000 * ROOT_SECONDS
    moves = (step * price + unit // 2) // unit  # to the nearest: a floor would be a drift
    return np.ascontiguousarray(price + np.cumsum(moves, axis=0))
