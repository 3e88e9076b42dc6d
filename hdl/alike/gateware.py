"""Equality as a shallow tree of tables, in nets that stay as they are written."""

from amaranth.hdl import Cat, Module, Signal, Value

from tapeout.hdl.orders.layout import REFERENCE_BITS

CHUNK = 8  # bits of a reference that are compared before a register


def kept(m: Module, value: Value, name: str) -> Value:
    """The bits of `value`, each behind a net that is not optimised away.

    A net a bit: Yosys 0.70 fails on some that are wider (`abc9`, an assertion of `GetSize`).
    """
    nets = [Signal(name=f"{name}_{bit}", attrs={"keep": 1}) for bit in range(len(value))]
    m.d.comb += Cat(nets).eq(value)
    return Cat(nets)


def alike_bits(one: Value, other: Value) -> Value:
    """Whether two words of some bits are equal; no part of it is whether their lowest bits are.

    Where the words are compared by size, too, a tool takes that from the adder, and waits for it.
    """
    differ = one ^ other
    if len(differ) == 1:
        return ~differ
    second = ~differ[1]
    two = (one[0] & other[0] & second) | (~one[0] & ~other[0] & second)
    return two & ~differ[2:].any()


def alike(m: Module, one: Value, other: Value, name: str) -> Value:
    """Whether two words are equal, in one cycle.

    What is known of each two bits and, of a long word, of some eight stays a net: a tool that saves
    tables where time does not press would else make a chain of them.
    """
    starts = range(0, len(one), 2)
    equal = Cat(alike_bits(one[at : at + 2], other[at : at + 2]) for at in starts)
    pairs = kept(m, equal, f"{name}_by_2")
    if len(pairs) < 8:
        return pairs.all()
    eights = -(-len(pairs) // 4)
    return kept(m, Cat(pairs[at::eights].all() for at in range(eights)), f"{name}_by_8").all()


def alike_chunks(m: Module, one: Value, other: Value, known: Value, name: str) -> Value:
    """Which pieces of two references are alike: half of a comparison, for a register to hold.

    The first is not where the reference is not `known`.
    """
    chunks = [
        alike(m, one[at : at + CHUNK], other[at : at + CHUNK], f"{name}_{at}")
        for at in range(0, REFERENCE_BITS, CHUNK)
    ]
    return Cat(chunks[0] & known, chunks[1:])
