"""Bars by trades, volume, dollars and imbalance, against a plain loop over the trades."""

import math

import numpy as np
import pandas as pd
import pytest

import tapeout
from tapeout.kernels.tape.record import EVENT_DTYPE
from tapeout.market.activity import ACTIVITIES, SPAN, TRADE_BARS, ActivityBars

HOURS = (34_200 * 10**9, 57_600 * 10**9)
SIZES = {"trades": 7, "volume": 1_500, "dollars": 60_000.0, "trade_imbalance": 6,
         "volume_imbalance": 8, "dollar_imbalance": 10}  # fmt: skip


@pytest.fixture(scope="module")
def trades(capture):
    """Printed trades in regular hours, by symbol."""
    frame = tapeout.trades(capture[0]).read_all().to_pandas()
    midnight = tapeout.bars(capture[0]).time_ns[0] - HOURS[0]
    inside = (frame.exchange_ns - midnight).between(HOURS[0], HOURS[1] - 1)
    return frame[frame.printable & inside & (frame.lots > 0)]


def plain(rows, by, size):
    """Bars of one instrument as the book defines them: lists of trades, and whether each is full.

    `rows` are (price, lots, taker, ...). Signs: the taker's, else the tick rule.
    """
    weigh = {"trades": lambda p, n: 1, "volume": lambda p, n: n, "dollars": lambda p, n: p * n}
    weigh |= {f"{name.removesuffix('s')}_imbalance": f for name, f in weigh.items()}
    bars, bar, sign, last = [], [], 0, None
    theta, length, lean, filled = 0.0, float(size), None, 0
    alpha = 2 / (SPAN + 1)
    for row in rows:
        price, lots, taker = row[:3]
        if taker:
            sign = taker
        elif last is not None and price != last:
            sign = 1 if price > last else -1
        last = price
        bar.append(row)
        weight = weigh[by](price, lots)
        filled += weight
        theta += sign * weight
        if by.endswith("_imbalance"):
            first = lean is None
            full = len(bar) >= size if first else abs(theta) >= length * abs(lean)
            if full and first:
                lean = theta / len(bar)
            elif full:
                length = min(max(length + alpha * (len(bar) - length), size / 10), size * 10)
                lean += alpha * (theta / len(bar) - lean)
        else:
            full = filled >= (size * 10_000 if by == "dollars" else size)
        if full:
            bars.append((bar, True))
            bar, theta, filled = [], 0.0, 0
    return bars + ([(bar, False)] if bar else [])


def summed(bar, full):
    """One bar as the table has it."""
    prices, lots, takers, times, kinds = zip(*bar, strict=True)
    taken = [n * t if k == "execute" else 0 for n, t, k in zip(lots, takers, kinds, strict=True)]
    return {
        "start_ns": times[0], "end_ns": times[-1], "open_ticks": prices[0],
        "high_ticks": max(prices), "low_ticks": min(prices), "close_ticks": prices[-1],
        "volume": sum(lots), "notional": sum(p * n for p, n in zip(prices, lots, strict=True)),
        "trades": len(bar), "buy_lots": sum(n for n in taken if n > 0),
        "sell_lots": -sum(n for n in taken if n < 0), "full": full,
    }  # fmt: skip


@pytest.mark.parametrize("by", ACTIVITIES)
def test_bars_are_a_plain_loops(capture, trades, by):
    table = tapeout.bars(capture[0], by=by, size=SIZES[by])
    assert table.schema == TRADE_BARS
    for symbol, rows in trades.groupby("symbol"):
        columns = (rows.price_ticks, rows.lots, rows.taker, rows.exchange_ns, rows.kind)
        listed = list(zip(*(column.tolist() for column in columns), strict=True))
        want = [summed(bar, full) for bar, full in plain(listed, by, SIZES[by])]
        ours = [row for row in table.to_pylist() if row["symbol"] == symbol]
        for row in ours:
            del row["symbol"], row["instrument"]
        assert ours == want
        assert len(want) >= 3


@pytest.mark.parametrize("by", ACTIVITIES)
def test_no_trade_is_lost_or_split(capture, trades, by):
    """The sums over all bars are those over all trades, by instrument."""
    bars = tapeout.bars(capture[0], by=by, size=SIZES[by]).to_pandas()
    ours = bars.groupby("symbol")[["trades", "volume", "notional"]].sum()
    notional = trades.price_ticks * trades.lots
    want = pd.DataFrame({"trades": 1, "volume": trades.lots, "notional": notional})
    want = want.groupby(trades.symbol).sum()
    assert ours.equals(want[ours.columns].astype(np.int64))
    assert bars.groupby("symbol").full.apply(lambda full: (~full).sum()).max() <= 1


def traded(*rows):
    """Events of trades: price, lots, side of what rested, or 0 if it was not displayed."""
    events = np.zeros(len(rows), EVENT_DTYPE)
    for event, (price, lots, side) in zip(events, rows, strict=True):
        event["trade_ticks"], event["lots"], event["side"] = price, lots, side
        event["kind"], event["printable"], event["instrument"] = 4 if side else 7, 1, 5
        event["exchange_ns"] = HOURS[0]
    return events


def test_a_bar_ends_with_the_trade_that_fills_it():
    builder = ActivityBars("volume", 100)
    full = builder.update(traded((10, 60, 1), (11, 60, -1), (12, 250, 1), (13, 99, 1)))
    assert full["volume"].tolist() == [120, 250]
    assert full["close"].tolist() == [11, 12]
    assert builder.rest()["volume"].tolist() == [99]
    assert builder.update(traded((14, 1, 1)))["volume"].tolist() == [100]
    assert builder.rest().size == 0


def test_the_tick_rule_signs_what_was_not_displayed():
    """Up, up again at the same price, down: theta of a bar of three trades is 1 + 1 - 1."""
    builder = ActivityBars("trade_imbalance", 4)
    first = builder.update(traded((10, 1, 0), (11, 1, 0), (11, 1, 0), (10, 1, 0)))
    assert first["trades"].tolist() == [4]  # sign 0, 1, 1, -1: the mean is 1/4, so E[T] |E[b]| = 1
    assert builder.update(traded((12, 1, 0)))["trades"].tolist() == [1]


def test_expectations_stay_within_ten_times_the_first():
    """Trades that all lean one way make every bar as long as expected, and the next ones none."""
    builder = ActivityBars("trade_imbalance", 5)
    bars = builder.update(traded(*[(10, 1, -1)] * 500))
    assert bars["trades"].tolist() == [5] * 100
    assert builder.update(traded(*[(10, 1, 1 - 2 * (n % 2)) for n in range(2_000)])).size == 0
    assert math.isfinite(builder.rest()["notional"][0])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"by": "luck", "size": 1}, "bars must be by one of time, trades, volume, dollars, "
         "trade_imbalance, volume_imbalance, dollar_imbalance; got 'luck'"),
        ({"by": "volume"}, "bars by volume need a size; got none"),
        ({"by": "volume", "size": 0}, "size must be more than 0; got 0"),
        ({"by": "volume", "size": math.nan}, "size must be more than 0; got nan"),
        ({"size": 3}, "bars by time take no size, but every; got size 3"),
    ],
)  # fmt: skip
def test_bars_refuse_what_cannot_be(capture, words, said):
    with pytest.raises(tapeout.DataError, match=said):
        tapeout.bars(capture[0], **words)


def test_a_capture_without_trades_has_no_bars(tmp_path):
    (tmp_path / "none.itch").write_bytes(b"\x00\x0cS\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00O")
    with pytest.raises(tapeout.DataError, match="no trade falls into the hours asked for"):
        tapeout.bars(tmp_path / "none.itch", by="trades", size=5)
