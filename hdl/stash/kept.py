"""Nets that stay as they are written: where a tool would save tables, and make chains of them."""

from amaranth.hdl import Cat, Module, Signal, Value


def kept(m: Module, value: Value, name: str) -> Value:
    """The bits of `value`, each behind a net that is not optimised away.

    A net a bit: Yosys 0.70 fails on some that are wider (`abc9`, an assertion of `GetSize`).
    """
    nets = [Signal(name=f"{name}_{bit}", attrs={"keep": 1}) for bit in range(len(value))]
    m.d.comb += Cat(nets).eq(value)
    return Cat(nets)
