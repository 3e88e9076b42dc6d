"""Equality in three levels of tables at most: two bits, then all, whatever a tool would save."""

from amaranth.hdl import Cat, Module, Signal, Value

from tapeout.hdl.orders.layout import REFERENCE_BITS

CHUNK = 8  # bits of a reference that are compared before a register


def alike(m: Module, one: Value, other: Value, name: str) -> Value:
    """Whether two words are equal, in one cycle.

    What is known of each two bits stays a net called `name`: a tool that saves tables where time
    does not press would else make a chain of them.
    """
    starts = range(0, len(one), 2)
    pairs = Signal(len(starts), name=name, attrs={"keep": 1})
    m.d.comb += pairs.eq(Cat(one[at : at + 2] == other[at : at + 2] for at in starts))
    return pairs.all()


def alike_chunks(m: Module, one: Value, other: Value, known: Value, name: str) -> Value:
    """Which pieces of two references are alike: half of a comparison, for a register to hold.

    The first is not where the reference is not `known`.
    """
    chunks = [
        alike(m, one[at : at + CHUNK], other[at : at + CHUNK], f"{name}_{at}")
        for at in range(0, REFERENCE_BITS, CHUNK)
    ]
    return Cat(chunks[0] & known, chunks[1:])
