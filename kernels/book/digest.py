"""One number for a whole book: equal for equal levels, whoever keeps them.

The xor over all levels of a mix of side (2 * locate, one more for asks), price and lots. Levels may
come in any order, and one that changes is taken out as it was put in.
"""

from tapeout.kernels.book.ladder import Ladder, levels, taken
from tapeout.kernels.tape.record import Ints

WORD = (1 << 64) - 1


def mix(word: int) -> int:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, figure 17)."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & WORD
    return word ^ word >> 31


def level_digest(side: int, price: int, lots: int) -> int:
    """What one level adds to the digest."""
    return mix(mix(side << 32 | price) ^ lots & WORD)


def side_digest(side: int, rows: Ints) -> int:
    """What the levels of a side, (L, 2) price and lots, add to the digest."""
    total = 0
    for price, lots in rows.tolist():
        total ^= level_digest(side, price, lots)
    return total


def digest(book: Ladder) -> int:
    """The digest of all books."""
    total = 0
    for side in taken(book):
        total ^= side_digest(side, levels(book, side))
    return total
