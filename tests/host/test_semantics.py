"""TotalView-ITCH 5.0 to the letter, one rule a test: golden model and books, events worked by hand.

Each day below is told in messages; what must follow is written out from the specification's words
("Add Order", "Modify Order Messages", "Trade Messages", "Stock Trading Action").
"""

import pytest

import tapeout
from tapeout.hdl.book.model import Books as Model
from tapeout.hdl.itch.model import decode, encode
from tapeout.market.books import TradingState

BID, ASK = 100_0000, 100_0500
ABOUT = {"stock_locate": 1, "stock": "AAPL"}
OPENING = [
    ("R", {**ABOUT}),
    ("A", {**ABOUT, "order_reference": 1, "side": "B", "shares": 300, "price": BID}),
    ("F", {**ABOUT, "order_reference": 2, "side": "B", "shares": 200, "price": BID,
           "attribution": "GSCO"}),
    ("A", {**ABOUT, "order_reference": 3, "side": "S", "shares": 500, "price": ASK}),
]  # fmt: skip


class Day:
    """The opening and what follows, told to the golden model and to `tapeout.books`."""

    def __init__(self, folder, *told):
        self.path = folder / "day.itch"
        messages = [encode(kind, **{"stock_locate": 1, **values}) for kind, values in
                    [*OPENING, *told]]  # fmt: skip
        self.path.write_bytes(b"".join(len(m).to_bytes(2) + m for m in messages))
        self.model = Model()
        for message in messages:
            self.model.apply(decode(message))
        self.books = tapeout.books(self.path)
        events = tapeout.events(self.path).read_all().to_pylist()
        self.events = events[3:]  # behind the opening's three orders

    def bids(self):
        """(ticks, lots) of the bid side, which the model must have, too."""
        depth = [tuple(level) for level in self.books.depth("AAPL").bids]
        assert depth == self.model.depth(1, "B", 10)
        return depth

    def asks(self):
        depth = [tuple(level) for level in self.books.depth("AAPL").asks]
        assert depth == self.model.depth(1, "S", 10)
        return depth


@pytest.fixture
def day(tmp_path):
    return lambda *told: Day(tmp_path, *told)


def picked(event, *names):
    return tuple(event[name] for name in names)


def test_a_cancel_keeps_its_place_in_the_queue(day):
    after = day(("X", {"order_reference": 1, "cancelled_shares": 100}))
    assert after.model.queue(1, "B", BID) == [1, 2]
    assert after.bids() == [(BID, 400)]
    assert picked(after.events[0], "kind", "order_id", "lots") == ("cancel", 1, 100)


def test_a_replace_goes_to_the_end_of_the_queue_even_at_its_old_price(day):
    """It is a new order under a new reference; our books keep levels, the model keeps the queue."""
    after = day(("U", {"order_reference": 1, "new_order_reference": 9, "shares": 300,
                       "price": BID}))  # fmt: skip
    assert after.model.queue(1, "B", BID) == [2, 9]
    assert after.bids() == [(BID, 500)]
    out, back = after.events
    assert picked(out, "kind", "order_id", "lots") == ("replace_out", 1, 300)
    assert picked(back, "kind", "order_id", "lots") == ("replace_in", 9, 300)


def test_a_replace_inherits_side_instrument_and_attribution(day):
    after = day(("U", {"order_reference": 2, "new_order_reference": 9, "shares": 50,
                       "price": BID - 100}))  # fmt: skip
    assert after.bids() == [(BID, 300), (BID - 100, 50)]
    back = after.events[1]
    assert picked(back, "side", "symbol", "attribution") == (1, "AAPL", "GSCO")
    assert picked(back, "price_ticks", "lots", "order_id") == (BID - 100, 50, 9)


def test_attribution_stays_with_the_order_to_its_end(day):
    after = day(("E", {"order_reference": 2, "executed_shares": 50, "match_number": 7}),
                ("D", {"order_reference": 2}), ("D", {"order_reference": 1}))  # fmt: skip
    assert [event["attribution"] for event in after.events] == ["GSCO", "GSCO", None]


def test_an_execution_is_at_the_resting_price_and_printed(day):
    after = day(("E", {"order_reference": 3, "executed_shares": 120, "match_number": 77}))
    assert after.asks() == [(ASK, 380)]
    (event,) = after.events
    assert picked(event, "kind", "side", "price_ticks", "lots") == ("execute", -1, ASK, 120)
    assert picked(event, "trade_ticks", "match_number", "printable") == (ASK, 77, True)


@pytest.mark.parametrize(("letter", "printed"), [("Y", True), ("N", False)])
def test_an_execution_with_price_is_at_its_own_price_and_prints_if_it_says_so(day, letter, printed):
    after = day(("C", {"order_reference": 3, "executed_shares": 500, "match_number": 78,
                       "printable": letter, "execution_price": ASK - 100}))  # fmt: skip
    assert after.asks() == []
    assert picked(after.events[0], "price_ticks", "trade_ticks", "printable") == (
        ASK,
        ASK - 100,
        printed,
    )


def test_an_execution_that_does_not_print_is_in_no_bar(day):
    """Lots that printed in a cross, say, must not be counted twice (spec: printable "N")."""
    open_ns = 34_200_000_000_000
    told = {"order_reference": 3, "match_number": 1, "execution_price": ASK, "timestamp": open_ns}
    after = day(("C", {**told, "executed_shares": 100, "printable": "N"}),
                ("C", {**told, "executed_shares": 30, "printable": "Y"}))  # fmt: skip
    bars = tapeout.bars(tapeout.read(after.path, date="2019-12-30"))
    assert sum(bars.to_arrow()["volume"].to_pylist()) == 30


@pytest.mark.parametrize("cross", "OCHI")
def test_a_cross_prints_once_with_its_type_and_moves_no_level(day, cross):
    after = day(("Q", {**ABOUT, "cross_shares": 2**32 + 5, "cross_price": 100_0200,
                       "match_number": 80, "cross_type": cross}))  # fmt: skip
    assert (after.bids(), after.asks()) == ([(BID, 500)], [(ASK, 500)])
    (event,) = after.events
    assert picked(event, "kind", "cross_type", "lots", "side") == ("cross", cross, 2**32 + 5, 0)
    assert picked(event, "trade_ticks", "match_number", "printable") == (100_0200, 80, True)
    assert picked(event, "price_ticks", "order_id") == (None, None)


def test_a_trade_against_a_hidden_order_moves_no_level(day):
    after = day(("P", {**ABOUT, "side": "B", "shares": 40, "price": 100_0250, "match_number": 81}))
    assert (after.bids(), after.asks()) == ([(BID, 500)], [(ASK, 500)])
    assert picked(after.events[0], "kind", "side", "lots", "trade_ticks") == (
        "trade", 1, 40, 100_0250)  # fmt: skip


def test_a_broken_trade_names_the_match_it_voids_and_restores_nothing(day):
    """Spec: the book is not affected; what was executed does not come back."""
    after = day(("E", {"order_reference": 1, "executed_shares": 300, "match_number": 82}),
                ("B", {"match_number": 82}))  # fmt: skip
    assert after.bids() == [(BID, 200)]
    executed, broken = after.events
    assert picked(broken, "kind", "match_number", "symbol", "lots", "printable") == (
        "break", executed["match_number"], "AAPL", 0, False)  # fmt: skip


@pytest.mark.parametrize(
    ("letter", "name"),
    [("H", "halted"), ("P", "paused"), ("Q", "quotation"), ("T", "trading"), ("z", "z")],
)
def test_a_trading_state_is_an_event_and_stands_in_the_books(day, letter, name):
    after = day(("H", {**ABOUT, "trading_state": letter, "reason": "T1"}))
    assert after.books.state("AAPL") == TradingState(name, "T1")
    (event,) = after.events
    assert picked(event, "kind", "trading_state", "reason", "lots", "side") == (
        "state", name, "T1", 0, 0)  # fmt: skip
    assert after.books.quotes()["trading_state"].to_pylist() == [name]
    assert (after.bids(), after.asks()) == ([(BID, 500)], [(ASK, 500)])


def test_orders_still_come_and_go_while_trading_is_halted(day):
    """Spec: in a halt or a quotation period orders are accepted; only the state says it."""
    after = day(("H", {**ABOUT, "trading_state": "H", "reason": "LUDP"}),
                ("X", {"order_reference": 1, "cancelled_shares": 300}),
                ("H", {**ABOUT, "trading_state": "T"}))  # fmt: skip
    assert after.bids() == [(BID, 200)]
    assert after.books.state("AAPL") == TradingState("trading", "")


def test_an_instrument_no_message_told_of_has_no_state(day):
    after = day()
    assert after.books.state("AAPL") == TradingState("", "")
    assert after.books.quotes()["trading_state"].to_pylist() == [None]


def test_references_of_an_order_that_is_gone_name_nothing(day):
    after = day(("D", {"order_reference": 3}), ("E", {"order_reference": 3, "executed_shares": 1}))
    assert after.asks() == []
    assert [event["kind"] for event in after.events] == ["delete"]
