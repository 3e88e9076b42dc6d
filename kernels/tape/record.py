"""The rows of the tape as NumPy sees them: the record, bit for bit the gateware's; event; quote."""

from typing import Any

import numpy as np

from tapeout.hdl.itch.layout import RECORD

#: Timestamp (48 bits) and locate (16) share one 64-bit word; NumPy has no 48-bit integer.
STAMP_BITS = RECORD["timestamp"]
STAMP_MASK = (1 << STAMP_BITS) - 1
WELL_FORMED = 1

RECORD_DTYPE = np.dtype(
    [
        ("stamp", "<u8") if name == "timestamp" else (name, f"<u{bits // 8}")
        for name, bits in RECORD.items()
        if name != "locate"
    ]
)
assert RECORD_DTYPE.itemsize * 8 == sum(RECORD.values())

Ints = np.ndarray[Any, np.dtype[np.int64]]
Records = np.ndarray[Any, np.dtype[np.void]]


#: One change of one level, one trade, or a trading state. `side` is 1 for bids, -1 for asks, 0 for
#: neither; `mpid` (attribution) and `reason` are four letters as a big-endian integer; `code` is
#: the cross type of a cross and the trading state of a state.
EVENT_DTYPE = np.dtype(
    [
        ("exchange_ns", "<i8"),
        ("arrival_ns", "<i8"),
        ("sequence", "<i8"),
        ("price_ticks", "<i8"),
        ("lots", "<i8"),
        ("order_id", "<u8"),
        ("match_number", "<u8"),
        ("trade_ticks", "<i8"),
        ("instrument", "<u2"),
        ("kind", "u1"),
        ("side", "i1"),
        ("mpid", "<u4"),
        ("reason", "<u4"),
        ("printable", "<u2"),
        ("code", "<u2"),
    ]
)
#: The best quote of an instrument from here on; an empty side has zero lots at price zero.
QUOTE_DTYPE = np.dtype(
    [
        ("exchange_ns", "<i8"),
        ("arrival_ns", "<i8"),
        ("sequence", "<i8"),
        ("bid_ticks", "<i8"),
        ("bid_lots", "<i8"),
        ("ask_ticks", "<i8"),
        ("ask_lots", "<i8"),
        ("instrument", "<i8"),
    ]
)
Events = np.ndarray[Any, np.dtype[np.void]]
Quotes = np.ndarray[Any, np.dtype[np.void]]


def timestamp(records: Records) -> Ints:
    """Exchange clock of each record, ns since midnight, (M,) int64."""
    return (records["stamp"] & STAMP_MASK).astype(np.int64)


def locate(records: Records) -> Ints:
    """Stock locate of each record, (M,) int64."""
    return (records["stamp"] >> STAMP_BITS).astype(np.int64)
