"""How fast do book events become Arrow record batches, against pandas?"""

from collections.abc import Callable

import harness
import numpy as np
import pandas as pd
import pyarrow as pa
from inputs import capture

from tapeout.feed.replay import Replay
from tapeout.feed.tape import Tape
from tapeout.hdl.book.layout import Kind
from tapeout.market.events import BOOK_EVENTS, KINDS, event_batch, state_name, text


def in_pandas(events: np.ndarray, directory: dict[int, str]) -> pa.RecordBatch:
    """The same columns, types and nulls, by way of a data frame."""
    displayed = events["kind"] < Kind.TRADE

    def named(words: np.ndarray, name: Callable[[int], str]) -> pd.Series:
        names = {word: name(word) for word in set(words.tolist()) if word}
        return pd.Series([names.get(word) for word in words.tolist()], dtype=object)

    def nullable(name: str, missing: np.ndarray) -> pd.arrays.IntegerArray:
        return pd.arrays.IntegerArray(np.ascontiguousarray(events[name]), missing)

    columns = {
        "exchange_ns": events["exchange_ns"],
        "arrival_ns": nullable("arrival_ns", events["arrival_ns"] == 0),
        "sequence": events["sequence"],
        "instrument": events["instrument"],
        "symbol": pd.Series(events["instrument"]).map(directory),
        "kind": pd.Categorical.from_codes(events["kind"].astype(np.int8), KINDS),
        "side": events["side"],
        "price_ticks": nullable("price_ticks", ~displayed),
        "lots": events["lots"],
        "order_id": nullable("order_id", ~displayed),
        "match_number": nullable("match_number", events["match_number"] == 0),
        "trade_ticks": nullable("trade_ticks", events["trade_ticks"] == 0),
        "printable": events["printable"].astype(bool),
        "attribution": named(events["mpid"], text),
        "cross_type": named(np.where(events["kind"] == Kind.CROSS, events["code"], 0), chr),
        "trading_state": named(
            np.where(events["kind"] == Kind.STATE, events["code"], 0), state_name
        ),
        "reason": named(events["reason"], text),
    }
    return pa.RecordBatch.from_pandas(pd.DataFrame(columns), BOOK_EVENTS, preserve_index=False)


def run(bench: harness.Benchmark) -> None:
    """Events in memory, in the batches that a replay gives; both sides make the same batches."""
    replay = Replay(Tape(capture(bench.size(1_000_000, 100_000), harness.SEED)))
    batches = [change.events.copy() for change in replay]
    directory = replay.tape.directory
    for events in batches:
        assert event_batch(events, directory).equals(in_pandas(events, directory))
    bench.compare(
        "book events to record batches",
        lambda: [event_batch(events, directory) for events in batches],
        sum(events.size for events in batches), "ns/event", peer="pandas to pyarrow",
        theirs=lambda: [in_pandas(events, directory) for events in batches],
    )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
