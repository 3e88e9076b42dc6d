"""Best quotes and trades as Arrow: one change of the best bid or offer, or one trade, a row."""

from typing import Any

import numpy as np
import pyarrow as pa

from tapeout.hdl.book.layout import TRADES as TRADE_KINDS
from tapeout.hdl.book.layout import Kind
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import Events, Quotes
from tapeout.market.events import KINDS

_UNITS = {"unit": "ticks of 1/10000 USD, lots of 1 share, ns UTC", "version": "1"}
_WHEN = [
    pa.field("exchange_ns", pa.int64(), nullable=False),
    pa.field("arrival_ns", pa.int64()),
    pa.field("sequence", pa.int64(), nullable=False),
    pa.field("instrument", pa.uint16(), nullable=False),
    pa.field("symbol", pa.string()),
]

#: The best bid and offer from a message on, a row for each that changed any of the four. A side
#: that is empty has null ticks and no lots.
QUOTES = pa.schema(
    [
        *_WHEN,
        pa.field("bid_ticks", pa.int64()),
        pa.field("bid_lots", pa.int64(), nullable=False),
        pa.field("ask_ticks", pa.int64()),
        pa.field("ask_lots", pa.int64(), nullable=False),
    ],
    metadata=_UNITS,
)

#: Every trade, printed or not. `kind` is "execute" (of a displayed order), "trade" (of one that was
#: not) or "cross" (an auction); `taker` is 1 where a buyer took a displayed offer, -1 where a
#: seller took a displayed bid, else 0. Trades broken later are in `tapeout.events` as "break".
TRADES = pa.schema(
    [
        *_WHEN,
        pa.field("kind", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("price_ticks", pa.int64(), nullable=False),
        pa.field("lots", pa.int64(), nullable=False),
        pa.field("taker", pa.int8(), nullable=False),
        pa.field("match_number", pa.uint64()),
        pa.field("printable", pa.bool_(), nullable=False),
    ],
    metadata=_UNITS,
)


def quote_batch(quotes: Quotes, directory: dict[int, str]) -> pa.RecordBatch:
    """Quotes of `Books.update` as a record batch of `QUOTES`."""
    columns = [
        *when(quotes, directory),
        pa.array(quotes["bid_ticks"], mask=quotes["bid_lots"] == 0),
        pa.array(quotes["bid_lots"]),
        pa.array(quotes["ask_ticks"], mask=quotes["ask_lots"] == 0),
        pa.array(quotes["ask_lots"]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=QUOTES)


def trade_batch(events: Events, directory: dict[int, str]) -> pa.RecordBatch:
    """The trades among the events of `Books.update` as a record batch of `TRADES`."""
    trades = events[np.isin(events["kind"], [int(kind) for kind in TRADE_KINDS])]
    taker = np.where(trades["kind"] == Kind.EXECUTE, -trades["side"], 0).astype(np.int8)
    columns = [
        *when(trades, directory),
        pa.DictionaryArray.from_arrays(pa.array(trades["kind"].astype(np.int8)), pa.array(KINDS)),
        pa.array(trades["trade_ticks"]),
        pa.array(trades["lots"]),
        pa.array(taker),
        pa.array(trades["match_number"], mask=trades["match_number"] == 0),
        pa.array(trades["printable"].astype(bool)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=TRADES)


def when(rows: Any, directory: dict[int, str]) -> list[pa.Array]:
    """Both clocks, sequence, instrument and symbol of structured rows."""
    return [
        pa.array(rows["exchange_ns"]),
        pa.array(rows["arrival_ns"], mask=rows["arrival_ns"] == 0),
        pa.array(rows["sequence"]),
        pa.array(rows["instrument"].astype(np.uint16)),
        symbols(rows["instrument"], directory),
    ]


def symbols(locates: Any, directory: dict[int, str]) -> pa.Array:
    """The symbol of each locate, null where the directory does not know it."""
    each, index = np.flatnonzero(np.bincount(locates)), np.zeros(LOCATES, np.int32)
    names = pa.array([directory.get(at) for at in each.tolist()], pa.string())
    index[each] = np.arange(each.size)
    return names.take(pa.array(index[locates]))
