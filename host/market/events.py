"""Book events as Arrow: one change of one price level, or one trade, a row."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from tapeout.hdl.book.layout import STATES, Kind
from tapeout.kernels.tape.record import Events

KINDS = ["", *(kind.name.lower() for kind in Kind)]
LOCATES = 1 << 16

#: Two clocks in ns UTC (the exchange's, and the capture's where it has one), prices in ticks of
#: 1/10,000 dollar, sizes in lots of one share. `side` is 1 for bids, -1 for asks, 0 for neither;
#: `trade_ticks` is what was paid where lots traded, `price_ticks` the level that changed.
#: `attribution` is the market participant of a displayed order, where it has one; `cross_type` is
#: the letter of a cross (O, C, H, I); `trading_state` is one of `STATES` in words, with its
#: `reason`. A `break` voids what printed under its `match_number`.
#: `gap` says that `lots` messages are lost from `sequence` on; `stale`, that one of those may have
#: been about this instrument; `recovered`, that its book begins anew with the adds that follow.
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
        pa.field("attribution", pa.string()),
        pa.field("cross_type", pa.string()),
        pa.field("trading_state", pa.string()),
        pa.field("reason", pa.string()),
    ],
    metadata={"unit": "ticks of 1/10000 USD, lots of 1 share, ns UTC", "version": "2"},
)


def event_batch(events: Events, directory: dict[int, str]) -> pa.RecordBatch:
    """Events of `Books.update` as a record batch of `BOOK_EVENTS`.

    `directory` is stock locate to symbol; a locate it does not know has a null symbol.
    """
    kind, match = events["kind"], events["match_number"]
    displayed, state = kind < Kind.TRADE, kind == Kind.STATE
    kinds = pa.DictionaryArray.from_arrays(pa.array(kind.astype(np.int8)), pa.array(KINDS))
    columns = {
        "exchange_ns": pa.array(events["exchange_ns"]),
        "arrival_ns": pa.array(events["arrival_ns"], mask=events["arrival_ns"] == 0),
        "sequence": pa.array(events["sequence"]),
        "instrument": pa.array(events["instrument"]),
        "symbol": _symbols(events["instrument"], directory),
        "kind": kinds,
        "side": pa.array(events["side"]),
        "price_ticks": pa.array(events["price_ticks"], mask=~displayed),
        "lots": pa.array(events["lots"]),
        "order_id": pa.array(events["order_id"], mask=~displayed),
        "match_number": pa.array(match, mask=match == 0),
        "trade_ticks": pa.array(events["trade_ticks"], mask=events["trade_ticks"] == 0),
        "printable": pa.array(events["printable"].astype(bool)),
        "attribution": _named(events["mpid"], text),
        "cross_type": _named(np.where(kind == Kind.CROSS, events["code"], 0), chr),
        "trading_state": _named(np.where(state, events["code"], 0), state_name),
        "reason": _named(events["reason"], text),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=BOOK_EVENTS)


def state_name(code: int) -> str:
    """A trading state in words; a letter the specification does not have stays a letter."""
    return STATES.get(chr(code), chr(code))


def text(word: int) -> str:
    """The four letters of a record's word without the blanks behind them; 0 has none."""
    return word.to_bytes(4).decode("latin-1").rstrip(" ") if word else ""


def _symbols(instruments: Any, directory: dict[int, str]) -> pa.Array:
    """The symbol of each row; each is looked up once."""
    place = np.zeros(LOCATES, np.int32)
    place[instruments] = 1
    met = np.flatnonzero(place)
    place[met] = np.arange(met.size)
    return pa.array([directory.get(int(at)) for at in met], pa.string()).take(
        pa.array(place[instruments])
    )


def _named(words: Any, name: Callable[[int], str]) -> pa.Array:
    """The text of each word that is not 0; most are."""
    rows = np.flatnonzero(words)
    if rows.size == 0:
        return pa.nulls(words.size, pa.string())
    met, place = np.unique(words[rows], return_inverse=True)
    index = np.zeros(words.size, np.int32)
    index[rows] = place
    texts = pa.array([name(int(word)) for word in met], pa.string())
    return texts.take(pa.array(index, mask=words == 0))
