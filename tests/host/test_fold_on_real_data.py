"""The books of real data and of the crowd, by every builder: model, plain loop, each store."""

import gzip
import importlib
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tapeout
from tapeout.hdl.book.model import Books
from tapeout.hdl.itch.model import decode, encode
from tapeout.hdl.layout import Fault
from tapeout.kernels.book.digest import digest, level_digest
from tapeout.kernels.book.fold import Fold
from tapeout.kernels.book.ladder import levels
from tapeout.kernels.tape.faults import COUNT, ledger
from tapeout.kernels.tape.itch import SLACK
from tapeout.sim.crowd import write_messages

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BUYS = {1: "B", -1: "S"}
STORES = {
    "direct": {"largest": 1 << 29},
    "ring": {"store": "ring", "orders": 1 << 13, "grows": True},
    "auto": {"references": 2, "largest": 1 << 10, "store": "auto", "orders": 64},
}


def framed(messages):
    """Messages behind their lengths, and room behind them all."""
    raw = b"".join(len(message).to_bytes(2) + message for message in messages)
    return np.frombuffer(raw + bytes(SLACK), np.uint8).copy()


def messages_of(path):
    """Every message of a capture or a file, as bytes."""
    for stretch in tapeout.read(path).stretches():
        for message in stretch.messages:
            yield stretch.wire[message["start"] :][: message["length"]].tobytes()


def modelled(messages):
    """The golden model after some messages, and its digest."""
    model, total = Books(), 0
    for raw in messages:
        model.apply(decode(raw, 0, 0))
    for (locate, side), rows in model.levels.items():
        for price, lots in rows.items():
            total ^= level_digest(2 * locate + (side == "S"), price, lots)
    return model, total


def assert_all_agree(messages, monkeypatch, stores=tuple(STORES), plain_loop=True):
    """Whether all builders end with one digest and one count of every fault."""
    messages = list(messages)
    model, want = modelled(messages)
    faults = [model.faults[fault] for fault in Fault]
    wire = framed(messages)
    end = wire.size - SLACK
    for store in stores:
        fold = Fold(**STORES[store])
        fold.update(wire, np.array([[0, end]]), tops=True)
        assert digest(fold.levels) == want
        assert fold.ledger[:-1, COUNT].tolist() == faults
        assert fold.live_orders == len(model.orders)
    if plain_loop and BENCHMARKS.exists():
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        largest = max(int.from_bytes(raw[11:19]) for raw in messages if raw[:1] in b"AFU") + 1
        plain = importlib.import_module("yardstick").Yardstick(largest, 1 << 14, ledger())
        plain.update(wire, 0, end)
        assert plain.digest() == want
        assert plain.ledger[:-1, COUNT].tolist() == faults
    return model


def test_all_builders_agree_on_the_aapl_hour(data, monkeypatch):
    path = data / "itch" / "aapl_20120621_from_lobster.itch.gz"
    sparse = "ring", "auto"  # orders from before the hour have references beyond 2^43
    model = assert_all_agree(messages_of(path), monkeypatch, sparse, plain_loop=False)
    with gzip.open(data / "lobster" / "AAPL_2012-06-21_34200000_37800000_orderbook_50_top1.csv.gz",
                   "rt") as rows:  # fmt: skip
        ask, ask_lots, bid, bid_lots = map(int, rows.read().split()[-1].split(","))
    (locate,) = {locate for locate, _ in model.levels}
    assert model.quote(locate) == (bid, bid_lots, ask, ask_lots)


def amzn_messages(data):
    """The day as LOBSTER tells it: only what touched the best level, so most orders are unknown."""
    path = data / "lobster" / "AMZN_2012-06-21_34200000_57600000_message_1.csv.gz"
    for row in pd.read_csv(path, header=None).itertuples(index=False):
        seconds, kind, order, size, price, direction = row
        common = {"stock_locate": 1, "timestamp": round(seconds * 1e9), "order_reference": order}
        if kind == 1:
            yield encode("A", **common, side=BUYS[direction], shares=size, price=price)
        elif kind == 2:
            yield encode("X", **common, cancelled_shares=size)
        elif kind == 3:
            yield encode("D", **common)
        elif kind == 4:
            yield encode("E", **common, executed_shares=size)


@pytest.mark.slow
def test_all_builders_agree_on_the_amzn_day(data, monkeypatch):
    """What leaves away from the best is not told, so sides grow beyond the plain loop's room."""
    model = assert_all_agree(amzn_messages(data), monkeypatch, plain_loop=False)
    assert model.faults[Fault.UNKNOWN_REFERENCE] > 0


def test_all_builders_agree_on_every_capture(data, monkeypatch):
    for path in sorted((data / "itch" / "pcap").rglob("*.pcap")):
        assert_all_agree(messages_of(path), monkeypatch, plain_loop=False)


def test_the_plain_loop_agrees_on_the_lobster_events(data, monkeypatch):
    assert_all_agree(itertools.islice(amzn_messages(data), 5_000), monkeypatch)


def test_all_builders_agree_on_a_file_with_zero_prefixes(data):
    raw = gzip.decompress((data / "itch" / "ex20101224.TEST_ITCH_50.gz").read_bytes())
    model, want = modelled(messages_of(data / "itch" / "ex20101224.TEST_ITCH_50.gz"))
    wire = np.frombuffer(raw + bytes(SLACK), np.uint8).copy()
    for choice in STORES.values():
        fold = Fold(**choice)
        _, at = fold.update(wire, np.array([[0, len(raw)]]), bare=True)
        assert (at, fold.seen) == (len(raw), 12_012)
        assert digest(fold.levels) == want
        assert fold.ledger[Fault.ZERO_PREFIX, COUNT] == 12_012
        for fault in (Fault.UNKNOWN_REFERENCE, Fault.REPEATED_REFERENCE, Fault.CROSSED):
            assert fold.ledger[fault, COUNT] == model.faults[fault]


@pytest.mark.parametrize("store", STORES)
def test_the_books_of_a_crowd_are_its_own(store):
    wire, oracle = write_messages(3, 200_000, 300)
    fold = Fold(**STORES[store])
    wire = np.concatenate([wire, np.zeros(SLACK, np.uint8)])
    fold.update(wire, np.array([[0, wire.size - SLACK]]))
    assert fold.live_orders == oracle.live
    assert fold.ledger[:-1, COUNT].sum() == 0
    for locate in range(1, 301):
        for side in (0, 1):
            rows = [tuple(row) for row in levels(fold.levels, 2 * locate + side).tolist()]
            assert rows == oracle.depth(locate, side)
