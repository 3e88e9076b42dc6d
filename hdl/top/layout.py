"""What crosses the pins at the end: 64-byte records of books, trades and states, little-endian."""

from enum import IntEnum, IntFlag
from typing import NamedTuple


class Report(IntEnum):
    """What a record's `kind` says beyond `tapeout.hdl.book.layout.Kind`."""

    PRINT = 32  # the print of the execution before it
    IMBALANCE = 33  # of an auction to come


class Mark(IntFlag):
    """Bits of a record's `flags`."""

    ASK = 1  # of the offers, or of a trade: the taker was listed as a seller
    PRINTABLE = 2
    STALE = 4  # messages, or orders of this instrument, are lost
    INCOMPLETE = 8  # fewer levels are known than there are within `LEVELS`
    BEST = 16  # the best price of this side, or its lots, changed
    LAST = 32  # the last record of its message


#: Least significant bits first: name -> bits. 512 in all.
BOOK_RECORD = {
    "number": 32,  # of the record, counting from 1 after reset
    "kind": 8,  # tapeout.hdl.book.layout.Kind, or Report
    "flags": 8,  # Mark
    "locate": 16,
    "sequence": 64,  # of the message; of a gap, of the first message lost
    "arrival_ns": 64,  # ingress clock at the first byte of the frame
    "timestamp": 48,  # exchange clock, ns since midnight in New York
    "at": 8,  # place of the changed level, best first; tapeout.hdl.levels.layout.UPDATE
    "levels": 8,  # levels known of this side
    "subject": 64,  # order reference; match number of a trade; how many a gap lost; shares paired
    "price": 32,  # of the changed level; of a trade; of an imbalance its reference
    "lots": 32,  # that changed, were traded, or are missing in an auction; letter of a state
    "best_price": 32,  # of this side after the change; zero where it is empty
    "best_lots": 32,
    "level_lots": 32,  # what rests at the changed level; high half of the lots of an auction
    "detail": 32,  # attribution of an add; of a cross or imbalance its type; reason of a state
}


class BookRecord(NamedTuple):
    """One record; see `BOOK_RECORD` for the fields."""

    number: int = 0
    kind: int = 0
    flags: int = 0
    locate: int = 0
    sequence: int = 0
    arrival_ns: int = 0
    timestamp: int = 0
    at: int = 0
    levels: int = 0
    subject: int = 0
    price: int = 0
    lots: int = 0
    best_price: int = 0
    best_lots: int = 0
    level_lots: int = 0
    detail: int = 0


def unpack(word: int) -> BookRecord:
    """Take a packed record apart."""
    values, low = [], 0
    for bits in BOOK_RECORD.values():
        values.append(word >> low & (1 << bits) - 1)
        low += bits
    return BookRecord(*values)
