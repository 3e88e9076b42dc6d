"""Book events as Arrow: one change of one price level, or one trade, a row."""

import numpy as np
import pyarrow as pa

from tapeout.hdl.book.layout import Kind
from tapeout.kernels.tape.record import Events

KINDS = ["", *(kind.name.lower() for kind in Kind)]

#: Two clocks in ns UTC (the exchange's, and the capture's where it has one), prices in ticks of
#: 1/10,000 dollar, sizes in lots of one share. `side` is 1 for bids, -1 for asks, 0 for neither;
#: `trade_ticks` is what was paid where lots traded, `price_ticks` the level that changed.
BOOK_EVENTS = pa.schema(
    [
        pa.field("exchange_ns", pa.int64(), nullable=False),
        pa.field("arrival_ns", pa.int64()),
        pa.field("sequence", pa.int64(), nullable=False),
        pa.field("instrument", pa.uint16(), nullable=False),
        pa.field("symbol", pa.string()),
        pa.field("kind", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("side", pa.int8(), nullable=False),
        pa.field("price_ticks", pa.int64()),
        pa.field("lots", pa.int64(), nullable=False),
        pa.field("order_id", pa.uint64()),
        pa.field("match_number", pa.uint64()),
        pa.field("trade_ticks", pa.int64()),
        pa.field("printable", pa.bool_(), nullable=False),
    ],
    metadata={"unit": "ticks of 1/10000 USD, lots of 1 share, ns UTC", "version": "1"},
)


def event_batch(events: Events, directory: dict[int, str]) -> pa.RecordBatch:
    """Events of `Books.update` as a record batch of `BOOK_EVENTS`.

    `directory` is stock locate to symbol; a locate it does not know has a null symbol.
    """
    displayed = events["kind"] < Kind.TRADE
    locates, index = np.unique(events["instrument"], return_inverse=True)
    names = pa.array([directory.get(int(at)) for at in locates], pa.string())
    kinds = pa.DictionaryArray.from_arrays(
        pa.array(events["kind"].astype(np.int8)), pa.array(KINDS)
    )
    columns = {
        "exchange_ns": pa.array(events["exchange_ns"]),
        "arrival_ns": pa.array(events["arrival_ns"], mask=events["arrival_ns"] == 0),
        "sequence": pa.array(events["sequence"]),
        "instrument": pa.array(events["instrument"]),
        "symbol": names.take(pa.array(index)),
        "kind": kinds,
        "side": pa.array(events["side"]),
        "price_ticks": pa.array(events["price_ticks"], mask=~displayed),
        "lots": pa.array(events["lots"]),
        "order_id": pa.array(events["order_id"], mask=~displayed),
        "match_number": pa.array(events["match_number"], mask=events["match_number"] == 0),
        "trade_ticks": pa.array(events["trade_ticks"], mask=events["trade_ticks"] == 0),
        "printable": pa.array(events["printable"].astype(bool)),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=BOOK_EVENTS)
