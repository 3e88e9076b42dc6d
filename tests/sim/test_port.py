"""A participant's orders trade by the rules of all orders, and each fill is told to both sides."""

import secrets

import numpy as np
import pytest

from tapeout.hdl.ouch.layout import INBOUND, OUTBOUND, PLAIN
from tapeout.hdl.ouch.model import decode, encode, order
from tapeout.hdl.pretrade.layout import Action
from tapeout.hdl.pretrade.model import Intent
from tapeout.kernels.tape.record import RECORD_DTYPE
from tapeout.sim import draws, flow
from tapeout.sim.day import OPEN_NS, SimulatedDay
from tapeout.sim.exchange.matching import ASK, BID, OWNED, depth, enter, exchange
from tapeout.sim.exchange.port import Port

NOW = 34_200 * 10**9


class Market:
    """One instrument of 50 cents from a dollar on, its port, and the numbers of orders."""

    def __init__(self):
        self.books = exchange(np.array([100]), 50, 200)
        self.port = Port(self.books, ["HYDR"])
        self.out = np.zeros(500, RECORD_DTYPE)

    def crowd(self, side, cents, shares):
        """The crowd's order at a dollar and so many cents; what the participant is told."""
        rows = enter(self.books, 0, side, cents, shares, NOW, 99, self.out, 0)
        return [said(message) for message in self.port.met(self.out[:rows])]

    def send(self, message):
        """A message of the participant's; what it is told, and the letters on the feed."""
        answer = self.port.receive(message, NOW)
        letters = "".join(map(chr, answer.records["type"]))
        return [said(message) for message in answer.messages], letters

    def enter(self, number, side, cents, shares, **others):
        """An order of the participant's at a dollar and so many cents."""
        fields = {"symbol": "HYDR", "price": 10_000 + 100 * cents, **PLAIN} | others
        return self.send(encode(INBOUND, "O", number=number, side=side, quantity=shares, **fields))

    def replace(self, old, number, cents, shares):
        fields = {"replaces": old, "number": number, "price": 10_000 + 100 * cents}
        return self.send(encode(INBOUND, "U", quantity=shares, **fields))

    def cancel(self, number, keep=0):
        return self.send(encode(INBOUND, "X", number=number, quantity=keep))


def said(message):
    """What a message says, in short: letter, number, shares, price or reason."""
    fields = decode(OUTBOUND, message)
    assert fields["timestamp"] == NOW
    last = fields.get("price", fields.get("reason"))
    return fields["type"], fields["number"], fields.get("quantity", 0), last


@pytest.fixture
def market():
    return Market()


def test_an_order_rests_behind_the_crowds_and_is_told_each_fill(market):
    market.crowd(BID, 10, 100)
    assert market.enter(1, "B", 10, 300) == ([("A", 1, 300, 11_000)], "A")
    assert depth(market.books, 0, BID) == [(11_000, 400)]
    assert market.crowd(ASK, 10, 150) == [("E", 1, 50, 11_000)]
    assert market.crowd(ASK, 10, 100) == [("E", 1, 100, 11_000)]
    assert market.port.open == {1: 150}
    assert market.crowd(ASK, 9, 500) == [("E", 1, 150, 11_000)]
    assert market.port.open == {}


def test_a_marketable_order_trades_at_once_and_what_is_left_rests(market):
    for cents, shares in ((12, 100), (11, 40)):
        market.crowd(ASK, cents, shares)
    told, letters = market.enter(1, "B", 12, 200)
    assert told == [("A", 1, 200, 11_200), ("E", 1, 40, 11_100), ("E", 1, 100, 11_200)]
    assert letters == "EEA"
    assert depth(market.books, 0, BID) == [(11_200, 60)]
    assert market.crowd(ASK, 12, 60) == [("E", 1, 60, 11_200)]


def test_an_order_that_never_rests_takes_its_reference_with_it(market):
    market.crowd(ASK, 11, 40)
    accepted = market.port.receive(order(Intent(Action.ENTER, 0, 0, 1, 0, 40, 11_100), "HYDR"), NOW)
    reference = decode(OUTBOUND, accepted.messages[0])["reference"]
    market.crowd(BID, 3, 10)
    assert market.out[0]["subject"] == reference - OWNED + 1
    assert market.port.open == {}


def test_the_participant_may_trade_with_itself(market):
    market.enter(1, "S", 11, 50)
    told, letters = market.enter(2, "B", 11, 30)
    assert told == [("A", 2, 30, 11_100), ("E", 2, 30, 11_100), ("E", 1, 30, 11_100)]
    assert (letters, market.port.open) == ("E", {1: 20})


def test_a_cancel_takes_all_or_part_and_is_told_once(market):
    market.enter(1, "B", 10, 300)
    assert market.cancel(1, keep=200) == ([("C", 1, 100, "U")], "X")
    assert market.cancel(1, keep=200) == ([], "")
    assert market.cancel(1) == ([("C", 1, 200, "U")], "D")
    assert market.cancel(1) == ([], "")
    assert market.port.ignored == 2
    assert depth(market.books, 0, BID) == []


def test_a_replace_moves_an_order_behind_all_others_of_its_price(market):
    market.enter(1, "B", 9, 100)
    market.crowd(BID, 10, 50)
    assert market.replace(1, 2, 10, 80) == ([("U", 2, 80, 11_000)], "U")
    assert market.port.open == {2: 80}
    assert market.crowd(ASK, 10, 70) == [("E", 2, 20, 11_000)]


def test_a_replace_across_the_book_trades(market):
    market.enter(1, "B", 9, 100)
    market.crowd(ASK, 11, 30)
    told, letters = market.replace(1, 2, 11, 100)
    assert told == [("U", 2, 100, 11_100), ("E", 2, 30, 11_100)]
    assert letters == "DEA"
    assert depth(market.books, 0, BID) == [(11_100, 70)]


def test_a_replace_that_cannot_be_takes_the_order_out_and_one_of_no_order_is_rejected(market):
    market.enter(1, "B", 9, 100)
    assert market.replace(1, 2, 10, 0) == ([("C", 1, 100, "U"), ("J", 2, 0, 0x13)], "D")
    assert market.replace(1, 2, 10, 5) == ([("J", 2, 0, 0xF)], "")
    market.enter(2, "B", 9, 100)
    assert market.replace(2, 1, 10, 5) == ([], "")
    assert market.port.ignored == 1


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"symbol": "NONE"}, 0x17), ({"shares": 0}, 0x13), ({"shares": 1_000_000}, 0x13),
        ({"price": 11_050}, 0x1D), ({"price": 9_900}, 0x1D), ({"price": 15_000}, 0x1D),
        ({"price": 1 << 40}, 0x1D), ({"side": "X"}, 9), ({"time_in_force": "3"}, 0xF),
        ({"number": 7}, 0xF),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_is_rejected_with_the_reason(market, how, reason):
    market.enter(7, "B", 5, 10)
    before = depth(market.books, 0, BID)
    values = {"number": 8, "side": "B", "shares": 10} | how
    assert market.enter(cents=10, **values) == ([("J", values["number"], 0, reason)], "")
    assert depth(market.books, 0, BID) == before
    assert market.port.open == {7: 10}


def test_bytes_that_are_no_message_are_ignored(market):
    assert [market.send(wrong) for wrong in (b"", b"Z", encode(INBOUND, "O")[:-1])] == [
        ([], "")
    ] * 3
    assert market.port.ignored == 3
    assert market.port.system_event("S", 5) == b"S" + (5).to_bytes(8) + b"S"


def test_what_others_do_to_an_order_of_the_participant_is_told_as_the_exchanges_doing(market):
    from tapeout.sim.exchange.matching import cancel, replace

    market.enter(1, "B", 9, 100)
    market.enter(2, "B", 9, 100)
    live, out = market.books.live, market.out
    rows = cancel(market.books, int(live[0]), 30, NOW, out, 0)
    rows = replace(market.books, int(live[1]), 8, 60, NOW, out, rows)
    told = [said(message) for message in market.port.met(out[:rows])]
    assert told == [("C", 1, 30, "S"), ("C", 2, 100, "S")]
    assert market.port.open == {1: 70}


def test_in_a_day_of_the_crowds_every_share_is_filled_canceled_or_open():
    """Orders among the crowd's flow: their shares add up, and so do those of the books."""
    seed = secrets.randbits(16)
    print(f"seed {seed}")
    day, rng = SimulatedDay(seed=seed, instruments=3, events=1), np.random.default_rng(seed)
    port, out = Port(day.books, day.symbols), np.zeros(40_000, RECORD_DTYPE)
    entered, gone, fills = {}, {}, 0
    instruments = np.tile(np.arange(3), 80)
    words = draws.words(seed, 0, instruments.size, 2)
    words[:, 0] &= np.uint64(1 << 10)
    flow.flow(day.books, day._day, np.full(instruments.size, OPEN_NS), instruments, words, out)
    for number in range(1, 301):
        n, side = rng.integers(3), int(rng.integers(2))
        inside = depth(day.books, n, side)[0][0] + 100 * (1 - 2 * side)  # first in the queue
        intent = Intent(Action.ENTER, side, 0, number, 0, 100, inside)
        messages = port.receive(order(intent, day.symbols[n]), OPEN_NS).messages
        if number % 5 == 0 and port.open:
            oldest = min(port.open)
            cancels = order(Intent(Action.CANCEL, replaces=oldest), "")
            messages += port.receive(cancels, OPEN_NS).messages
        times = OPEN_NS + 10**9 * number + 1_000 * np.arange(64)
        words = draws.words(seed, number, 64, 2)
        _, rows = flow.flow(day.books, day._day, times, np.arange(64) % 3, words, out)
        for message in messages + port.met(out[:rows]):
            fields = decode(OUTBOUND, message)
            if fields["type"] == "A":
                entered[fields["number"]] = fields["quantity"]
            else:
                assert fields["type"] in "EC", fields
                assert fields.get("reason", "U") == "U", fields  # the crowd leaves them alone
                gone[fields["number"]] = gone.get(fields["number"], 0) + fields["quantity"]
                fills += fields["type"] == "E"
    left = {one: entered[one] - gone.get(one, 0) for one in entered}
    assert {one: shares for one, shares in left.items() if shares} == port.open
    assert fills > 20
    shares = day.books.levels[..., 0].sum()
    live = [
        day.books.live[day.books.start[n] : day.books.start[n] + day.books.count[n]]
        for n in range(3)
    ]
    assert shares == day.books.orders["shares"][np.concatenate(live)].sum()
