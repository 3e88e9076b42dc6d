"""Another program, in another language, builds the same books from the simulated day."""

import datetime

import numpy as np
import pytest

import tapeout
from tapeout.feed.replay import Replay

itch_book = pytest.importorskip("itch_book", reason="itch-book is not installed")


def test_a_book_builder_in_cpp_sees_the_same_quotes(tmp_path, capture):
    """The capture's messages as a file for itch-book: every quote change, column by column."""
    path = tmp_path / "day.itch"
    replay, quotes = Replay(tapeout.read(capture[0])), []
    with path.open("wb") as out:
        for change in replay:
            for message in change.stretch.messages:
                raw = change.stretch.wire[message["start"] : message["start"] + message["length"]]
                out.write(int(message["length"]).to_bytes(2) + raw.tobytes())
            quotes.append(change.quotes.copy())
    ours = np.concatenate(quotes)
    feed = itch_book.open(str(path), date=datetime.date(2026, 1, 5), price_type="fixed")
    theirs = [batch.bbo for batch in feed.batches(tables=("bbo",))]
    assert ours.size > 5_000
    for mine, other in (("sequence", "seq"), ("instrument", "locate"), ("exchange_ns", "ts_event"),
                        ("bid_ticks", "bid_px"), ("bid_lots", "bid_sz"),
                        ("ask_ticks", "ask_px"), ("ask_lots", "ask_sz")):  # fmt: skip
        column = np.concatenate([batch[other] for batch in theirs]).astype(int)
        assert np.array_equal(ours[mine], column), mine
