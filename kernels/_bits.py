"""What a processor does in one step and NumPy has no word for: select, count zeros, prefetch.

In compiled code each is one instruction and no branch. Called from Python they are the plain
definition.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

WORD = ir.IntType(64)
ALL = (1 << 64) - 1
PAGE = 1 << 21  # bytes: a large page, where the system gives any
WRITE, KEEP, DATA = 1, 3, 1  # what llvm.prefetch is told: for writing, all cache levels, not code


def select(wanted: Any, this: Any, other: Any) -> Any:
    """The first where `wanted` is not 0, else the other; both are there already."""
    return this if wanted else other


def leading_zeros(word: int) -> Any:
    """Zero bits above the highest one; 64 of 0."""
    return np.uint64(64 - int(word).bit_length())


def rotate_left(word: int, by: int) -> Any:
    """The 64 bits, turned so that bit 0 becomes bit `by`."""
    wide = int(word) << (int(by) & 63)
    return np.uint64((wide | wide >> 64) & ALL)


def prefetch(array: Any, at: int) -> None:
    """Ask for the cache line of element `at`, to write to it; the element need not exist."""


def zeros(words: int) -> Any:
    """That many zero uint64, the first at the start of a large page.

    NumPy asks for large pages for what is 4 MB or more.
    """
    room = np.zeros(words + PAGE // 8, np.uint64)
    skip = -(room.ctypes.data // 8) % (PAGE // 8)
    return room[skip : skip + words]


def _select(typing: Any, wanted: Any, this: Any, other: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        flag = builder.icmp_unsigned("!=", args[0], ir.Constant(WORD, 0))
        return builder.select(flag, args[1], args[2])

    return types.uint64(types.uint64, types.uint64, types.uint64), generate


def _leading_zeros(typing: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(WORD, [WORD, ir.IntType(1)])
        count = builder.module.declare_intrinsic("llvm.ctlz", [WORD], kind)
        return builder.call(count, [args[0], ir.Constant(ir.IntType(1), 0)])

    return types.uint64(types.uint64), generate


def _rotate_left(typing: Any, word: Any, by: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(WORD, [WORD, WORD, WORD])
        funnel = builder.module.declare_intrinsic("llvm.fshl", [WORD], kind)
        return builder.call(funnel, [args[0], args[0], args[1]])

    return types.uint64(types.uint64, types.uint64), generate


def _prefetch(typing: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start = context.make_array(signature.args[0])(context, builder, args[0]).data
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        offset = builder.mul(args[1], ir.Constant(WORD, size))
        pointer = ir.IntType(8).as_pointer()
        line = builder.inttoptr(builder.add(builder.ptrtoint(start, WORD), offset), pointer)
        hint = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, hint, hint, hint])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        builder.call(fetch, [line, *(ir.Constant(hint, what) for what in (WRITE, KEEP, DATA))])
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate


def _apart(typing: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        attributes = builder.function.attributes
        if "alwaysinline" not in attributes:
            attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


#: An intrinsic is called without its typing context, which no type checker sees.
_selected: Any = intrinsic(_select)
_counted: Any = intrinsic(_leading_zeros)
_rotated: Any = intrinsic(_rotate_left)
_fetched: Any = intrinsic(_prefetch)
#: Keeps the function it is called in out of its callers: what is rarely needed would take
#: registers there that the common path wants, and be compiled again in every one of them.
apart: Any = intrinsic(_apart)
overload(select, inline="always")(
    lambda wanted, this, other: lambda wanted, this, other: _selected(wanted, this, other)
)
overload(leading_zeros, inline="always")(lambda word: lambda word: _counted(word))
overload(rotate_left, inline="always")(lambda word, by: lambda word, by: _rotated(word, by))
overload(prefetch, inline="always")(lambda array, at: lambda array, at: _fetched(array, at))
