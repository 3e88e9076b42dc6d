"""An exchange played slice by slice is the same whatever the slices; our orders are in it too."""

import pytest

from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.itch.model import fields
from tapeout.hdl.ouch.layout import BUY, INBOUND, OUTBOUND, PLAIN
from tapeout.hdl.ouch.model import decode, encode
from tapeout.sim.day import OPEN_NS
from tapeout.sim.exchange.matching import ASK, depth
from tapeout.sim.exchange.venue import Venue

SPAN_NS = 300_000


def buy(number, symbol, price, shares=100):
    """An order to buy."""
    return encode(
        INBOUND, "O", number=number, side=BUY, quantity=shares, symbol=symbol, price=price,
        **{name: PLAIN[name] for name in ("time_in_force", "display", "cross")},
    )  # fmt: skip


def opened(seed=1):
    """A venue, and what it said before the market opened."""
    venue = Venue(seed, instruments=3, gap_ns=1_000)
    return venue, venue.opening()


def test_what_happens_does_not_hang_on_the_slices():
    whole, _ = opened()
    cut, _ = opened()
    at_once = whole.play(OPEN_NS + SPAN_NS)
    parts = [cut.play(OPEN_NS + to) for to in (1, 17_000, 40_000, 40_001, 250_000, SPAN_NS)]
    assert [one for part in parts for one in part.packets] == at_once.packets
    assert len(at_once.packets) > 200


def test_packets_are_in_order_and_about_known_instruments():
    venue, before = opened()
    said = venue.play(OPEN_NS + SPAN_NS)
    times = [when for when, _ in [*before.packets, *said.packets]]
    assert times == sorted(times)
    for _, messages in said.packets:
        for message in messages:
            assert chr(message[0]) in MESSAGES
            assert fields(message)["stock_locate"] in (1, 2, 3)


def test_an_order_that_crosses_trades_and_the_feed_tells_it():
    venue, _ = opened()
    best, lots = depth(venue.books, 0, ASK)[0]
    said = venue.play(OPEN_NS + 10, [(OPEN_NS + 5, buy(1, venue.symbols[0], best, shares=lots))])
    kinds = [decode(OUTBOUND, message)["type"] for _, message in said.reports]
    executed = [m for _, m in said.reports if decode(OUTBOUND, m)["type"] == "E"]
    assert kinds[0] == "A"
    assert sum(int(decode(OUTBOUND, m)["quantity"]) for m in executed) == lots
    told = [fields(m) for when, ms in said.packets if when == OPEN_NS + 5 for m in ms]
    assert sum(int(one["executed_shares"]) for one in told if "executed_shares" in one) == lots


def test_arrivals_must_be_in_order_and_in_the_slice():
    venue, _ = opened()
    venue.play(OPEN_NS + 1_000)
    with pytest.raises(ValueError, match=f"in order, from {OPEN_NS + 1_000} on; got {OPEN_NS}"):
        venue.play(OPEN_NS + 2_000, [(OPEN_NS, b"")])


def test_another_seed_is_another_day():
    one, other = opened(1)[0], opened(2)[0]
    assert one.play(OPEN_NS + SPAN_NS).packets != other.play(OPEN_NS + SPAN_NS).packets
