"""On real market data: every capture decodes, books equal LOBSTER's, a price panel is assessed."""

import datetime
import gzip
import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import sklearn.covariance
from typer.testing import CliRunner

import tapeout
from tapeout.cli import app
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.itch.model import decode, encode, fields
from tapeout.hdl.layout import Fault
from tapeout.kernels.tape.record import timestamp
from tapeout.market.books import Books
from tapeout.prices.panel import read_prices
from tapeout.risk.backtest import backtest

#: LOBSTER's event types as the conversion wrote them.
LETTERS = {1: "A", 2: "X", 3: "D", 4: "E", 5: "P"}
NOTHING = 9_999_999_999  # LOBSTER's price of a level that is not there


def lobster(data, name):
    return pd.read_csv(
        io.BytesIO(gzip.open(data / "lobster" / name).read()), header=None, dtype=str
    )


def records_of(path):
    tape = tapeout.read(path)
    return tape, np.concatenate([block.copy() for block in tape.records()])


def captures(data):
    return sorted((data / "itch" / "pcap").rglob("*.pcap"))


def test_all_captures_decode_completely(data, figure):
    types, messages = set(), 0
    for path in captures(data):
        tape, records = records_of(path)
        assert records.size == tape.packets > 0
        assert np.all(records["flags"] == 1), path.name
        assert {finding.fault for finding in tape.findings} <= {Fault.UNSEQUENCED}
        types |= {chr(kind) for kind in records["type"]}
        messages += records.size
    assert len(captures(data)) == 37
    assert types == set("ACDEFHIJLNPQSUXY")
    figure(f"37 captures: {messages} of {messages} messages decoded, {len(types)} types")


def test_every_captured_message_encodes_to_the_same_bytes(data):
    for path in [*captures(data), *(data / "itch").glob("*.itch.gz")]:
        for stretch in tapeout.read(path).stretches():
            for message in stretch.messages[:20_000]:
                raw = stretch.wire[
                    message["start"] : message["start"] + message["length"]
                ].tobytes()
                found = fields(raw)
                assert encode(found.pop("type"), **found) == raw


def test_twin_and_model_agree_on_every_captured_message(data):
    for path in captures(data):
        for stretch in tapeout.read(path).stretches():
            for message, record in zip(stretch.messages, stretch.records, strict=True):
                raw = stretch.wire[
                    message["start"] : message["start"] + message["length"]
                ].tobytes()
                want = decode(raw, int(record["sequence"]), int(record["arrival_ns"]))
                assert (int(record["subject"]), int(record["price"]), int(record["shares"])) == (
                    want.subject, want.price, want.shares)  # fmt: skip


@pytest.fixture(scope="module")
def apple(data):
    """The AAPL hour: its records, and which of them each of LOBSTER's rows is."""
    _, records = records_of(data / "itch" / "aapl_20120621_from_lobster.itch.gz")
    rows = lobster(data, "AAPL_2012-06-21_34200000_37800000_message_50.csv.gz")
    times = [round(Decimal(time) * 10**9) for time in rows[0]]
    letters = rows[1].astype(int).map(LETTERS).map(ord)
    references = rows[2].astype(int).where(letters != ord("P"), 0)
    want = list(zip(times, letters, references, strict=True))
    got = zip(timestamp(records), records["type"], records["subject"].astype(int), strict=True)
    at, place = [], 0
    for index, (time, letter, reference) in enumerate(got):
        key = (time, letter, 0 if letter == ord("P") else reference)
        if place < len(want) and key == want[place]:  # others seed orders that LOBSTER starts with
            at.append(index)
            place += 1
    assert place == len(want) == 91_997
    return records, np.array(at)


def test_the_best_quote_is_lobsters(data, apple, figure):
    records, at = apple
    truth = lobster(data, "AAPL_2012-06-21_34200000_37800000_orderbook_50_top1.csv.gz").astype(int)
    books = Books()
    _, quotes = books.update(records)
    row = np.searchsorted(quotes["sequence"], at + 1, side="right") - 1
    names = ("ask_ticks", "ask_lots", "bid_ticks", "bid_lots")
    ours = np.stack([quotes[name][row] for name in names], axis=1)
    equal = (ours == truth.to_numpy()).all(axis=1)
    share = f"{equal.sum():,} of {equal.size:,} rows ({100 * equal.mean():.2f} %)"
    figure(f"AAPL: best quote equals LOBSTER's on {share}, on each of the first {equal.argmin():,}")
    assert equal.mean() >= 0.999
    assert equal[:54_606].all()
    assert equal.sum() == 91_907  # the other 90 are orders cancelled outside LOBSTER's 50 levels


def test_twenty_levels_are_lobsters(data, apple, figure):
    records, at = apple
    truth = lobster(data, "AAPL_2012-06-21_34200000_37800000_orderbook_50_first672.csv.gz")
    truth = truth.astype(int).to_numpy().reshape(672, 50, 4)
    books, done = Books(), 0
    for row in range(672):
        books.update(records[done : at[row] + 1])
        done = at[row] + 1
        depth = books.depth(13, 20)
        for side, ours in ((0, depth.asks), (2, depth.bids)):
            levels = truth[row, :20, side : side + 2]
            assert ours == [tuple(level) for level in levels if abs(level[0]) != NOTHING], row
    figure("AAPL: depth to 20 levels equals LOBSTER's on 672 of 672 rows")


def test_the_sampled_file_is_treated_and_counted(data):
    """RITCH's sample: prefixes of zero, and 117 messages about orders that were not sampled."""
    tape = tapeout.read(data / "itch" / "ex20101224.TEST_ITCH_50.gz")
    books = tapeout.books(tape)
    found = {finding.fault: finding.count for finding in tape.findings}
    assert found[Fault.ZERO_PREFIX] == 12_012
    assert found[Fault.UNKNOWN_REFERENCE] == 94 + 18 + 3 + 2
    assert books.live_orders == 3_204
    counts = {chr(t): int(tape.types[t]) for t in np.flatnonzero(tape.types)}
    assert counts == dict(A=4997, D=1745, E=198, F=3, H=3, P=5000, R=3, S=6, U=12, X=45)  # noqa: C408


def test_the_real_directory_is_read(data):
    tape, records = records_of(data / "itch" / "20191230_NASDAQ_ITCH50_first1000.itch.gz")
    assert (records["type"] == ord("R")).sum() == 993
    assert len(tape.directory) == 993
    assert tape.directory[1] == "A"
    assert set(MESSAGES) >= {chr(kind) for kind in records["type"]}


def test_another_book_builder_agrees_on_the_hour(data):
    """itch-book (C++): the same quote after the same message, all 23,448 of them."""
    itch_book = pytest.importorskip("itch_book")
    path = data / "itch" / "aapl_20120621_from_lobster.itch.gz"
    feed = itch_book.open(str(path), date=datetime.date(2012, 6, 21), price_type="fixed")
    theirs = [batch.bbo for batch in feed.batches(tables=("bbo",))]
    _, records = records_of(path)
    _, ours = Books().update(records)
    for mine, other in (("sequence", "seq"), ("bid_ticks", "bid_px"), ("bid_lots", "bid_sz"),
                        ("ask_ticks", "ask_px"), ("ask_lots", "ask_sz")):  # fmt: skip
        column = np.concatenate([batch[other] for batch in theirs]).astype(int)
        assert np.array_equal(ours[mine], column), mine


def test_the_hour_walks_all_the_way(data, apple, tmp_path, figure):
    """`tapeout run` on the AAPL hour: LOBSTER's last quote, and a report of one name."""
    out, kept = tmp_path / "run.html", tmp_path / "events.parquet"
    path = data / "itch" / "aapl_20120621_from_lobster.itch.gz"
    words = ["run", str(path), "--date", "2012-06-21", "-o", str(out), "--events", str(kept)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert out.stat().st_size < 300_000
    events = pd.read_parquet(kept)
    trades = events[events.kind.isin(["execute", "trade"])]
    messages = lobster(data, "AAPL_2012-06-21_34200000_37800000_message_50.csv.gz")
    filled = messages[messages[1].isin(["4", "5"])]
    assert trades.trade_ticks.tolist() == filled[4].astype(int).tolist()
    assert trades.lots.tolist() == filled[3].astype(int).tolist()
    var = next(line for line in done.output.splitlines() if line.startswith("VaR"))
    figure(f"AAPL, tapeout run: {len(trades):,} trades are LOBSTER's; {var}")


def test_the_sp500_panel_is_assessed(data, tmp_path, figure):
    out, path = tmp_path / "risk.html", data / "daily" / "us_sp500_daily_1999_2019.parquet"
    done = CliRunner().invoke(app, ["risk", str(path), "-o", str(out)])
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.output.splitlines() if line.startswith("backtest: ")]
    figure(f"S&P 500, tapeout risk: {line}")
    assert out.stat().st_size < 300_000

    assert line.startswith("backtest: 114 exceptions in 4,573 days, 45.7 expected; Kupiec LR 72.76")
    assert "ANTM 2001-10-30 " in out.read_text()  # a fault of the vendor, told beside the figures


def test_the_sp500_backtest_is_scikit_learns(data):
    """Every 90th day of it, from the table as pandas reads it."""
    table = pd.read_parquet(data / "daily" / "us_sp500_daily_1999_2019.parquet")
    prices = read_prices(data / "daily" / "us_sp500_daily_1999_2019.parquet")
    assert prices.values.shape == (5_074, 446)
    wide = table.pivot(index="date", columns="symbol", values="adjusted_close")
    assert np.array_equal(prices.values, wide[prices.symbols].to_numpy(), equal_nan=True)
    returns = wide.pct_change(fill_method=None).to_numpy()[1:]
    for day in range(500, returns.shape[0], 90):
        window = returns[day - 500 : day + 1]
        names = np.isfinite(window).all(axis=0)
        matrix, _ = sklearn.covariance.ledoit_wolf(window[:-1, names])
        tested = backtest(window)
        sigma = np.sqrt(matrix.sum()) / names.sum()
        assert tested.var == pytest.approx([2.3263478740408408 * sigma], rel=1e-9)
        assert tested.returns == pytest.approx([window[-1, names].mean()], rel=1e-9)
        assert tested.names == [names.sum()]
