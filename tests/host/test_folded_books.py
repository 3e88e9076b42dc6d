"""Books folded straight from the wire are those folded from records, and so is what was wrong."""

import numpy as np
import pytest

import tapeout
from tapeout.feed import replay
from tapeout.kernels.tape.faults import ledger
from tapeout.market.folding import Folding

EVERY = 1 << 30
EX = "ex20101224.TEST_ITCH_50.gz"


def both(path, monkeypatch):
    """The books of a capture by way of records, then straight from the wire."""
    told = []
    for large in (1 << 62, 0):
        monkeypatch.setattr(replay, "LARGE", large)
        tape = tapeout.read(path)
        told.append((tapeout.books(tape), tape))
    return told


def hold_same(path, monkeypatch):
    """Every level, quote, state and finding; returns the books."""
    (books, tape), (folded, other) = both(path, monkeypatch)
    assert folded.live_orders == books.live_orders
    assert folded.active().tolist() == books.active().tolist()
    for locate in books.active().tolist():
        assert folded.depth(locate, EVERY) == books.depth(locate, EVERY)
        assert folded.depth(locate, 2) == books.depth(locate, 2)
        assert folded.state(locate) == books.state(locate)
    assert folded.quotes().equals(books.quotes())
    assert folded.digests().equals(books.digests())
    assert list(map(str, other.findings)) == list(map(str, tape.findings))
    return folded


def test_a_simulated_day_has_one_end(capture, monkeypatch):
    path, oracle = capture
    books = hold_same(path, monkeypatch)
    assert [books.directory[at] for at in books.active().tolist()] == oracle.symbols


@pytest.mark.parametrize("seed", range(6))
def test_flipped_bytes_break_the_same_rules(capture, tmp_path, monkeypatch, seed):
    """Messages behind their lengths, one byte in 150 of them another: most kinds of fault."""
    raw = bytearray()
    for stretch in tapeout.read(capture[0]).stretches():
        for start, length in stretch.messages[["start", "length"]].tolist()[:6_000]:
            raw += length.to_bytes(2) + stretch.wire[start : start + length].tobytes()
    wire, random = np.frombuffer(raw, np.uint8).copy(), np.random.default_rng(seed)
    starts = np.flatnonzero(random.random(wire.size) < 1 / 150)
    at, ends = 0, []
    while at < wire.size:  # lengths and types stay
        ends += [at, at + 1, at + 2]
        at += 2 + int.from_bytes(wire[at : at + 2].tobytes())
    broken = np.setdiff1d(starts, ends)
    wire[broken] = random.integers(0, 256, broken.size)
    path = tmp_path / "day.itch"
    path.write_bytes(wire.tobytes())
    hold_same(path, monkeypatch)


@pytest.mark.parametrize("name", ["aapl_20120621_from_lobster.itch.gz", EX])
def test_real_files_have_one_end(data, name, monkeypatch):
    assert hold_same(data / "itch" / name, monkeypatch).live_orders > 0


def test_a_tape_of_some_symbols_goes_by_way_of_records(capture, monkeypatch):
    monkeypatch.setattr(replay, "LARGE", 0)
    symbol = capture[1].symbols[0]
    books = tapeout.books(tapeout.read(capture[0], symbols=symbol))
    assert books.active().tolist() == [1]


def test_nothing_is_folded_from_nothing():
    books = Folding(ledger()).books()
    assert books.active().size == books.live_orders == books.quotes().num_rows == 0
