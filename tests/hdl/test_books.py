"""All books in gateware equal the golden model, record by record."""

import random

import pytest

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import MESSAGES, RECORD, pack
from tapeout.hdl.itch.model import decode, encode
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import Mark, unpack
from tapeout.hdl.top.model import Feed, agrees
from tapeout.sim.engine import READY, engines

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from tapeout.hdl.books.gateware import Books

pytestmark = pytest.mark.rtl
ENGINES = engines()
SMALL = {"locates": 32, "instruments": 8, "rows": 16}


@pytest.fixture(
    params=[
        pytest.param(name, marks=[] if name == "amaranth" else pytest.mark.blocks)
        for name in ENGINES
    ]
)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


def flow(seed, count, names=4, live=60):
    """Messages about a few orders of a few instruments, one in ten of them wrong somehow.

    The first ones are about no book: while they come, all instruments are listened to.
    """
    yield from [encode("S", event_code="O")] * 40
    rng, orders, reference = random.Random(seed), {}, 0
    for _ in range(count):
        kind = rng.choice("AAAFEECXXDDUUPQBHI") if orders else "A"
        if kind in "AF" and len(orders) >= live:
            kind = "D"
        known = rng.choice([*orders]) if orders and rng.random() > 0.05 else rng.randrange(1, 99)
        reference += rng.choice([1, 1, 2, 64, 1 << 40])
        new = reference if rng.random() > 0.05 else known
        wrong = rng.random() < 0.03
        locate = rng.randrange(1, names + 2)
        if kind not in "AFPQBHI" and known in orders and not wrong:
            locate = orders[known]
        shares = rng.choice([0, 1, 5, 100, 100, 100, 300])
        told = {
            "stock_locate": locate, "timestamp": rng.randrange(1 << 47), "side": rng.choice("BS?"),
            "price": rng.randrange(100, 112), "shares": shares, "executed_shares": shares,
            "cancelled_shares": shares, "match_number": rng.randrange(1 << 60),
            "printable": rng.choice("YN"), "execution_price": rng.randrange(100, 112),
            "order_reference": new if kind in "AF" else known, "new_order_reference": new,
            "attribution": "NSDQ", "cross_shares": rng.randrange(1 << 40), "cross_price": 7,
            "cross_type": "O", "trading_state": "T", "reason": "LUDP",
            "paired_shares": rng.randrange(1 << 40), "imbalance_shares": rng.randrange(1 << 40),
            "imbalance_direction": "B", "reference_price": 9,
        }  # fmt: skip
        fields = {name: told[name] for name in MESSAGES[kind].fields if name in told}
        if fields.get("side") == "?" and rng.random() > 0.2:
            fields["side"] = "B"
        yield encode(kind, **fields)
        if kind in "AF":
            orders[new] = locate
        elif kind == "D":
            orders.pop(known, None)
        elif kind == "U" and known in orders:
            orders[new] = orders.pop(known)


def listened(locates):
    return [pack((locate, at, 1), SUBSCRIBE) for at, locate in enumerate(locates)]


def expected(messages, subscribed, refused=()):
    feed = Feed(subscribed, refused)
    records = [decode(message, number, number) for number, message in enumerate(messages, 1)]
    return [made for record in records for made in feed.apply(record)], records, feed


def held_to(words, true):
    made = [unpack(word) for word in words]
    for place, (one, other) in enumerate(zip(made, true, strict=False)):
        assert agrees(one, other), f"record {place}:\n{one}\n{other}"
    assert len(made) == len(true)
    return made


@pytest.mark.parametrize("pause", [0.0, 0.5])
def test_records_are_the_models(engine, pause, tmp_path):
    from tapeout.sim.engine import play_streams

    messages = [*flow(seed=3, count=1_500)]
    subscribed = range(1, 5)
    true, records, _ = expected(messages, subscribed)
    words = {"i": [pack(record, RECORD) for record in records], "listen": listened(subscribed)}
    out = play_streams(Books(**SMALL), words, engine=engine, seed=4, pause=pause)
    made = held_to(out["o"], true)
    assert {record.kind for record in made} >= {*Kind} - {Kind.GAP, Kind.STALE, Kind.RECOVERED}


def test_a_full_table_loses_orders_and_says_so():
    """Which orders found no room only the gateware knows; all else follows from that."""
    from tapeout.sim.engine import play_streams

    messages = [*flow(seed=8, count=700, live=400)]
    subscribed = range(1, 5)
    records = [decode(message, number, number) for number, message in enumerate(messages, 1)]
    words = {"i": [pack(record, RECORD) for record in records], "listen": listened(subscribed)}
    out = play_streams(
        Books(**SMALL | {"rows": 2, "stash": 2}), words, engine="amaranth", pause=0.0
    )["o"]
    refused = {one.subject for one in map(unpack, out) if one.kind == Kind.STALE}
    assert len(refused) > 20
    true, _, _ = expected(messages, subscribed, refused)
    made = held_to(out, true)
    later = [one for one in made if one.kind == Kind.TRADE]
    assert {bool(one.flags & Mark.STALE) for one in later} == {True, False}
