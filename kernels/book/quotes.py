"""Changes of best prices to quotes: both sides of the instrument in every row.

Twin of what `replay` writes: the same rows, for the same messages.
"""

from typing import Any

import numpy as np

from tapeout.kernels._jit import jit_lean
from tapeout.kernels.book.tops import LOCATE_AT, TIME
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.moldudp import Messages
from tapeout.kernels.tape.record import Ints, Quotes

TICKS, SIZE = 0, 1


def quoted() -> Ints:
    """The last quote of each side, (131072, 2) int64: price and lots; bids even, asks odd."""
    return np.zeros((2 * LOCATES, 2), np.int64)


@jit_lean
def quotes(tops: Any, messages: Messages, midnight_ns: int, last: Ints, out: Quotes) -> None:
    """Write the quote that stands after each of `tops` to its row of `out`.

    `tops` (R,) TOP_DTYPE are what one update of a fold tells of `messages`; `last` is that of
    `quoted`, carried from update to update.
    """
    for row in range(tops.size):
        top, quote = tops[row], out[row]
        message = messages[top.message]
        bid = np.int64(top.stamp >> LOCATE_AT) * 2
        side = bid + (top.side < 0)
        last[side, TICKS], last[side, SIZE] = top.price_ticks, np.int64(top.lots)
        quote.exchange_ns = midnight_ns + np.int64(top.stamp & TIME)
        quote.arrival_ns, quote.sequence = message.arrival_ns, np.int64(message.sequence)
        quote.bid_ticks, quote.bid_lots = last[bid, TICKS], last[bid, SIZE]
        quote.ask_ticks, quote.ask_lots = last[bid + 1, TICKS], last[bid + 1, SIZE]
        quote.instrument = bid >> 1
