"""The host's pre-trade check: limits in dollars, and the gate's own decisions."""

import doctest
from decimal import Decimal

import pytest

from tapeout.compliance import pretrade
from tapeout.compliance.pretrade import CONTROLS, DayLimits, OrderLimits, PreTrade, Reason
from tapeout.errors import DataError
from tapeout.hdl.pretrade import model
from tapeout.hdl.pretrade.layout import LIMITS, NOTIONAL_UNIT, SLOTS

LIMIT = OrderLimits(collar="0.50", max_shares=500, max_notional=60_000, max_position=1_000)
DAY = DayLimits(max_gross=1_000_000, orders_per_second=1000, burst=10, repeat="1s")


def checked(limits=LIMIT, day=DAY):
    check = PreTrade({"MSFT": LIMIT, "AAPL": limits}, day)
    check.quote("AAPL", bid_ticks=1_899_900, ask_ticks=1_900_000)
    return check


def test_the_example_of_the_module_is_true():
    found = doctest.testmod(pretrade)
    assert (found.failed, found.attempted > 5) == (0, True)


@pytest.mark.parametrize("amount", ["0.50005", 0.50005, Decimal("0.50009"), "0.5"])
def test_a_collar_is_rounded_down_to_ticks(amount):
    assert OrderLimits(amount, 1, 1, 1).limits().collar == 5000


@pytest.mark.parametrize(("dollars", "units"), [(0, 0), (6.5536, 1), (13.1071, 1), ("13.1072", 2)])
def test_a_notional_is_rounded_down_to_units(dollars, units):
    assert OrderLimits(0, 1, dollars, 1).limits().max_notional == units
    assert DayLimits(dollars, 1, 1, 1).limits(10**9).max_gross == units
    assert units * NOTIONAL_UNIT <= float(dollars) * 10_000


def test_a_rate_and_a_time_are_rounded_up_to_cycles():
    limits = DayLimits(1, orders_per_second=3, burst=7, repeat="10ns").limits(156_250_000)
    assert limits.rate_cycles * 3 >= 156_250_000 > (limits.rate_cycles - 1) * 3
    assert (limits.rate_burst, limits.repeat_cycles) == (7, 2)


def test_a_symbol_is_written_as_the_exchange_writes_it():
    limits = LIMIT.limits(locate=7, symbol="AAPL")
    letters = limits.symbol_high << 32 | limits.symbol_low
    assert letters.to_bytes(8) == b"AAPL    "
    assert limits.locate == 7
    assert all(value < 1 << LIMITS[name] for name, value in limits._asdict().items())


def test_every_reason_but_a_malformed_order_has_its_control():
    assert set(Reason) - set(CONTROLS) == {Reason.ACCEPTED, Reason.MALFORMED, Reason.UNKNOWN}


def test_a_day_of_orders():
    check, reasons = checked(), []
    ask, bid = 1_900_000, 1_899_900
    reasons += [check.enter("AAPL", "buy", 200, ask, number=1, now_ns=0)]
    reasons += [check.enter("AAPL", "buy", 200, ask, number=2, now_ns=999_999_999)]
    reasons += [check.enter("AAPL", "buy", 200, ask, number=2, now_ns=1_000_000_010)]
    reasons += [check.enter("AAPL", "sell", 10, ask, number=3, now_ns=1_000_000_010)]
    check.executed(1, 150, ask)
    reasons += [check.replace("AAPL", "buy", 100, bid, number=4, replaces=2, now_ns=1_000_000_020)]
    check.replaced(4, replaces=2, shares=90)
    check.left(1)
    assert check.position("AAPL") == 150
    assert check.state.slots[1].open == ((model.Order(4, bid, 90),), ())
    check.kill()
    reasons += [check.enter("AAPL", "sell", 10, ask, number=5, now_ns=1_000_000_020)]
    reasons += [check.cancel("AAPL", "buy", replaces=4, now_ns=1_000_000_020)]
    check.kill(False)
    assert not check.closed
    check.executed(9, 1, ask)
    assert check.closed
    assert [reason.name for reason in reasons] == [
        "ACCEPTED",
        "DUPLICATE",
        "ACCEPTED",
        "SELF_CROSS",
        "ACCEPTED",
        "KILLED",
        "ACCEPTED",
    ]


def test_the_rate_counts_in_cycles_of_the_cards_clock():
    """Ten at once, one more each millisecond."""
    check = checked()
    reasons = [
        check.enter("AAPL", "sell", 1, 1_900_000 + k, number=k, now_ns=0) for k in range(1, 5)
    ]
    for k in range(1, 5):
        check.left(k)
    reasons += [
        check.enter("AAPL", "buy", 1, 1_800_000 - k, number=k, now_ns=0) for k in range(5, 9)
    ]
    for k in range(5, 9):
        check.left(k)
    for k, now_ns in enumerate([0, 0, 0, 999_999, 1_000_000, 1_000_000], 9):
        reasons += [check.enter("AAPL", "buy", 1, 1_800_000 - k, number=k, now_ns=now_ns)]
        if not reasons[-1]:
            check.left(k)
    late = [Reason.ACCEPTED, Reason.ACCEPTED, Reason.RATE, Reason.RATE, Reason.ACCEPTED]
    assert reasons == [Reason.ACCEPTED] * 8 + [*late, Reason.RATE]


REFUSED = {
    "collar must be 0 to 429496.7295 dollars; got -1": lambda: OrderLimits(-1, 1, 1, 1),
    "collar must be a number; got 'x'": lambda: OrderLimits("x", 1, 1, 1),
    "collar must be a number; got nan": lambda: OrderLimits(float("nan"), 1, 1, 1),
    "max_shares must be 0 to 4294967295; got -1": lambda: OrderLimits(1, -1, 1, 1),
    "max_shares must be 0 to 4294967295; got 1.5": lambda: OrderLimits(1, 1.5, 1, 1),
    "max_notional must be 0 to 28147497664.512 dollars; got 3E\\+10": lambda: OrderLimits(
        1, 1, Decimal("3e10"), 1
    ),
    "max_position must be 0 to 2147483647; got 2147483648": lambda: OrderLimits(1, 1, 1, 2**31),
    "burst must be 0 to 255; got 256": lambda: DayLimits(1, 1, 256, 1),
    "orders_per_second must be at least one in 2\\*\\*32 cycles; got 0": lambda: DayLimits(
        1, 0, 1, 1
    ),
    "orders_per_second must be at least one in 2\\*\\*32 cycles; got 0.01": lambda: DayLimits(
        1, 0.01, 1, 1
    ).limits(156_250_000),
    "repeat must be shorter than 2\\*\\*32 cycles; got 1min": lambda: DayLimits(
        1, 1, 1, "1min"
    ).limits(156_250_000),
    "limits must be of at most 16 instruments; got 17": lambda: PreTrade(
        {str(k): LIMIT for k in range(SLOTS + 1)}, DAY
    ),
    "symbol must be one of MSFT, AAPL; got 'X'": lambda: checked().position("X"),
    "symbol must be 8 letters at most; got 'LONGSYMBOL'": lambda: LIMIT.limits(symbol="LONGSYMBOL"),
    "side must be buy or sell; got 'b'": lambda: checked().enter(
        "AAPL", "b", 1, 1, number=1, now_ns=0
    ),
    "price_ticks must be 0 to 4294967295; got -1": lambda: checked().enter(
        "AAPL", "buy", 1, -1, number=1, now_ns=0
    ),
    "shares must be 0 to 4294967295; got -5": lambda: checked().left(1, shares=-5),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_is_refused(said):
    with pytest.raises(DataError, match=f"^{said}$"):
        REFUSED[said]()


def test_time_does_not_go_back():
    check = checked()
    check.enter("AAPL", "buy", 1, 1, number=1, now_ns=20)
    with pytest.raises(DataError, match=r"^now_ns must not go back from 20; got 10$"):
        check.enter("AAPL", "buy", 1, 1, number=2, now_ns=10)
