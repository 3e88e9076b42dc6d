"""Big-endian integers at any byte of a buffer, one load or store each.

In compiled code these are unaligned machine loads with a byte swap and without a bounds check: the
caller keeps `at + size <= wire.size`. Called from Python they are the plain definition.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def be16(wire: Bytes, at: int) -> int:
    """Two bytes."""
    return int.from_bytes(wire[at : at + 2].tobytes())


def be32(wire: Bytes, at: int) -> int:
    """Four bytes."""
    return int.from_bytes(wire[at : at + 4].tobytes())


def be64(wire: Bytes, at: int) -> int:
    """Eight bytes."""
    return int.from_bytes(wire[at : at + 8].tobytes())


def le32(wire: Bytes, at: int) -> int:
    """Four bytes, the lowest first."""
    return int.from_bytes(wire[at : at + 4].tobytes(), "little")


def put16(wire: Bytes, at: int, value: int) -> None:
    """Two bytes."""
    wire[at : at + 2] = np.frombuffer(int(value).to_bytes(2), np.uint8)


def put32(wire: Bytes, at: int, value: int) -> None:
    """Four bytes."""
    wire[at : at + 4] = np.frombuffer(int(value).to_bytes(4), np.uint8)


def put64(wire: Bytes, at: int, value: int) -> None:
    """Eight bytes."""
    wire[at : at + 8] = np.frombuffer(int(value).to_bytes(8), np.uint8)


def _pointer(context: Any, builder: Any, signature: Any, args: Any, bits: int) -> Any:
    """The address of byte `at` of the array, as a pointer to an integer of `bits`."""
    array = context.make_array(signature.args[0])(context, builder, args[0])
    address = builder.ptrtoint(array.data, ir.IntType(64))
    return builder.inttoptr(builder.add(address, args[1]), ir.IntType(bits).as_pointer())


def _loader(bits: int, swap: bool) -> Any:
    @intrinsic
    def load(typing: Any, wire: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            word = builder.load(_pointer(context, builder, signature, args, bits))
            word.align = 1
            if swap:
                name = builder.module.declare_intrinsic("llvm.bswap", [ir.IntType(bits)])
                word = builder.call(name, [word])
            return word if bits == 64 else builder.zext(word, ir.IntType(64))

        return types.uint64(wire, types.int64), generate

    return load


def _storer(bits: int) -> Any:
    @intrinsic
    def store(typing: Any, wire: Any, at: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            word = args[2] if bits == 64 else builder.trunc(args[2], ir.IntType(bits))
            name = builder.module.declare_intrinsic("llvm.bswap", [ir.IntType(bits)])
            into = builder.store(
                builder.call(name, [word]), _pointer(context, builder, signature, args, bits)
            )
            into.align = 1
            return context.get_dummy_value()

        return types.void(wire, types.int64, types.uint64), generate

    return store


def _compile(python: Any, compiled: Any, stores: bool) -> None:
    """Let compiled code that calls `python` get `compiled` instead."""
    if stores:
        overload(python, inline="always")(
            lambda wire, at, value: lambda wire, at, value: compiled(wire, at, value)
        )
    else:
        overload(python, inline="always")(lambda wire, at: lambda wire, at: compiled(wire, at))


for _python, _bits, _swap in (
    (be16, 16, True),
    (be32, 32, True),
    (be64, 64, True),
    (le32, 32, False),
):
    _compile(_python, _loader(_bits, _swap), stores=False)
for _python, _bits in ((put16, 16), (put32, 32), (put64, 64)):
    _compile(_python, _storer(_bits), stores=True)
