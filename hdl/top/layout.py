"""What crosses the pins at the end: 64-byte records of books, trades and states, little-endian."""

from enum import IntFlag


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
    "kind": 8,  # tapeout.hdl.book.layout.Kind
    "flags": 8,  # Mark
    "locate": 16,
    "sequence": 64,  # of the message; of a gap, of the first message lost
    "arrival_ns": 64,  # ingress clock at the first byte of the frame
    "timestamp": 48,  # exchange clock, ns since midnight in New York
    "at": 8,  # place of the changed level, best first; tapeout.hdl.levels.layout.UPDATE
    "levels": 8,  # levels known of this side
    "subject": 64,  # order reference; of trades the match number; of a gap how many are lost
    "price": 32,  # of the changed level; of a trade
    "lots": 32,  # that changed, or were traded
    "best_price": 32,  # of this side after the change; zero where it is empty
    "best_lots": 32,
    "level_lots": 32,  # what rests at the changed level
    "detail": 32,  # attribution of an add; cross type, trading state or reason
}
