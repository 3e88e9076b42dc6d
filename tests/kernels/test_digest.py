"""The digest of a book is the same from the model, the twin, the fold and the exchange itself."""

import functools
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapeout
from tapeout.feed import replay
from tapeout.hdl.book import digest as golden
from tapeout.hdl.book.model import Books as ModelBooks
from tapeout.hdl.itch import model as itch_model
from tapeout.hdl.itch.layout import RECORD, pack
from tapeout.kernels.book import digest
from tapeout.kernels.book.fold import Fold
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.record import RECORD_DTYPE
from tapeout.market.books import Books
from tapeout.sim.exchange import matching

LEVELS = st.dictionaries(st.integers(0, 2**32 - 1), st.integers(1, 2**40), max_size=20)


def test_mixing_is_splitmix():
    """The published sequence of SplitMix64 from seed 1234567: the first five numbers."""
    step = 0x9E3779B97F4A7C15
    states = [(1234567 + n * step) % 2**64 for n in range(1, 6)]
    want = [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
        16408922859458223821,
    ]  # fmt: skip
    assert [golden.mix(state) for state in states] == want


@given(st.integers(0, 65_535), st.sampled_from("BS"), LEVELS)
def test_the_twin_of_the_digest_is_the_model(locate, side, levels):
    rows = np.array(list(levels.items()), np.int64).reshape(-1, 2)
    ours = digest.side_digest(2 * locate + (side == "S"), rows)
    assert ours == golden.digest(locate, side, levels.items())


def test_the_digest_tells_side_instrument_price_and_lots_apart():
    one = golden.digest(1, "B", [(5, 7)])
    others = [(1, "S", 5, 7), (2, "B", 5, 7), (1, "B", 6, 7), (1, "B", 5, 8)]
    assert len({one, 0, *(golden.digest(at, s, [(p, n)]) for at, s, p, n in others)}) == 6
    both = [(5, 7), (6, 7)]
    assert golden.digest(1, "B", both) == golden.digest(1, "B", both[::-1]) != one


def messages():
    """Streams of book messages about two instruments, some at odds with the book."""
    reference, shares, price = st.integers(0, 9), st.integers(0, 5), st.integers(0, 300)
    place = st.fixed_dictionaries({"stock_locate": st.integers(1, 2), "order_reference": reference})
    order = st.fixed_dictionaries({"side": st.sampled_from("BS"), "shares": shares, "price": price})
    moved = st.fixed_dictionaries(
        {"new_order_reference": reference, "shares": shares, "price": price}
    )
    rest = [st.just({}), st.fixed_dictionaries({"executed_shares": shares}),
            st.fixed_dictionaries({"cancelled_shares": shares})]  # fmt: skip
    of = {"A": order, "U": moved, "D": rest[0], "E": rest[1], "X": rest[2]}
    one = st.sampled_from("AAADUEX").flatmap(
        lambda kind: st.tuples(place, of[kind]).map(
            lambda parts: itch_model.encode(kind, **parts[0], **parts[1])
        )
    )
    return st.lists(one, max_size=80)


@given(messages())
@settings(max_examples=40)
def test_model_twin_and_fold_have_one_digest(stream):
    model, books, fold = ModelBooks(), Books(), Fold()
    records = [itch_model.decode(raw, 0, 0) for raw in stream]
    for record in records:
        model.apply(record)
    packed = b"".join(pack(record, RECORD).to_bytes(64, "little") for record in records)
    books.update(np.frombuffer(packed, RECORD_DTYPE).copy())
    raw = b"".join(len(one).to_bytes(2) + one for one in stream)
    fold.update(np.frombuffer(raw + bytes(SLACK), np.uint8).copy(), np.array([[0, len(raw)]]))
    folded = digest.digests(fold.levels)
    for locate in range(4):
        assert books.digest(locate) == model.digest(locate) == int(folded[locate])
    want = functools.reduce(operator.xor, map(model.digest, range(4)))
    assert books.digest() == digest.digest(fold.levels) == want


def test_the_digest_of_a_day_is_the_exchanges_own(capture):
    path, oracle = capture
    books = tapeout.books(path)
    locates = {symbol: at for at, symbol in books.directory.items()}
    table = books.digests()
    assert table.column_names == ["instrument", "symbol", "digest"]
    assert table.num_rows == len(oracle.symbols)
    for symbol, ours in zip(
        *(table[name].to_pylist() for name in ("symbol", "digest")), strict=True
    ):
        place = oracle.symbols.index(symbol)
        bids, asks = (matching.depth(oracle.books, place, side) for side in (0, 1))
        want = golden.digest(locates[symbol], "B", bids) ^ golden.digest(locates[symbol], "S", asks)
        assert ours == want == books.digest(symbol)
    assert books.digest() == functools.reduce(operator.xor, table["digest"].to_pylist())


def test_an_unknown_symbol_has_no_digest():
    with pytest.raises(tapeout.DataError, match=r"instrument must be in the directory; got 'ZZ'"):
        Books().digest("ZZ")


def test_books_folded_from_the_wire_have_the_same_digests(capture):
    books, folded = tapeout.books(capture[0]), replay.folded_books(tapeout.read(capture[0]))
    assert folded.digest() == books.digest() != 0
    assert folded.digests().equals(books.digests())
    assert folded.digest("HYDR") == books.digest("HYDR")
