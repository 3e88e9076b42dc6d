"""The fold from wire bytes equals the golden model: levels, best prices, faults, live orders."""

import contextlib
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.book.model import Books
from tapeout.hdl.itch import model as itch_model
from tapeout.hdl.layout import Fault
from tapeout.kernels.book import quotes
from tapeout.kernels.book.digest import digest, level_digest
from tapeout.kernels.book.fold import Fold
from tapeout.kernels.book.ladder import levels, taken
from tapeout.kernels.orders import stash
from tapeout.kernels.orders.store import ring
from tapeout.kernels.tape.faults import BYTE, COUNT, MESSAGE, ledger
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.moldudp import MESSAGE_DTYPE
from tapeout.kernels.tape.record import QUOTE_DTYPE

YARDSTICK = Path(__file__).parents[2] / "benchmarks" / "yardstick.py"
PENNIES = st.integers(1, 300).map(lambda cents: 1_000_000 + 100 * cents)
ANY_TICK = st.integers(0, 99) | st.integers(999_990, 1_000_210)
NEARBY = st.integers(0, 40)
#: References that share buckets, homes and low bits, and the ends of the scale.
SPARSE = NEARBY | st.integers(0, 20).map(lambda k: k << 40) | st.integers(2**64 - 8, 2**64 - 1)
WILD = st.sampled_from([0, 1, 99, 100, 9_999, 10_000, 2**31, 2**32 - 100, 2**32 - 1])


def message(kind, locate=1, stamp=0, **fields):
    """One message as it stands in a block: behind its length."""
    raw = itch_model.encode(kind, stock_locate=locate, timestamp=stamp, **fields)
    return len(raw).to_bytes(2) + raw


def book_messages(references, prices, locates=st.integers(1, 2)):
    """Streams of book messages, many of them at odds with the book."""
    shares = st.sampled_from([0, 1, 2, 3, 5, 100, 2**15 - 1, 2**15, 2**32 - 1])

    @st.composite
    def one(draw):
        kind = draw(st.sampled_from("AAAAAFFECXDDUUUPQBSI"))
        common = {"locate": draw(locates), "stamp": draw(st.integers(0, 2**48 - 1))}
        subject = {"order_reference": draw(references)}
        if kind in "AF":
            side = draw(st.sampled_from("BBBBSSSSx"))
            return message(kind, **common, **subject, side=side, shares=draw(shares),
                           price=draw(prices))  # fmt: skip
        if kind in "EC":
            return message(kind, **common, **subject, executed_shares=draw(shares))
        if kind == "X":
            return message(kind, **common, **subject, cancelled_shares=draw(shares))
        if kind == "U":
            return message(kind, **common, **subject, new_order_reference=draw(references),
                           shares=draw(shares), price=draw(prices))  # fmt: skip
        return message(kind, **common, **(subject if kind == "D" else {}))

    odd = st.sampled_from([b"\x00\x03zzz", b"\x00\x05Dabcd", b"\x00\x00"])
    return st.lists(one() | one() | one() | odd, max_size=150)


def laid_out(pieces, wild=0):
    """The bytes of some messages, and room behind them."""
    raw = b"".join(pieces)
    return np.frombuffer(raw + bytes([wild]) * SLACK, np.uint8).copy(), len(raw)


def modelled(pieces):
    """The golden model after these messages, its faults, and every change of a best price."""
    model, tops, last = Books(), [], {}
    for at, piece in enumerate(pieces):
        record = itch_model.decode(piece[2:], 0, 0)
        if not record.flags:
            known = chr(record.type) in itch_model.MESSAGES and len(piece) > 2
            model.faults[
                Fault.WRONG_LENGTH if known or len(piece) == 2 else Fault.UNKNOWN_TYPE
            ] += 1
        happened = [event for event in model.apply(record) if event.kind < Kind.TRADE]
        if happened:
            locate, side = happened[0].locate, happened[0].side
            best = (*model.depth(locate, side, 1), (0, 0))[0]
            if last.get((locate, side), (0, 0)) != best:
                sign = 1 if side == "B" else -1
                tops.append((record.timestamp | locate << 48, at, best[1], best[0], sign))
                last[locate, side] = best
    return model, tops


def model_digest(model):
    total = 0
    for (locate, side), rows in model.levels.items():
        for price, lots in rows.items():
            total ^= level_digest(2 * locate + (side == "S"), price, lots)
    return total


def assert_equal(fold, model):
    """Whether every level, the live orders and the fault counts are the model's."""
    for side in {*taken(fold.levels), *(2 * at + (s == "S") for at, s in model.levels)}:
        want = model.depth(side >> 1, "BS"[side & 1], 10**9)
        assert [tuple(row) for row in levels(fold.levels, side).tolist()] == want
    faults = {fault: int(fold.ledger[fault, COUNT]) for fault in Fault if fold.ledger[fault, COUNT]}
    assert faults == {fault: count for fault, count in model.faults.items() if count}
    assert fold.live_orders == len(model.orders)
    assert digest(fold.levels) == model_digest(model)


def folds():
    """A fold with each store, all of them small."""
    return {
        "direct": Fold(64, largest=1 << 12),
        "ring": Fold(store="ring", orders=128),
        "growing ring": Fold(store="ring", orders=2, grows=True),
        "auto": Fold(2, largest=32, store="auto", orders=2),
    }


@pytest.mark.parametrize("store", folds())
@pytest.mark.parametrize(
    "prices", [PENNIES, ANY_TICK | PENNIES, WILD | ANY_TICK], ids=["pennies", "ticks", "wild"]
)
@settings(max_examples=40)
@given(data=st.data())
def test_books_are_the_models(prices, store, data):
    references = NEARBY if store == "direct" else SPARSE
    pieces = data.draw(book_messages(references, prices))
    wire, end = laid_out(pieces)
    fold = folds()[store]
    cut = len(b"".join(pieces[: len(pieces) // 2]))
    got, before = [], 0
    for extents in ([[0, cut], [cut, cut]], [[cut, end]]):
        rows, at = fold.update(wire, np.array(extents), tops=True)
        rows["message"] += before
        got += [tuple(row) for row in rows.tolist()]
        before += fold.seen
    model, tops = modelled(pieces)
    assert at == end
    assert got == tops
    assert_equal(fold, model)


@settings(max_examples=40)
@given(st.lists(book_messages(SPARSE, PENNIES | WILD | ANY_TICK), max_size=3), st.data())
def test_quotes_are_the_models(parts, data):
    """Both sides behind every message that changed one, with its number and both its clocks."""
    fold, last, model = Fold(store="ring", orders=128), quotes.quoted(), Books()
    known, number = {}, data.draw(st.integers(1, 2**62))
    for part in parts:
        wire, end = laid_out(part)
        tops, _ = fold.update(wire, np.array([[0, end]]), tops=True)
        messages = np.zeros(len(part), MESSAGE_DTYPE)
        messages["sequence"] = number + np.arange(len(part))
        messages["arrival_ns"] = 7 * messages["sequence"] % 1_000_003
        found, want = np.zeros(tops.size, QUOTE_DTYPE), []
        quotes.quotes(tops, messages, 10**18, last, found)
        for at, piece in enumerate(part, number):
            record = itch_model.decode(piece[2:], at, 7 * at % 1_000_003)
            for event in model.apply(record):
                quote = model.quote(event.locate)
                if event.kind < Kind.TRADE and known.get(event.locate, (0, 0, 0, 0)) != quote:
                    time = 10**18 + record.timestamp
                    want.append((time, record.arrival_ns, at, *quote, event.locate))
                    known[event.locate] = quote
        assert [tuple(row) for row in found.tolist()] == want
        number += len(part)


@given(st.lists(book_messages(SPARSE, PENNIES | WILD), max_size=4), st.data())
@settings(max_examples=40)
def test_best_prices_may_be_wanted_now_and_then(parts, data):
    fold, before = Fold(store="ring", orders=128), []
    for part in parts:
        wire, end = laid_out(part)
        wanted, earlier = data.draw(st.booleans()), len(modelled(before)[1])
        rows, _ = fold.update(wire, np.array([[0, end]]), tops=wanted)
        rows["message"] += len(before)
        before += part
        model, tops = modelled(before)
        assert [tuple(row) for row in rows.tolist()] == (tops[earlier:] if wanted else [])
        assert_equal(fold, model)


@given(book_messages(SPARSE, PENNIES), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=60)
def test_a_full_ring_refuses_after_what_came_before(pieces, orders, stashed):
    wire, end = laid_out(pieces)
    fold = Fold(store="ring", orders=orders)
    fold.store = ring(orders, stashed)
    try:
        fold.update(wire, np.array([[0, end]]))
    except ValueError as refused:
        at = int(re.search(r" at byte (\d+) with ", str(refused))[1])
        starts = np.cumsum([2, *map(len, pieces)])
        pieces = pieces[: int(np.flatnonzero(starts == at)[0])]
    model, _ = modelled(pieces)
    assert fold.live_orders == len(model.orders)
    assert digest(fold.levels) == model_digest(model)


def test_a_full_ring_says_whose_order_has_no_room():
    add = {"side": "B", "shares": 7, "price": 100}
    pieces = [message("A", order_reference=k << 40, **add) for k in range(6)]
    wire, end = laid_out(pieces)
    fold = Fold(store="ring", orders=4)
    fold.store = ring(4, 1)
    with pytest.raises(ValueError, match=r"^reference must have room in a ring for 4 orders; "
                       r"got 5497558138880 at byte 192 with 5 live, 1 of them in a stash for 1$"
                       ):  # fmt: skip
        fold.update(wire, np.array([[0, end]]))
    assert levels(fold.levels, 2).tolist() == [[100, 35]]


def test_a_store_of_no_known_kind_is_refused():
    with pytest.raises(ValueError, match=r"^store must be direct, ring or auto; got 'hash'$"):
        Fold(store="hash")


def test_beyond_its_limit_a_direct_store_becomes_a_ring():
    add = {"side": "B", "shares": 40_000, "price": 100}
    pieces = [message("A", order_reference=k, **add) for k in (*range(50), 2**64 - 1)]
    wire, end = laid_out(pieces)
    fold = Fold(2, largest=64, store="auto")
    fold.update(wire, np.array([[0, end - len(pieces[-1])]]))
    assert not fold.store.is_ring
    fold.update(wire, np.array([[end - len(pieces[-1]), end]]))
    assert fold.store.is_ring
    assert fold.store.live.tolist() == [51, 51]
    assert levels(fold.levels, 2).tolist() == [[100, 51 * 40_000]]


@given(st.lists(st.tuples(SPARSE, st.booleans()), max_size=200), st.sampled_from([4, 16, 128]))
def test_a_stash_is_a_dictionary(steps, places):
    words, plain = stash.stash(places), {}
    for reference, adds in steps:
        at = stash.look_up(words, np.uint64(reference))
        assert (int(words[at + stash.RESTING]) if at != stash.ABSENT else None) == plain.get(
            reference
        )
        if at != stash.ABSENT and not adds:
            stash.drop(words, at)
            del plain[reference]
        elif at == stash.ABSENT and adds and len(plain) < stash.room(words):
            plain[reference] = len(plain) << 32 | 1
            stash.put(words, np.uint64(reference), np.uint64(plain[reference]), np.uint64(3))
    assert np.count_nonzero(words[::3]) == len(plain)


@settings(max_examples=30)
@given(book_messages(SPARSE, PENNIES | WILD))
def test_nothing_is_written_beside_the_buffers(pieces):
    """Of the wire's raw loads none stores; what a block stores may not leave its buffers."""
    wire, end = laid_out(pieces)
    for fold in folds().values():
        guarded, arrays = [], {}
        for name, array in fold._block._asdict().items():
            room = np.full(array.size + 256, 77, array.dtype)
            room[128:-128] = array
            arrays[name], _ = room[128:-128], guarded.append(room)
        fold._block = type(fold._block)(**arrays)
        with contextlib.suppress(ValueError):
            fold.update(wire, np.array([[0, end]]), tops=True)
        for room in guarded:
            assert (room[:128] == 77).all()
            assert (room[-128:] == 77).all()


@given(book_messages(st.integers(0, 2**12), PENNIES))
@settings(max_examples=30, deadline=None)
def test_stretches_do_not_matter_and_the_store_grows(pieces):
    wire, _ = laid_out(pieces, wild=255)
    ends = np.cumsum([0, *map(len, pieces)])
    fold = Fold(2)
    fold.update(wire, np.stack([ends[:-1], ends[1:]], 1).reshape(-1, 2))
    assert_equal(fold, modelled(pieces)[0])


def test_a_message_cut_short_is_left_where_it_starts():
    pieces = [message("A", order_reference=k, side="B", shares=1, price=100) for k in (1, 2)]
    wire, end = laid_out(pieces)
    fold = Fold(8)
    for cut in range(1, len(pieces[1])):
        assert Fold(8).update(wire, np.array([[0, end - cut]]))[1] == len(pieces[0])
    _, at = fold.update(wire, np.array([[0, end - 1]]))
    fold.update(wire, np.array([[at, end]]))
    assert fold.live_orders == 2


def test_an_unknown_reference_beyond_the_store_is_a_fault_and_not_refused():
    wire, end = laid_out([message("D", order_reference=2**64 - 1)] * 3)
    fold = Fold(8, largest=64)
    fold.update(wire, np.array([[0, end]]))
    assert fold.ledger[Fault.UNKNOWN_REFERENCE].tolist() == [3, -1, 2, 0]


def test_a_new_reference_beyond_the_largest_is_refused_after_what_came_before():
    add = {"side": "B", "shares": 7, "price": 100}
    pieces = [message("A", order_reference=1, **add), message("A", order_reference=64, **add)]
    wire, end = laid_out(pieces)
    fold = Fold(8, largest=64)
    with pytest.raises(ValueError, match="reference must be below 64 for the direct store; got 64 "
                                         r"at byte 40$"):  # fmt: skip
        fold.update(wire, np.array([[0, end]]))
    assert levels(fold.levels, 2).tolist() == [[100, 7]]


@pytest.mark.parametrize("bad", [[[0, 65]], [[-1, 3]], [[3, 2]]])
def test_stretches_beyond_the_wire_are_refused(bad):
    with pytest.raises(ValueError, match=r"extents must (stop 64 bytes before|start at 0)"):
        Fold(8).update(np.zeros(128, np.uint8), np.array(bad))


def test_a_bare_length_of_zero_takes_the_types():
    raw = message("A", order_reference=1, side="S", shares=7, price=100)
    wire, end = laid_out([b"\0\0" + raw[2:]] * 2)
    fold = Fold(8)
    fold.update(wire, np.array([[0, end]]), bare=True)
    assert fold.ledger[Fault.ZERO_PREFIX, [COUNT, BYTE, MESSAGE]].tolist() == [2, 2, 0]
    assert fold.ledger[Fault.REPEATED_REFERENCE, [COUNT, BYTE, MESSAGE]].tolist() == [1, 40, 1]


def hostile(seed, count):
    """A stream of random messages with few references and prices all over."""
    draw = np.random.default_rng(seed)
    prices = [1_000_000, 1_000_100, 1_000_137, 1_002_000, 3, 50, 0, 2**32 - 1, 1_009_900]
    for _ in range(count):
        kind = "AAAFDDEXUU"[draw.integers(10)]
        field = {"E": "executed_shares", "X": "cancelled_shares"}.get(kind, "shares")
        fields = {"order_reference": int(draw.integers(3_000))}
        if kind != "D":
            fields[field] = int(draw.integers(4))
        if kind in "AFU":
            fields["price"] = int(draw.choice(prices) + 100 * draw.integers(200)) % 2**32
        if kind in "AF":
            fields["side"] = "BS"[draw.integers(2)]
        if kind == "U":
            fields["new_order_reference"] = int(draw.integers(3_000))
        yield message(kind, locate=int(draw.integers(1, 4)), stamp=1, **fields)


def play_hostile(count=20_000):
    pieces = list(hostile(1, count))
    wire, end = laid_out(pieces)
    model, _ = modelled(pieces)
    for fold in (Fold(2), Fold(store="ring", orders=64, grows=True)):
        fold.update(wire, np.array([[0, end]]), tops=True)
        assert_equal(fold, model)


def test_a_long_hostile_stream_is_the_models():
    play_hostile()


@pytest.mark.skipif(not YARDSTICK.exists(), reason="the benchmarks are not beside the tests")
def test_the_yardstick_builds_the_same_books(monkeypatch):
    monkeypatch.syspath_prepend(str(YARDSTICK.parent))
    plain = importlib.import_module("yardstick").Yardstick(4096, 4, ledger())
    pieces = list(hostile(2, 5_000))
    wire, end = laid_out(pieces)
    plain.update(wire, 0, end)
    model, _ = modelled(pieces)
    assert plain.digest() == model_digest(model)
    assert plain.ledger[:, COUNT].tolist() == [model.faults[fault] for fault in Fault] + [0]
    for fold in (Fold(2), Fold(store="ring", orders=1024), Fold(2, 64, store="auto", orders=2)):
        fold.update(wire, np.array([[0, end]]))
        assert digest(fold.levels) == plain.digest()
        assert (fold.ledger[:, :3] == plain.ledger[:, :3]).all()


@pytest.mark.slow
def test_no_index_leaves_its_array(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import runpy, sys; runpy.run_path(sys.argv[1])['play_hostile']()",
         __file__],
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
