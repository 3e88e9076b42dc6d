"""Golden model of the digest: one number for a whole book, from nothing but its levels."""

from collections.abc import Iterable

WORD = (1 << 64) - 1


def mix(word: int) -> int:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, figure 17)."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & WORD
    return word ^ word >> 31


def digest(locate: int, side: str, levels: Iterable[tuple[int, int]]) -> int:
    """What one side's levels (ticks, lots) add to the digest of all: `side` is "B" or "S"."""
    total = 0
    for ticks, lots in levels:
        total ^= mix(mix((2 * locate + (side == "S")) << 32 | ticks) ^ lots)
    return total
