"""One of several words, as a shallow tree: tools map a chain of ORs to a chain of tables."""

from collections.abc import Iterable

from amaranth.hdl import C, Cat, Mux, Value, ValueLike


def any_of(words: Iterable[ValueLike]) -> Value:
    """The one word that is not zero: all of them ORed, two and two."""
    rest = [Value.cast(word) for word in words]
    while len(rest) > 1:
        pairs = [one | other for one, other in zip(rest[::2], rest[1::2], strict=False)]
        rest = pairs + rest[2 * len(pairs) :]
    return rest[0]


def first_of(bits: Value) -> Value:
    """The lowest of the bits that are set, or none; no carry goes through them."""
    return Cat(bit & ~Cat(C(0, 1), bits[:place]).any() for place, bit in enumerate(bits))


def chosen(bits: Iterable[ValueLike], words: Iterable[ValueLike]) -> Value:
    """The word whose bit is set; zero where none is."""
    return any_of(Mux(bit, word, 0) for bit, word in zip(bits, words, strict=True))
