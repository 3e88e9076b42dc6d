"""What crosses the pins of the order table: what is asked of it, and what that does to a level."""

from enum import IntEnum, IntFlag


class Action(IntEnum):
    """What is asked of the table."""

    NONE = 0  # nothing: the answer keeps the order of the records
    ADD = 1
    EXECUTE = 2
    CANCEL = 3
    DELETE = 4
    REPLACE = 5


class Refusal(IntFlag):
    """What was wrong with it: bits of `refusal`, named as in `tapeout.hdl.layout.Fault`."""

    UNKNOWN_REFERENCE = 1
    REPEATED_REFERENCE = 2
    TOO_MANY_SHARES = 4
    ZERO_SHARES = 8
    BAD_SIDE = 16
    WRONG_INSTRUMENT = 32
    FULL = 64  # the table had no room: the order is not in it, and its instrument is stale


INSTRUMENT_BITS = 8
REFERENCE_BITS = 64

#: Asked, least significant bits first. `reference` is the order's, `other` a replacement's new one;
#: `side` is the byte of the message.
OP = {
    "action": 3,
    "side": 8,
    "reference": REFERENCE_BITS,
    "other": REFERENCE_BITS,
    "shares": 32,
    "price": 32,
}

#: Answered: `kind` is `tapeout.hdl.book.layout.Kind`, 0 where no level changes: then only `last`
#: and `refusal` mean something, and `instrument` where that is `FULL` or nothing was asked. `side`
#: is 1 for asks. `last` ends the answer to one `OP`: a replace that is applied has two.
CHANGE = {
    "kind": 4,
    "side": 1,
    "instrument": INSTRUMENT_BITS,
    "price": 32,
    "lots": 32,
    "last": 1,
    "refusal": 7,
}

#: A resting order, as a scan of the table shows it.
ENTRY = {"valid": 1, "instrument": INSTRUMENT_BITS, "side": 1, "price": 32, "shares": 32}


def row_bits(rows: int) -> int:
    """The bits of a row number.

    Raises
    ------
    ValueError
        "rows must be a power of two, 2 or more; got 12"
    """
    if rows < 2 or rows & rows - 1:
        raise ValueError(f"rows must be a power of two, 2 or more; got {rows}")
    return rows.bit_length() - 1


def taps(bits: int, bank: int) -> list[list[int]]:
    """For every bit of a bank's row number, the bits of the reference whose parity it is.

    The reference is cut into pieces of `bits` bits, the lowest first. Bank 0 adds them up without
    carry; bank 1 turns piece k by k places before, so that orders which meet in one bank part in
    the other. The lowest piece is never turned: row number and the other pieces tell it.
    """
    rows: list[list[int]] = [[] for _ in range(bits)]
    for place in range(REFERENCE_BITS):
        piece, bit = divmod(place, bits)
        rows[(bit + piece * bank) % bits].append(place)
    return rows
