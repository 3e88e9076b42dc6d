"""On real market data: every capture decodes, books equal LOBSTER's, a price panel is assessed."""

import datetime
import gzip
import io
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import tapeout
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.itch.model import decode, encode, fields
from tapeout.hdl.layout import Fault
from tapeout.kernels.tape.record import timestamp
from tapeout.market.books import Books

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


def test_all_captures_decode_completely(data):
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
    print(f"\n37 captures: {messages} of {messages} messages decoded, {len(types)} types")


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


def test_the_best_quote_is_lobsters(data, apple):
    records, at = apple
    truth = lobster(data, "AAPL_2012-06-21_34200000_37800000_orderbook_50_top1.csv.gz").astype(int)
    books = Books()
    _, quotes = books.update(records)
    row = np.searchsorted(quotes["sequence"], at + 1, side="right") - 1
    names = ("ask_ticks", "ask_lots", "bid_ticks", "bid_lots")
    ours = np.stack([quotes[name][row] for name in names], axis=1)
    equal = (ours == truth.to_numpy()).all(axis=1)
    share, first = f"{100 * equal.mean():.2f} %", f"{np.argmin(equal):,}"
    print(f"\nbest quote equals LOBSTER's on {equal.sum():,} of {equal.size:,} rows ({share})")
    print(f"and on each of the first {first}")
    assert equal.mean() >= 0.999
    assert equal[:54_606].all()
    assert equal.sum() == 91_907  # the other 90 are orders cancelled outside LOBSTER's 50 levels


def test_twenty_levels_are_lobsters(data, apple):
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
    print("\ndepth to 20 levels equals LOBSTER's on 672 of 672 rows")


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


def test_the_sp500_panel_is_assessed(data, tmp_path):
    out = tmp_path / "risk.html"
    found = tapeout.risk_report(data / "daily" / "us_sp500_daily_1999_2019.parquet", out)
    test = found.backtest.test
    print(f"\n446 names: {test.exceptions} exceptions of the 1-day 99 % VaR in {test.days:,} days")
    print(f"{test.expected:.1f} expected; Kupiec LR {test.statistic:.1f}, p {test.p_value:.2g}")
    assert found.prices.values.shape == (5_074, 446)
    assert test.days == 4_573
    assert test.exceptions == int((-found.backtest.returns > found.backtest.var).sum())
    assert found.risk.volatility < 0.05
    known = {("ANTM", "2001-10-30"), ("ANTM", "2002-03-18"), ("TRMB", "2007-02-23")}
    assert known <= {(jump.symbol, jump.day) for jump in found.jumps}
    assert out.stat().st_size < 300_000
