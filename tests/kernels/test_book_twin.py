"""The CPU twin of the book equals the golden model: events, quotes, levels, faults."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.hdl.book.layout import STATES, Kind
from tapeout.hdl.book.model import Books as ModelBooks
from tapeout.hdl.book.model import letter, text
from tapeout.hdl.itch.layout import RECORD, Record, pack
from tapeout.hdl.layout import Fault
from tapeout.kernels.book import orders
from tapeout.kernels.tape.faults import COUNT, ledger
from tapeout.kernels.tape.record import RECORD_DTYPE
from tapeout.market.books import Books

REFERENCES = st.integers(0, 12) | st.sampled_from([2**64 - 1, 2**63])


@st.composite
def book_record(draw):
    kind = draw(st.sampled_from("AAAFFECXDUUPQBSZH"))
    return Record(
        sequence=draw(st.integers(1, 99)), subject=draw(REFERENCES), other=draw(REFERENCES),
        timestamp=draw(st.integers(0, 2**48 - 1)), locate=draw(st.integers(0, 2)),
        shares=draw(st.integers(0, 6) | st.just(2**32 - 1)),
        price=draw(st.integers(0, 9) | st.just(2**32 - 1)), type=ord(kind),
        side=ord(draw(st.sampled_from("BBBSSSx"))), code=draw(st.sampled_from(b"YNHT\0")),
        mpid=draw(st.sampled_from([0, 0x47534320, 0x4C554450, 0xFF000000])),
        flags=draw(st.sampled_from([1, 1, 1, 1, 1, 1, 1, 0])),
    )  # fmt: skip


def as_array(records):
    packed = b"".join(pack(record, RECORD).to_bytes(64, "little") for record in records)
    return np.frombuffer(packed, RECORD_DTYPE).copy()


def as_event(row):
    side = {1: "B", -1: "S", 0: ""}[int(row["side"])]
    return (Kind(row["kind"]), int(row["instrument"]), side, int(row["price_ticks"]),
            int(row["lots"]), int(row["order_id"]), int(row["match_number"]),
            int(row["trade_ticks"]), bool(row["printable"]), text(int(row["mpid"])),
            *code_of(Kind(row["kind"]), int(row["code"])), text(int(row["reason"])))  # fmt: skip


def code_of(kind, code):
    """Cross type and trading state."""
    return letter(code) if kind == Kind.CROSS else "", letter(code) if kind == Kind.STATE else ""


@given(st.lists(book_record(), max_size=80), st.integers(1, 40))
def test_books_are_the_models(records, block):
    model, log = ModelBooks(), ledger()
    books, got, want, quotes, wanted_quotes = Books(log), [], [], [], []
    for start in range(0, len(records), block):
        events, changed = books.update(as_array(records[start : start + block]))
        got += [as_event(row) for row in events]
        quotes += [
            tuple(
                int(row[name])
                for name in ("instrument", "bid_ticks", "bid_lots", "ask_ticks", "ask_lots")
            )
            for row in changed
        ]
    last = {}
    for record in records:
        happened = [
            event._replace(side=event.side if event.side in ("B", "S") else "")
            for event in model.apply(record)
        ]
        want += [tuple(event) for event in happened]
        for locate in {event.locate for event in happened if event.kind < Kind.TRADE}:
            quote = (locate, *model.quote(locate))
            if last.get(locate, (locate, 0, 0, 0, 0)) != quote:
                wanted_quotes.append(quote)
                last[locate] = quote
    assert got == want
    assert quotes == wanted_quotes
    for locate in range(3):
        for side, ours in zip("BS", books.depth(locate, 99), strict=True):
            assert [tuple(level) for level in ours] == model.depth(locate, side, 99)
    assert {fault: int(log[fault, COUNT]) for fault in Fault if log[fault, COUNT]} == model.faults
    assert books.live_orders == len(model.orders)
    for locate in range(3):
        state, reason = model.states.get(locate, ("", ""))
        assert books.state(locate) == (STATES.get(state, state), reason if state else "")


def one_owner(record):
    """The record with references that each belong to one of three instruments for ever."""
    owner, other = record.subject % 3, record.other % 2**62
    record = record._replace(other=other - other % 3 + owner)
    return record._replace(locate=owner) if chr(record.type) in "AF" else record


@given(st.lists(book_record().map(one_owner), max_size=60))
def test_following_one_instrument_changes_nothing_of_it(records):
    """Its events are those of the whole tape, whatever instrument the messages name."""
    records = [record for record in records if chr(record.type) not in "PQBH"]
    only = np.zeros(1 << 16, bool)
    only[1] = True
    everything, _ = Books().update(as_array(records))
    followed, _ = Books().update(as_array(records), wanted=only)
    want = [as_event(row) for row in everything if row["instrument"] == 1]
    assert [as_event(row) for row in followed] == want


def test_records_of_other_instruments_are_passed_over():
    adds = [
        Record(subject=n, locate=n, shares=1, price=5, type=ord("A"), side=ord("B"), flags=1)
        for n in (1, 2)
    ]
    only_two = np.zeros(1 << 16, bool)
    only_two[2] = True
    books = Books()
    events, _ = books.update(as_array(adds), wanted=only_two)
    assert events["instrument"].tolist() == [2]


def test_stores_grow_past_their_first_size():
    """300,000 live orders at as many prices: the order store and the level pool both grow."""
    count = 300_000
    records = np.zeros(count, RECORD_DTYPE)
    records["subject"] = np.arange(count) * 7919
    records["stamp"] = np.uint64(3) << np.uint64(48)
    records["shares"], records["price"] = 1, np.arange(count)
    records["type"], records["side"], records["flags"] = ord("A"), ord("B"), 1
    books = Books()
    books.update(records)
    assert books.live_orders == count
    assert books.depth(3, 2).bids == [(count - 1, 1), (count - 2, 1)]
    records["type"] = ord("D")
    books.update(records[::-1].copy())
    assert books.live_orders == 0
    assert books.depth(3).bids == []


@pytest.mark.parametrize("shift", [0, 1, 20, 32, 40])
def test_references_with_low_bits_of_zero_spread_over_the_store(shift):
    """Live references that are multiples of 2^40, say, do not queue up behind one another."""
    slots, references = orders.orders(1 << 16), np.arange(1, 1 << 14, dtype=np.uint64)
    for reference in (references << np.uint64(shift)).tolist():
        orders.insert(slots, np.uint64(reference), np.uint64(1), 0, np.uint64(0))
    taken = slots[:, orders.SIDE] != 0
    away = [
        (slot - int(orders._home(slots, slots[slot, orders.REFERENCE]))) % slots.shape[0]
        for slot in np.flatnonzero(taken)
    ]
    assert taken.sum() == references.size
    assert np.mean(away) < 0.5  # a quarter full: 1/6 expected of random ones (Knuth 6.4, (32))
