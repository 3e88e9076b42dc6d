"""The best levels of many instruments at once, side by side: one row an instrument and level."""

import numpy as np

from tapeout.kernels._jit import jit
from tapeout.kernels.book.levels import LEVELS, LOTS, PRICE, START
from tapeout.kernels.tape.record import Ints, Quotes

#: `level` counts from 1, the best; a side with fewer levels has no lots at price zero there.
LEVEL_DTYPE = np.dtype(
    [
        ("bid_ticks", "<i8"),
        ("bid_lots", "<i8"),
        ("ask_ticks", "<i8"),
        ("ask_lots", "<i8"),
        ("instrument", "<u2"),
        ("level", "<u2"),
    ]
)


@jit
def _snapshot(runs: Ints, pool: Ints, locates: Ints, most: int, out: Quotes) -> None:
    """Fill `out`, which has just enough rows."""
    row = 0
    for index in range(locates.size):
        bid, ask = 2 * locates[index], 2 * locates[index] + 1
        last_bid = runs[bid, START] + runs[bid, LEVELS] - 1
        last_ask = runs[ask, START] + runs[ask, LEVELS] - 1
        for level in range(min(most, max(runs[bid, LEVELS], runs[ask, LEVELS]))):
            one = out[row]
            one.instrument, one.level = locates[index], level + 1
            one.bid_ticks = one.bid_lots = one.ask_ticks = one.ask_lots = 0
            if level < runs[bid, LEVELS]:
                one.bid_ticks = pool[last_bid - level, PRICE]
                one.bid_lots = pool[last_bid - level, LOTS]
            if level < runs[ask, LEVELS]:
                one.ask_ticks = pool[last_ask - level, PRICE]
                one.ask_lots = pool[last_ask - level, LOTS]
            row += 1


def snapshot(runs: Ints, pool: Ints, locates: Ints, most: int) -> Quotes:
    """The best `most` levels of the instruments at `locates`: (R,) LEVEL_DTYPE, best first.

    `runs` and `pool` are as `kernels.book.levels` keeps them.
    """
    deeper = np.maximum(runs[2 * locates, LEVELS], runs[2 * locates + 1, LEVELS])
    out = np.empty(int(np.minimum(deeper, most).sum()), LEVEL_DTYPE)
    _snapshot(runs, pool, locates, most, out)
    return out
