"""Depth as Arrow: one level of one instrument at one time a row, bid and ask side by side."""

import numpy as np
import pyarrow as pa

from tapeout.errors import DataError
from tapeout.kernels.tape.record import Quotes
from tapeout.market.quotes import symbols

MOST_LEVELS = 1_000

#: `level` counts from 1, the best. Where one side has fewer levels than the other, it has null
#: ticks and no lots; an instrument with no level at all has no row.
DEPTH = pa.schema(
    [
        pa.field("time_ns", pa.int64(), nullable=False),
        pa.field("instrument", pa.uint16(), nullable=False),
        pa.field("symbol", pa.string()),
        pa.field("level", pa.uint16(), nullable=False),
        pa.field("bid_ticks", pa.int64()),
        pa.field("bid_lots", pa.int64(), nullable=False),
        pa.field("ask_ticks", pa.int64()),
        pa.field("ask_lots", pa.int64(), nullable=False),
    ],
    metadata={"unit": "ticks of 1/10000 USD, lots of 1 share, ns UTC", "version": "1"},
)


def check_levels(levels: int) -> None:
    """Refuse a number of levels that no snapshot has.

    Raises
    ------
    DataError
        "levels must be from 1 to 1,000; got 0"
    """
    if not 1 <= levels <= MOST_LEVELS:
        raise DataError(f"levels must be from 1 to {MOST_LEVELS:,}; got {levels:,}")


def depth_batch(snapshots: list[tuple[int, Quotes]], directory: dict[int, str]) -> pa.RecordBatch:
    """Snapshots of `Books.snapshot` with their times, ns UTC, as a record batch of `DEPTH`."""
    rows = np.concatenate([found for _, found in snapshots])
    times = np.repeat([time for time, _ in snapshots], [found.size for _, found in snapshots])
    columns = [
        pa.array(times.astype(np.int64)),
        pa.array(rows["instrument"]),
        symbols(rows["instrument"], directory),
        pa.array(rows["level"]),
        pa.array(rows["bid_ticks"], mask=rows["bid_lots"] == 0),
        pa.array(rows["bid_lots"]),
        pa.array(rows["ask_ticks"], mask=rows["ask_lots"] == 0),
        pa.array(rows["ask_lots"]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=DEPTH)
