"""Best quotes, trades and depth out of a capture, against the model, LOBSTER and pandas."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import tapeout
from tapeout.hdl.book.model import Books as ModelBooks
from tapeout.hdl.itch.layout import unpack
from tapeout.kernels.tape.bars import Bar
from tapeout.kernels.tape.record import timestamp
from tapeout.market.depth import DEPTH
from tapeout.market.quotes import QUOTES, TRADES
from tapeout.units import span_ns

SECOND = 1_000_000_000


def records_of(path):
    return np.concatenate([block.copy() for block in tapeout.read(path).records()])


def modelled_depth(path, every_ns, levels, start, end):
    """Rows of `DEPTH`, from the golden model stepped message by message."""
    tape = tapeout.read(path)
    records = np.concatenate([block.copy() for block in tape.records()])
    times = np.maximum.accumulate(timestamp(records)).tolist()
    model, rows, due = ModelBooks(), [], start
    for time, record in zip(times, records, strict=True):
        while time >= due and due <= end:
            for locate in sorted({at for (at, _), held in model.levels.items() if held}):
                bids, asks = (model.depth(locate, side, levels) for side in "BS")
                for n in range(max(len(bids), len(asks))):
                    bid = bids[n] if n < len(bids) else (None, 0)
                    ask = asks[n] if n < len(asks) else (None, 0)
                    symbol = tape.directory[locate]
                    rows.append((tape.midnight_ns + due, locate, symbol, n + 1, *bid, *ask))
            due += every_ns
        model.apply(unpack(int.from_bytes(record.tobytes(), "little")))
    return rows


@pytest.mark.parametrize(
    ("every", "levels", "hours", "seconds"),
    [
        ("30min", 400, ("09:30", "16:00"), (34_200, 57_600)),
        ("10min", 3, ("10:00:07", "11:30"), (36_007, 41_400)),
        ("777s", 1, ("00:00", "24:00"), (0, 86_400)),
    ],
)
def test_depth_is_the_models_at_every_time(capture, every, levels, hours, seconds):
    found = tapeout.depth(capture[0], every, levels, hours)
    assert isinstance(found, pa.RecordBatchReader)
    table = found.read_all()
    assert table.schema == DEPTH
    want = modelled_depth(capture[0], span_ns(every), levels, *(at * SECOND for at in seconds))
    assert len(want) >= 100
    assert [tuple(row.values()) for row in table.to_pylist()] == want


def test_a_quiet_book_is_told_at_every_time(tmp_path):
    """Two orders, five seconds apart: the grid goes on in between, and ends with the messages."""
    from tapeout.hdl.itch.model import encode

    raw = b""
    for at, side, price in (
        (SECOND // 2, "B", 100),
        (5 * SECOND, "S", 200),
        (7 * SECOND, "S", 300),
    ):
        one = encode("A", stock_locate=3, timestamp=at, order_reference=price, side=side,
                     shares=10, price=price, stock="AA")  # fmt: skip
        raw += len(one).to_bytes(2) + one
    path = tmp_path / "three.itch"
    path.write_bytes(raw)
    table = tapeout.depth(path, "1s", 2, ("00:00", "24:00")).read_all()
    seconds = [(at // SECOND) for at in table["time_ns"].to_pylist()]
    assert seconds == [1, 2, 3, 4, 5, 6, 7]
    assert table["ask_ticks"].to_pylist() == [None] * 5 + [200] * 2
    assert table["bid_ticks"].to_pylist() == [100] * 7


def test_the_first_level_at_a_bars_end_is_its_closing_quote(capture):
    bars = tapeout.bars(capture[0], every="5min")
    depth = tapeout.depth(capture[0], every="5min", levels=1).read_all().to_pandas()
    top = depth.set_index(["time_ns", "symbol"])
    compared = 0
    for row, start in enumerate(bars.time_ns.tolist()):
        for column, symbol in enumerate(bars.symbols):
            if (start + bars.every_ns, symbol) in top.index:
                one = top.loc[(start + bars.every_ns, symbol)]
                assert bars[Bar.BID_LOTS][row, column] == one.bid_lots
                assert bars[Bar.ASK_LOTS][row, column] == one.ask_lots
                compared += 1
    assert compared > 400


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"levels": 0}, "levels must be from 1 to 1,000; got 0"),
        ({"levels": 1_001}, "levels must be from 1 to 1,000; got 1,001"),
        ({"hours": ("noon", "16:00")}, "time must be like 09:30 or 09:30:05; got 'noon'"),
        ({"hours": ("09:30", "24:01")}, "time must be like 09:30 or 09:30:05; got '24:01'"),
        ({"every": "soon"}, "span must be like 1min, 30s or 250ms; got 'soon'"),
    ],
)
def test_depth_refuses_what_cannot_be(capture, words, said):
    with pytest.raises(tapeout.DataError, match=said):
        tapeout.depth(capture[0], **words)


def test_depth_to_twenty_levels_is_lobsters(data, figure, tmp_path):
    """The AAPL hour on a grid of 1 ms: each grid point's book is LOBSTER's row before it."""
    path = data / "itch" / "aapl_20120621_from_lobster.itch.gz"
    names = [f"AAPL_2012-06-21_34200000_37800000_{kind}.csv.gz" for kind in
             ("message_50", "orderbook_50_first672")]  # fmt: skip
    messages, truth = (pd.read_csv(data / "lobster" / name, header=None) for name in names)
    times = (messages[0].iloc[:673] * 1e9).round().astype(int).to_numpy()
    truth = truth.to_numpy().reshape(672, 50, 4)
    every, compared = 1_000_000, 0
    for batch in tapeout.depth(path, every, 20, ("09:30", "09:30:11")):
        frame = batch.to_pandas()
        frame = frame[frame.time_ns <= times[-1]]
        for at, levels in frame.groupby("time_ns"):
            row = int(np.searchsorted(times, at)) - 1
            if row < 0:
                continue
            for lots, ticks, column in (("ask_lots", "ask_ticks", 0), ("bid_lots", "bid_ticks", 2)):
                ours = levels[levels[lots] > 0][[ticks, lots]].astype(int).to_numpy()
                wanted = truth[row, :20, column : column + 2]
                assert ours.tolist() == wanted[np.abs(wanted[:, 0]) < 9_999_999_999].tolist()
            compared += 1
        if frame.empty or len(frame) < batch.num_rows:
            break
    assert compared > 1_000
    figure(f"AAPL: depth to 20 levels equals LOBSTER's at {compared:,} of {compared:,} grid points")


def test_quotes_are_the_models(capture):
    found = tapeout.quotes(capture[0])
    assert isinstance(found, pa.RecordBatchReader)
    table = found.read_all()
    assert table.schema == QUOTES
    model, last, want = ModelBooks(), {}, []
    for record in records_of(capture[0]):
        one = unpack(int.from_bytes(record.tobytes(), "little"))
        for locate in {e.locate for e in model.apply(one) if e.price_ticks}:
            now = model.quote(locate)
            if last.get(locate, (0, 0, 0, 0)) != now:
                last[locate] = now
                want.append((one.sequence, locate, now.bid_ticks if now.bid_lots else None,
                             now.bid_lots, now.ask_ticks if now.ask_lots else None,
                             now.ask_lots))  # fmt: skip
    names = ("sequence", "instrument", "bid_ticks", "bid_lots", "ask_ticks", "ask_lots")
    ours = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    assert ours == want
    assert set(table["symbol"].to_pylist()) == set(tapeout.books(capture[0]).directory.values())


def test_trades_are_the_events_that_traded(capture):
    events = tapeout.events(capture[0]).read_all().to_pandas()
    want = events[events.kind.isin(["execute", "trade", "cross"])]
    found = tapeout.trades(capture[0]).read_all()
    assert found.schema == TRADES
    ours = found.to_pandas()
    assert len(ours) == len(want) > 500
    for name in ("exchange_ns", "arrival_ns", "sequence", "symbol", "lots", "printable"):
        assert ours[name].tolist() == want[name].tolist(), name
    assert ours.price_ticks.tolist() == want.trade_ticks.astype(int).tolist()
    assert ours.kind.tolist() == want.kind.tolist()
    taker = -want.side.where(want.kind == "execute", 0)
    assert ours.taker.tolist() == taker.tolist()
    assert set(ours.taker) >= {1, -1}


def test_what_streams_is_read_once_and_lazily(capture, monkeypatch):
    """Nothing is read before the first batch is asked for."""
    tape = tapeout.read(capture[0])
    reader = tapeout.quotes(tape)
    assert tape.messages == 0
    assert reader.read_next_batch().num_rows > 0


@pytest.mark.parametrize("kind", ["quotes", "trades", "depth", "bars"])
def test_any_frame_takes_what_we_return_through_the_c_stream(capture, kind):
    make = {
        "quotes": lambda: tapeout.quotes(capture[0]),
        "trades": lambda: tapeout.trades(capture[0]),
        "depth": lambda: tapeout.depth(capture[0], "30min", 2),
        "bars": lambda: tapeout.bars(capture[0], "30min"),
    }[kind]
    table = pa.table(make())
    assert table.num_rows > 50
    frame = pd.DataFrame.from_arrow(make())
    assert frame.shape == table.shape
    polars = pytest.importorskip("polars")
    other = polars.DataFrame(make())
    assert other.shape == table.shape
    assert other["symbol"].to_list() == frame["symbol"].tolist() == table["symbol"].to_pylist()
