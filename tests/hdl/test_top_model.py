"""Book records of the golden model against the books themselves, and by hand."""

from collections import defaultdict

import pytest

from tapeout.hdl.book.digest import digest
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import Record
from tapeout.hdl.itch.model import decode, encode
from tapeout.hdl.levels.layout import LEVELS
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.top.layout import BOOK_RECORD, BookRecord, Mark, Report, unpack
from tapeout.hdl.top.model import Feed, agrees

ARRIVING = (Kind.ADD, Kind.REPLACE_IN)
CHANGES = (*ARRIVING, Kind.CANCEL, Kind.DELETE, Kind.EXECUTE, Kind.REPLACE_OUT)
BID, ASK = 99_9900, 100_0100


def messages(count, seed):
    """Messages of a crowd in some names."""
    from tapeout.sim.crowd import Crowd

    for block in Crowd(seed=seed, instruments=6, messages=count):
        for start, stop in zip(block.starts[:-1], block.starts[1:], strict=True):
            yield bytes(block.wire[start + 2 : stop])


@pytest.fixture
def feed():
    feed = Feed(range(1, 10))
    for reference, side, shares, price in ((1, "B", 60, BID), (2, "S", 50, ASK)):
        tell(feed, "A", order_reference=reference, side=side, shares=shares, price=price)
    return feed


def tell(feed, kind, locate=1, **values):
    return feed.apply(decode(encode(kind, stock_locate=locate, **values), 7, 8))


def test_the_record_has_sixty_four_bytes():
    assert sum(BOOK_RECORD.values()) == 512
    assert tuple(BOOK_RECORD) == BookRecord._fields


def test_an_execution_is_a_change_and_a_print(feed):
    change, print_ = tell(feed, "C", order_reference=2, executed_shares=20, match_number=9,
                          execution_price=ASK + 50, printable="N")  # fmt: skip
    assert (change.kind, change.subject, change.price, change.lots) == (Kind.EXECUTE, 2, ASK, 20)
    assert (change.at, change.levels, change.best_price, change.best_lots) == (0, 1, ASK, 30)
    assert change.flags == Mark.ASK | Mark.BEST
    assert (print_.kind, print_.subject, print_.price) == (Report.PRINT, 9, ASK + 50)
    assert print_.flags == Mark.ASK | Mark.LAST
    assert (change.sequence, change.arrival_ns, change.number, print_.number) == (7, 8, 3, 4)


def test_a_replace_is_two_records_and_the_first_knows_nothing_of_the_second(feed):
    out, back = tell(feed, "U", order_reference=1, new_order_reference=3, shares=5, price=BID - 100)
    assert (out.kind, out.subject, out.levels, out.best_lots) == (Kind.REPLACE_OUT, 1, 0, 0)
    assert (back.kind, back.subject, back.best_price) == (Kind.REPLACE_IN, 3, BID - 100)
    assert (out.flags, back.flags) == (Mark.BEST, Mark.BEST | Mark.LAST)


def test_what_is_beyond_the_levels_is_told_without_its_place(feed):
    for k in range(1, LEVELS + 2):
        (last,) = tell(feed, "A", order_reference=10 + k, side="B", shares=k, price=BID - k)
    assert (last.at, last.levels, last.level_lots) == (LEVELS, LEVELS, 0)
    assert (last.best_price, last.flags) == (BID, Mark.LAST)


@pytest.mark.parametrize(
    ("kind", "told", "made"),
    [
        ("P", {"side": "S", "shares": 30, "price": 5, "match_number": 4},
         {"kind": Kind.TRADE, "flags": Mark.ASK | Mark.PRINTABLE, "subject": 4, "price": 5,
          "lots": 30}),
        ("Q", {"cross_shares": 3 << 32 | 9, "cross_price": 6, "match_number": 5, "cross_type": "O"},
         {"kind": Kind.CROSS, "flags": Mark.PRINTABLE, "subject": 5, "price": 6, "lots": 9,
          "level_lots": 3, "detail": ord("O")}),
        ("B", {"match_number": 4}, {"kind": Kind.BREAK, "subject": 4}),
        ("H", {"trading_state": "H", "reason": "T1"},
         {"kind": Kind.STATE, "lots": ord("H"), "detail": int.from_bytes(b"T1  ")}),
        ("I", {"paired_shares": 8, "imbalance_shares": 2, "imbalance_direction": "B",
               "reference_price": 7, "cross_type": "C"},
         {"kind": Report.IMBALANCE, "subject": 8, "lots": 2, "price": 7,
          "detail": ord("C") | ord("B") << 8}),
    ],
)  # fmt: skip
def test_what_changes_no_level(feed, kind, told, made):
    (record,) = tell(feed, kind, **told)
    wanted = BookRecord(3, locate=1, sequence=7, arrival_ns=8)._replace(**made)
    assert record == wanted._replace(flags=wanted.flags | Mark.LAST)
    assert tell(feed, kind, locate=20, **told) == []


def test_after_a_gap_everything_is_stale(feed):
    (gap,) = feed.apply(Record(sequence=8, subject=3, flags=Flag.GAP))
    assert (gap.kind, gap.sequence, gap.subject) == (Kind.GAP, 8, 3)
    (cancel,) = tell(feed, "X", order_reference=1, cancelled_shares=1)
    assert gap.flags & cancel.flags & Mark.STALE


def test_an_order_without_room_makes_its_instrument_stale():
    feed = Feed(range(9), refused={5})
    (lost,) = tell(feed, "A", order_reference=5, side="B", shares=3, price=BID)
    assert (lost.kind, lost.subject, lost.flags) == (Kind.STALE, 5, Mark.STALE | Mark.LAST)
    (other,) = tell(feed, "A", locate=2, order_reference=6, side="B", shares=3, price=BID)
    (after,) = tell(feed, "A", order_reference=7, side="B", shares=4, price=BID)
    assert (other.flags & Mark.STALE, after.flags & Mark.STALE) == (0, Mark.STALE)
    assert after.best_lots == 4
    assert tell(feed, "D", order_reference=5) == []


def test_unsubscribed_orders_are_not_kept():
    feed = Feed({1})
    assert tell(feed, "A", locate=2, order_reference=5, side="B", shares=3, price=BID) == []
    assert tell(feed, "D", locate=2, order_reference=5) == []
    assert not feed.books.faults


def test_records_rebuild_the_books():
    feed, levels, changes = Feed(range(1, 7)), defaultdict(lambda: defaultdict(int)), 0
    for number, message in enumerate(messages(20_000, seed=5), 1):
        for record in feed.apply(decode(message, number)):
            if record.kind not in CHANGES:
                continue
            changes += 1
            side = "S" if record.flags & Mark.ASK else "B"
            level = levels[record.locate, side]
            level[record.price] += record.lots if record.kind in ARRIVING else -record.lots
            if record.flags & Mark.LAST:
                best = (*feed.books.depth(record.locate, side, 1), (0, 0))[0]
                assert (record.best_price, record.best_lots) == best
    assert changes > 15_000
    for locate in range(1, 7):
        told = 0
        for side in "BS":
            left = [(price, lots) for price, lots in levels[locate, side].items() if lots]
            told ^= digest(locate, side, left)
        assert told == feed.books.digest(locate)


def test_a_record_agrees_if_it_says_what_it_does_not_know():
    true = BookRecord(1, Kind.DELETE, Mark.LAST, at=2, levels=8, best_price=9, best_lots=1)
    short = true._replace(flags=Mark.LAST | Mark.INCOMPLETE, levels=7)
    assert agrees(true, true)
    assert agrees(short, true)
    assert agrees(short._replace(at=LEVELS), true)
    assert not agrees(short._replace(flags=Mark.LAST), true)
    for wrong in ({"lots": 1}, {"best_lots": 2}, {"at": 1}, {"levels": 9}, {"number": 2}):
        assert not agrees(short._replace(**wrong), true)


def test_a_record_packs_and_unpacks():
    made = BookRecord(*range(1, 17))
    word, low = 0, 0
    for value, bits in zip(made, BOOK_RECORD.values(), strict=True):
        word |= value << low
        low += bits
    assert unpack(word) == made
