"""Records to books: every order followed, every level kept, every change written down.

Twin of `hdl/book`: the same events, quotes and fault counts as `hdl/book/model.py`, in arrays.
"""

from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit_lean
from tapeout.kernels.book.levels import ask_best, ask_runs, best, put, short_of, take
from tapeout.kernels.book.orders import (
    HALF,
    LOW_HALF,
    MISSING,
    RESTING,
    Orders,
    ask_order,
    attribution_of,
    find,
    insert,
    orders,
    remove,
    side_of,
)  # fmt: skip
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import (
    STAMP_BITS,
    STAMP_MASK,
    WELL_FORMED,
    Events,
    Ints,
    Quotes,
    Records,
)  # fmt: skip

BID, ASK, NO_SIDE = 1, -1, 0
BUY, SELL, YES, PRICED = ord("B"), ord("S"), ord("Y"), ord("C")
FAR, NEAR = 16, 8  # records between asking for memory and its use
LOCATE_SHIFT, TIME_MASK = np.uint64(STAMP_BITS), np.uint64(STAMP_MASK)

#: What a message type does to a book.
NOTHING, ADD, EXECUTE, CANCEL, DELETE, REPLACE, TRADE, CROSS, BREAK, STATE = range(10)
ACTION = np.zeros(256, np.int64)
for _letter, _action in zip("AFECXDUPQBH", (1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True):
    ACTION[ord(_letter)] = _action
KIND = np.array(
    [0, Kind.ADD, Kind.EXECUTE, Kind.CANCEL, Kind.DELETE, Kind.REPLACE_OUT, Kind.TRADE, Kind.CROSS,
     Kind.BREAK, Kind.STATE], np.uint8,
)  # fmt: skip


class Book(NamedTuple):
    """All books: live orders and how many, price levels (see `levels`), each locate's last quote.

    `live` and `used` are (1,) int64; `quote` is (65536, 4): bid, its lots, ask, its lots; `states`
    is (65536, 2): the newest trading state and its reason, as in the record, or zeros.
    """

    slots: Orders
    live: Ints
    runs: Ints
    pool: Ints
    used: Ints
    quote: Ints
    states: Ints


def book() -> Book:
    """No order in any book."""
    one = np.zeros(1, np.int64)
    runs, pool = np.zeros((2 * LOCATES, 3), np.int64), np.zeros((1 << 14, 2), np.int64)
    quote, states = np.zeros((LOCATES, 4), np.int64), np.zeros((LOCATES, 2), np.int64)
    return Book(orders(), one, runs, pool, one.copy(), quote, states)


@jit_lean
def _write(
    event: Any, record: Any, midnight_ns: int, kind: int, side: int, price: int, lots: int,
    mpid: Any,
) -> None:  # fmt: skip
    """Fill in an event on `side` (2 * locate, one more for asks)."""
    event.exchange_ns = midnight_ns + np.int64(record.stamp & TIME_MASK)
    event.arrival_ns = record.arrival_ns
    event.sequence = record.sequence
    event.price_ticks = price
    event.lots = lots
    event.order_id = record.subject
    event.match_number = 0
    event.trade_ticks = 0
    event.instrument = side >> 1
    event.kind = kind
    event.side = BID if side & 1 == 0 else ASK
    event.mpid = mpid
    event.reason = 0
    event.printable = 0
    event.code = 0


@jit_lean
def _off_book(event: Any, record: Any, midnight_ns: int, action: int, states: Ints) -> None:
    """A trade, the breaking of one, or a trading state: nothing displayed changes."""
    locate, lots = np.int64(record.stamp >> LOCATE_SHIFT), np.int64(record.shares)
    _write(event, record, midnight_ns, KIND[action], 2 * locate, 0, lots, 0)
    event.order_id = 0
    event.side = BID if record.side == BUY else ASK if record.side == SELL else NO_SIDE
    event.code = record.code if action == CROSS or action == STATE else 0
    if action == STATE:
        states[locate, 0], states[locate, 1] = record.code, record.mpid
        event.reason = record.mpid
        event.lots, event.side = 0, NO_SIDE
        return
    event.match_number = record.other
    event.trade_ticks = record.price
    event.printable = action != BREAK


@jit_lean
def _target(record: Any, action: int, slots: Orders) -> tuple[int, int, int]:
    """The slot of the order a record is about, the side it is on, and what forbids to apply it."""
    locate = np.int64(record.stamp >> LOCATE_SHIFT)
    slot = find(slots, record.subject)
    if action == ADD:
        side = 2 * locate + (record.side == SELL)
        if record.side != BUY and record.side != SELL:
            return slot, side, Fault.BAD_SIDE
        return slot, side, MISSING if slot == MISSING else Fault.REPEATED_REFERENCE
    if slot == MISSING:
        return slot, 0, Fault.UNKNOWN_REFERENCE
    return slot, side_of(slots, slot), MISSING


@jit_lean
def _attribution(record: Any, action: int, slots: Orders, slot: int) -> Any:
    """The market participant of the order a record adds, or is about."""
    told = action == ADD or slot == MISSING
    return np.uint64(record.mpid) if told else attribution_of(slots, slot)


@jit_lean
def _replaceable(record: Any, slots: Orders) -> int:
    """What forbids to replace a live order, or MISSING."""
    if find(slots, record.other) != MISSING:
        return Fault.REPEATED_REFERENCE
    return MISSING if record.shares > 0 else Fault.ZERO_SHARES


@jit_lean
def _leave(
    event: Any, record: Any, action: int, midnight_ns: int, slot: int,
    slots: Orders, live: Ints, runs: Ints, pool: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Take shares of a live order off the book. Returns how many, and the fault or MISSING."""
    resting, side, mpid = slots[slot, RESTING], side_of(slots, slot), attribution_of(slots, slot)
    price, lots = np.int64(resting >> HALF), np.int64(resting & LOW_HALF)
    fault = MISSING
    if action == EXECUTE or action == CANCEL:
        if record.shares == 0:
            return 0, Fault.ZERO_SHARES
        if np.int64(record.shares) > lots:
            fault = Fault.TOO_MANY_SHARES
        lots = min(lots, np.int64(record.shares))
    if lots == np.int64(resting & LOW_HALF):
        remove(slots, slot)
        live[0] -= 1
    else:
        slots[slot, RESTING] = resting - np.uint64(lots)
    take(runs, pool, side, price, lots)
    _write(event, record, midnight_ns, KIND[action], side, price, lots, mpid)
    if action == EXECUTE:
        event.match_number = record.other
        event.trade_ticks = record.price if record.type == PRICED else price
        event.printable = record.type != PRICED or record.code == YES
    return lots, fault


@jit_lean
def _enter(
    event: Any, record: Any, action: int, midnight_ns: int, side: int, mpid: Any,
    slots: Orders, live: Ints, runs: Ints, pool: Ints, used: Ints,
) -> int:  # fmt: skip
    """Put a new order on the book. Returns the fault that forbids it, or MISSING."""
    if record.shares == 0:
        return Fault.ZERO_SHARES
    price, lots = np.int64(record.price), np.int64(record.shares)
    reference = record.other if action == REPLACE else record.subject
    insert(slots, reference, np.uint64(price) << HALF | np.uint64(lots), side, mpid)
    live[0] += 1
    put(runs, pool, used, side, price, lots)
    kind = Kind.REPLACE_IN if action == REPLACE else Kind.ADD
    _write(event, record, midnight_ns, kind, side, price, lots, mpid)
    event.order_id = reference
    return MISSING


@jit_lean
def _requote(runs: Ints, pool: Ints, quote: Ints, locate: int, event: Any, out: Any) -> int:
    """Fill in the quote of `locate` if it changed; 1 if so."""
    bid, bid_lots = best(runs, pool, 2 * locate)
    ask, ask_lots = best(runs, pool, 2 * locate + 1)
    if (
        quote[locate, 0] == bid
        and quote[locate, 1] == bid_lots
        and quote[locate, 2] == ask
        and quote[locate, 3] == ask_lots
    ):
        return 0
    quote[locate, 0], quote[locate, 1] = bid, bid_lots
    quote[locate, 2], quote[locate, 3] = ask, ask_lots
    out.bid_ticks, out.bid_lots, out.ask_ticks, out.ask_lots = bid, bid_lots, ask, ask_lots
    out.exchange_ns, out.arrival_ns = event.exchange_ns, event.arrival_ns
    out.sequence, out.instrument = event.sequence, locate
    return 1


@jit_lean
def _crossed(quote: Ints, locate: int) -> bool:
    """Whether both sides are there and the bid is not below the ask."""
    both = quote[locate, 1] > 0 and quote[locate, 3] > 0
    return both and quote[locate, 0] >= quote[locate, 2]


@jit_lean
def _ask_ahead(records: Records, index: int, slots: Orders, runs: Ints, pool: Ints) -> None:
    """Ask for what records some way on will touch, so that it is near when their turn comes."""
    if index + FAR < records.size:
        ask_order(slots, records[index + FAR].subject)
        ask_runs(runs, np.int64(records[index + FAR].stamp >> LOCATE_SHIFT))
    if index + NEAR < records.size:
        ask_best(runs, pool, np.int64(records[index + NEAR].stamp >> LOCATE_SHIFT))


@jit_lean
def replay(
    records: Records, start: int, midnight_ns: int, wanted: Any,
    slots: Orders, live: Ints, runs: Ints, pool: Ints, used: Ints, quote: Ints, states: Ints,
    events: Events, quotes: Quotes, log: Ledger, rows: int, quoted: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Fold `records[start:]` into the books of `Book(slots, ..., states)`.

    `wanted` (65536,) tells which locates to follow. Records of the others are passed over, unless
    they are about an order that is followed.
    The order store must have room for one more order a record, `events` for two rows a record and
    `quotes` for one. Returns the first record not taken (the level pool is short there: widen it
    and go on), and the rows that stand in `events` and `quotes`.
    """
    for index in range(start, records.size):
        _ask_ahead(records, index, slots, runs, pool)
        record = records[index]
        action = ACTION[record.type]
        if action == NOTHING or record.flags & WELL_FORMED == 0:
            continue
        follows = wanted[np.int64(record.stamp >> LOCATE_SHIFT)]
        if not follows and (action == ADD or action >= TRADE):
            continue
        if action >= TRADE:
            _off_book(events[rows], record, midnight_ns, action, states)
            rows += 1
            continue
        slot, side, fault = _target(record, action, slots)
        if not follows and slot == MISSING:
            continue
        if fault == MISSING and short_of(runs, pool, used, side) > 0:
            return index, rows, quoted
        if slot != MISSING and side >> 1 != np.int64(record.stamp >> LOCATE_SHIFT):
            note(log, Fault.WRONG_INSTRUMENT, -1, -1, index, 1)
        if action == REPLACE and fault == MISSING:
            fault = _replaceable(record, slots)
        first, mpid = rows, _attribution(record, action, slots, slot)
        if fault == MISSING and action != ADD:
            lots, fault = _leave(
                events[rows], record, action, midnight_ns, slot, slots, live, runs, pool
            )
            rows += lots > 0
        if fault == MISSING and (action == ADD or action == REPLACE):
            fault = _enter(
                events[rows], record, action, midnight_ns, side, mpid, slots, live, runs, pool, used
            )
            rows += fault == MISSING
        if fault != MISSING:
            note(log, fault, -1, -1, index, 1)
        if rows > first:
            quoted += _requote(runs, pool, quote, side >> 1, events[first], quotes[quoted])
            if _crossed(quote, side >> 1):
                note(log, Fault.CROSSED, -1, -1, index, 1)
    return records.size, rows, quoted
