"""The matching engine: price first, then time; nothing is created or lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.kernels.tape.record import RECORD_DTYPE
from tapeout.sim.exchange.matching import (
    ASK,
    BID,
    cancel,
    depth,
    enter,
    exchange,
    is_full,
    newest,
    replace,
)

NOW = 34_200 * 10**9


class Market:
    """One instrument of 50 levels, and the records it has sent."""

    def __init__(self):
        self.books = exchange(np.array([100]), 50, 200)
        self.out = np.zeros(5_000, RECORD_DTYPE)
        self.row = 0

    def order(self, side, level, shares, most=99):
        before = self.row
        self.row = enter(self.books, 0, side, level, shares, NOW, most, self.out, self.row)
        return self.said(before)

    def said(self, before):
        return [
            (chr(r["type"]), int(r["subject"]), int(r["shares"]), int(r["price"]))
            for r in self.out[before : self.row]
        ]

    def find(self, reference):
        live = self.books.live[: self.books.count[0]]  # the only instrument's
        return next(int(at) for at in live if self.books.orders[at]["reference"] == reference)


@pytest.fixture
def market():
    return Market()


def test_an_order_that_does_not_cross_rests(market):
    assert market.order(BID, 10, 300) == [("A", 1, 300, 11_000)]
    assert depth(market.books, 0, BID) == [(11_000, 300)]


def test_better_prices_trade_first_then_earlier_orders(market):
    for level, shares in ((12, 100), (11, 100), (11, 50)):
        market.order(ASK, level, shares)
    assert market.order(BID, 12, 220) == [("E", 2, 100, 0), ("E", 3, 50, 0), ("E", 1, 70, 0)]
    assert depth(market.books, 0, ASK) == [(11_200, 30)]


def test_what_is_left_of_a_crossing_order_rests_at_its_limit(market):
    market.order(ASK, 11, 100)
    assert market.order(BID, 13, 150) == [("E", 1, 100, 0), ("A", 2, 50, 11_300)]


def test_an_order_that_may_meet_no_more_is_not_rested_across_the_book(market):
    for _ in range(3):
        market.order(ASK, 11, 10)
    assert [letter for letter, *_ in market.order(BID, 11, 100, most=2)] == ["E", "E"]
    assert depth(market.books, 0, BID) == []


def test_a_replace_goes_to_the_back_under_a_new_reference(market):
    market.order(BID, 10, 100)
    market.order(BID, 10, 100)
    market.row = replace(market.books, market.find(1), 10, 100, NOW, market.out, market.row)
    assert market.order(ASK, 10, 120) == [("E", 2, 100, 0), ("E", 3, 20, 0)]


def test_a_cancel_in_part_keeps_its_place(market):
    market.order(BID, 10, 100)
    market.order(BID, 10, 100)
    before = market.row
    market.row = cancel(market.books, market.find(1), 60, NOW, market.out, market.row)
    assert market.said(before) == [("X", 1, 60, 0)]
    assert market.order(ASK, 10, 50) == [("E", 1, 40, 0), ("E", 2, 10, 0)]


def test_each_instrument_has_its_own_tick_and_room():
    books = exchange(np.array([100, 5_000]), 50, np.array([8, 2]), np.array([100, 1]))
    out = np.zeros(9, RECORD_DTYPE)
    for n in (0, 1, 0):
        enter(books, n, BID, 7, 30, NOW, 1, out, 0)
    assert depth(books, 0, BID) == [(10_700, 60)]
    assert depth(books, 1, BID) == [(5_007, 30)]
    assert (is_full(books, 0), is_full(books, 1)) == (False, True)
    assert books.orders[newest(books, 0, 0)]["reference"] == 3
    assert books.orders[newest(books, 1, 0)]["reference"] == 2


class Plain:
    """The same rules in the fewest words: lists of (reference, shares), level by level."""

    def __init__(self):
        self.queues, self.reference = {}, 1

    def order(self, side, level, shares):
        said, away = [], 1 - side
        while shares:
            crossing = [
                at for (s, at), queue in self.queues.items()
                if s == away and queue and (at <= level if side == BID else at >= level)
            ]  # fmt: skip
            if not crossing:
                break
            queue = self.queues[away, min(crossing) if side == BID else max(crossing)]
            reference, resting = queue[0]
            traded = min(shares, resting)
            said.append(("E", reference, traded, 0))
            queue[:1] = [(reference, resting - traded)] if resting > traded else []
            shares -= traded
        if shares:
            self.queues.setdefault((side, level), []).append((self.reference, shares))
            said.append(("A", self.reference, shares, (100 + level) * 100))
            self.reference += 1
        return said


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 49), st.integers(1, 9)), max_size=120))
def test_equals_the_plain_rules(orders):
    market, plain = Market(), Plain()
    for side, level, shares in orders:
        assert market.order(side, level, shares) == plain.order(side, level, shares)
    resting = sum(s for queue in plain.queues.values() for _, s in queue)
    assert sum(s for side in (BID, ASK) for _, s in depth(market.books, 0, side)) == resting
