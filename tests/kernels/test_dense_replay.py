"""An instrument replayed from ops is a dictionary of levels, at any price and any range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.hdl.book.layout import Kind
from tapeout.kernels.outputs import dense

PRICES = {
    "pennies": st.integers(1, 40).map(lambda cents: 1_000_000 + 100 * cents),
    "ticks": st.integers(0, 99) | st.integers(999_990, 1_000_210),
    "wild": st.sampled_from([0, 1, 99, 100, 9_999, 2**31, 2**32 - 100, 2**32 - 1])
    | st.integers(1, 9).map(lambda cents: 1_000_000 + 100 * cents),
}


@st.composite
def sound_ops(draw, prices):
    """Ops that a book could have sent: (price, side, signed lots, kind); replaces in pairs."""
    resting, ops = {}, []

    def enter(side, kind):
        price, lots = draw(prices), draw(st.integers(1, 5) | st.just(2**32 - 1))
        resting[price, side] = resting.get((price, side), 0) + lots
        ops.append((price, side, lots, kind))

    def leave(kind):
        price, side = draw(st.sampled_from(sorted(resting)))
        lots = draw(st.integers(1, resting[price, side]) | st.just(resting[price, side]))
        resting[price, side] -= lots
        if not resting[price, side]:
            del resting[price, side]
        ops.append((price, side, -lots, kind))
        return side

    for _ in range(draw(st.integers(0, 60))):
        what = draw(st.sampled_from("AADDEUU"))
        if what == "A" or not resting:
            enter(draw(st.sampled_from([1, -1])), Kind.ADD)
        elif what == "U":
            enter(leave(Kind.REPLACE_OUT), Kind.REPLACE_IN)
        else:
            leave(Kind.DELETE if what == "D" else Kind.EXECUTE)
    return ops


def columns(ops):
    """Ops as a tape has them: arrays that may not be written to."""
    kinds = {"lots": np.int64, "price_ticks": np.uint32, "kind": np.int8, "side": np.int8}
    table = np.array(ops, np.int64).reshape(-1, 4)
    order = {"price_ticks": 0, "side": 1, "lots": 2, "kind": 3}
    found = {name: table[:, order[name]].astype(kind) for name, kind in kinds.items()}
    found["sequence"] = np.arange(len(ops))
    for column in found.values():
        column.flags.writeable = False
    return dense.Columns(**found)


def stepped(ops):
    """What the levels and the best quotes are, by sorting a dictionary after every message."""
    levels, quotes, last = {1: {}, -1: {}}, [], (0, 0, 0, 0)
    for index, (price, side, lots, kind) in enumerate(ops):
        levels[side][price] = levels[side].get(price, 0) + lots
        if not levels[side][price]:
            del levels[side][price]
        if kind == Kind.REPLACE_OUT:
            continue
        bid, ask = max(levels[1], default=0), min(levels[-1], default=0)
        now = (bid, levels[1].get(bid, 0), ask, levels[-1].get(ask, 0))
        if now != last:
            quotes.append((index, *now))
            last = now
    return levels, quotes


def assert_stepped(book, levels):
    for side, sign in ((0, 1), (1, -1)):
        want = sorted(levels[sign].items(), reverse=sign == 1)
        assert [tuple(row) for row in dense.levels(book, side).tolist()] == want


@pytest.mark.parametrize("prices", PRICES.values(), ids=PRICES)
@pytest.mark.parametrize("most", [64, dense.MOST_TICKS])
@given(drawn=st.data())
def test_levels_and_quotes_are_a_dictionarys(prices, most, drawn):
    ops = drawn.draw(sound_ops(prices))
    cut = drawn.draw(st.integers(0, len(ops)))
    found, taken = [], 0
    parts = [columns(ops[:cut]), columns(ops[cut:])]
    book = dense.dense(*(part.price_ticks for part in parts), most=most)
    for part in parts:
        quotes = np.zeros((5, part.lots.size), np.int64)
        book, rows = dense.replay(book, part, quotes)
        quotes[dense.OP] += taken
        found += [tuple(row) for row in quotes[:, :rows].T.tolist()]
        taken += part.lots.size
    levels, want = stepped(ops)
    assert found == want
    assert_stepped(book, levels)
    silent, none = dense.replay(
        dense.dense(columns(ops).price_ticks, most=most), columns(ops), np.zeros((5, 0), np.int64)
    )
    assert none == 0
    assert_stepped(silent, levels)


def test_far_levels_grow_past_their_first_room():
    """10,000 asks a dollar apart and as many bids: the range holds a part of them."""
    ops = [(10_000 * n, 1 - 2 * (n % 2), 7, Kind.ADD) for n in range(1, 20_001)]
    part = columns(ops)
    quotes = np.zeros((5, part.lots.size), np.int64)
    book, rows = dense.replay(dense.dense(part.price_ticks), part, quotes)
    _, want = stepped(ops[:500])
    assert [tuple(row) for row in quotes[:, : len(want)].T.tolist()] == want
    assert dense.levels(book, 0)[:, 0].tolist() == [10_000 * n for n in range(20_000, 0, -2)]
    assert dense.levels(book, 1)[:, 0].tolist() == [10_000 * n for n in range(1, 20_001, 2)]
    assert book.near.nbytes == 1 << 20
    assert rows > 0


@pytest.mark.parametrize("price", [1_000_000, 77])
@pytest.mark.parametrize("lots", [-3, 0])
def test_an_op_no_book_could_send_is_named(price, lots):
    ops = [(1_000_000, 1, 2, Kind.ADD)] * 9 + [(price, -1, lots, Kind.DELETE)]
    part = columns(ops)
    said = rf"op 9 must change a level and leave 0 lots or more; it adds {lots} at {price} ticks"
    with pytest.raises(ValueError, match=said):
        dense.replay(dense.dense(part.price_ticks, most=64), part, np.zeros((5, 0), np.int64))


def test_what_does_not_fit_is_refused():
    part = columns([(100, 1, 1, Kind.ADD)] * 3)
    with pytest.raises(ValueError, match="quotes must have room for 3 ops; got 2"):
        dense.replay(dense.dense(part.price_ticks), part, np.zeros((5, 2), np.int64))
    odd = part._replace(side=part.side[:2])
    with pytest.raises(ValueError, match=r"columns must be of one size; got \[3, 3, 3, 2, 3\]"):
        dense.replay(dense.dense(part.price_ticks), odd, np.zeros((5, 0), np.int64))
