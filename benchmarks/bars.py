"""How fast do book events become minute bars, against a pandas group-by?"""

import harness
import numpy as np
import pandas as pd
from inputs import capture

from tapeout.feed.replay import Replay
from tapeout.feed.tape import Tape
from tapeout.hdl.book.layout import TRADES
from tapeout.market.activity import ActivityBars
from tapeout.market.bars import MINUTE_NS, BarBuilder


def run(bench: harness.Benchmark) -> None:
    """Trades alone on both sides; then with the closing quotes and the order flow, ours only."""
    replay = Replay(Tape(capture(bench.size(1_000_000, 100_000), harness.SEED)))
    changes = [(change.events.copy(), change.quotes.copy()) for change in replay]
    midnight = replay.tape.midnight_ns
    events, none = np.concatenate([events for events, _ in changes]), changes[0][1][:0]

    def trades_only() -> None:
        builder = BarBuilder()
        for one, _ in changes:
            builder.update(one, none, midnight)

    def everything() -> None:
        builder = BarBuilder()
        for one, quotes in changes:
            builder.update(one, quotes, midnight)
        builder.bars({})

    columns = ("exchange_ns", "instrument", "kind", "trade_ticks", "lots")
    frame = pd.DataFrame({name: events[name].copy() for name in columns})

    def theirs() -> None:
        trades = frame[frame.kind.isin(list(TRADES))]
        grouped = trades.groupby([trades.exchange_ns // MINUTE_NS, "instrument"])
        grouped.agg({"trade_ticks": ["first", "max", "min", "last"], "lots": ["sum", "size"]})

    bench.compare(
        "trades to minute bars", trades_only, events.size, "ns/event", peer="pandas", theirs=theirs
    )
    bench.compare("with quotes and order flow", everything, events.size, "ns/event")

    def active(by: str, size: float) -> None:
        builder = ActivityBars(by, size)
        for one, _ in changes:
            builder.update(one, midnight)

    for by, size in (("volume", 50_000), ("dollar_imbalance", 100)):
        bench.compare(
            f"trades to bars by {by}", lambda by=by, size=size: active(by, size), events.size,
            "ns/event",
        )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
