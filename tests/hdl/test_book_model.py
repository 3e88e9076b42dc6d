"""The golden book on a day told by hand: the rules of TotalView-ITCH, one sentence a test."""

import pytest

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.book.model import Books, Event, Quote
from tapeout.hdl.itch.model import decode, encode
from tapeout.hdl.layout import Fault

BID, ASK = 100_0000, 101_0000


@pytest.fixture
def books():
    """100 lots bid in two orders, 50 offered."""
    books = Books()
    for reference, side, shares, price in ((1, "B", 60, BID), (2, "B", 40, BID), (3, "S", 50, ASK)):
        tell(books, "A", order_reference=reference, side=side, shares=shares, price=price)
    return books


def tell(books, kind, **values):
    return books.apply(decode(encode(kind, stock_locate=1, **values)))


def test_orders_of_one_price_add_up(books):
    assert books.quote(1) == Quote(BID, 100, ASK, 50)


def test_an_execution_takes_from_the_resting_order_at_its_price(books):
    (event,) = tell(books, "E", order_reference=1, executed_shares=10, match_number=9)
    assert books.quote(1).bid_lots == 90
    assert (event.kind, event.side, event.price_ticks, event.trade_ticks) == (
        Kind.EXECUTE,
        "B",
        BID,
        BID,
    )
    assert (event.match_number, event.printable) == (9, True)


@pytest.mark.parametrize(("printable", "counts"), [("Y", True), ("N", False)])
def test_an_execution_with_price_trades_there_but_leaves_the_level_it_rested_on(
    books, printable, counts
):
    (event,) = tell(books, "C", order_reference=3, executed_shares=50, execution_price=100_5000,
                    printable=printable)  # fmt: skip
    assert (event.price_ticks, event.trade_ticks, event.printable) == (ASK, 100_5000, counts)
    assert books.quote(1).ask_lots == 0


def test_a_cancel_keeps_the_rest_and_a_delete_keeps_nothing(books):
    tell(books, "X", order_reference=2, cancelled_shares=15)
    assert books.quote(1).bid_lots == 85
    tell(books, "D", order_reference=2)
    assert books.quote(1).bid_lots == 60
    assert 2 not in books.orders


def test_a_replace_inherits_side_and_instrument_and_takes_a_new_reference(books):
    out, back = tell(
        books, "U", order_reference=1, new_order_reference=8, shares=70, price=BID - 100
    )
    assert (out.kind, out.lots, out.order_id) == (Kind.REPLACE_OUT, 60, 1)
    assert (back.kind, back.side, back.locate, back.order_id) == (Kind.REPLACE_IN, "B", 1, 8)
    assert books.depth(1, "B", 5) == [(BID, 40), (BID - 100, 70)]


def test_an_order_of_no_shares_is_gone(books):
    tell(books, "E", order_reference=3, executed_shares=50)
    assert books.quote(1) == Quote(BID, 100, 0, 0)
    assert tell(books, "D", order_reference=3) == []
    assert books.faults == {Fault.UNKNOWN_REFERENCE: 1}


@pytest.mark.parametrize(
    ("kind", "told", "event"),
    [
        ("P", {"side": "S", "shares": 30, "price": 100_2500, "match_number": 4},
         Event(Kind.TRADE, 1, "S", 0, 30, 0, 4, 100_2500, True)),
        ("Q", {"cross_shares": 9_000, "cross_price": 100_3000, "match_number": 5,
               "cross_type": "O"},
         Event(Kind.CROSS, 1, "", 0, 9_000, 0, 5, 100_3000, True, cross_type="O")),
        ("B", {"match_number": 4}, Event(Kind.BREAK, 1, "", 0, 0, 0, 4, 0, False)),
    ],
)  # fmt: skip
def test_trades_off_the_book_change_no_level(books, kind, told, event):
    before = books.quote(1)
    assert tell(books, kind, **told) == [event]
    assert books.quote(1) == before


@pytest.mark.parametrize(
    ("fault", "kind", "values"),
    [
        (Fault.UNKNOWN_REFERENCE, "E", {"order_reference": 99, "executed_shares": 1}),
        (Fault.REPEATED_REFERENCE, "A", {"order_reference": 1, "side": "S", "shares": 1}),
        (
            Fault.REPEATED_REFERENCE,
            "U",
            {"order_reference": 1, "new_order_reference": 2, "shares": 1},
        ),
        (Fault.ZERO_SHARES, "A", {"order_reference": 9, "side": "B"}),
        (Fault.ZERO_SHARES, "U", {"order_reference": 1, "new_order_reference": 9}),
        (Fault.ZERO_SHARES, "X", {"order_reference": 1}),
        (Fault.BAD_SIDE, "A", {"order_reference": 9, "side": "?", "shares": 1}),
    ],
)
def test_what_cannot_be_applied_is_counted_and_leaves_the_book(books, fault, kind, values):
    assert tell(books, kind, **values) == []
    assert books.faults == {fault: 1}
    assert books.quote(1) == Quote(BID, 100, ASK, 50)


def test_more_shares_than_rest_take_the_rest(books):
    (event,) = tell(books, "E", order_reference=3, executed_shares=51)
    assert event.lots == 50
    assert books.faults == {Fault.TOO_MANY_SHARES: 1}


def test_another_instruments_number_is_counted_and_the_orders_own_taken(books):
    (event,) = books.apply(decode(encode("D", stock_locate=2, order_reference=3)))
    assert event.locate == 1
    assert books.faults == {Fault.WRONG_INSTRUMENT: 1}


def test_a_crossed_book_is_counted(books):
    tell(books, "A", order_reference=9, side="B", shares=1, price=ASK)
    assert books.faults == {Fault.CROSSED: 1}
