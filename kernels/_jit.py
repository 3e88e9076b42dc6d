"""Numba as this house uses it: compiled once, kept on disk, never stale.

Numba's disk cache looks at the file a function stands in, not at the files it calls into. So when
any source of the rooms that compile is newer than a cached kernel, that kernel is forgotten first.
"""

import contextlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import types

F = TypeVar("F", bound=Callable[..., object])
UNCOUNTED = {"_nrt": False}  # Numba's own name; its stubs do not have it


def jit(function: F) -> F:
    """Compile on first call; division by zero gives inf or NaN, as in NumPy."""
    return _compiled(function)


def jit_inner(function: F) -> F:
    """As `jit`, for small functions that are called often and make no arrays.

    They become part of what calls them, and nobody counts references to the arrays they are given:
    Numba would count each array of a named tuple at every call, atomically, which for ten arrays
    takes ten times as long as moving an order.
    """
    return _compiled(function, forceinline=True, **UNCOUNTED)


def jit_lean(function: F) -> F:
    """As `jit`, for large functions that are called once a block and make no arrays.

    Nobody counts references here either: each count is a locked add that waits for the stores
    under way.
    """
    return _compiled(function, **UNCOUNTED)


def _compiled(function: F, **more: bool) -> F:
    """The house's options; and one body for all integers of a width.

    Left to itself, Numba compiles a function again for each constant and each enumeration it is
    called with, which took a quarter of the time of a first replay; and what a `jit_inner` calls
    inherits that it becomes part of its caller, unless it says otherwise.
    """
    plain = {"cache": True, "nogil": True, "error_model": "numpy", "forceinline": False}
    options: dict[str, Any] = {**plain, **more}
    dispatcher: Any = numba.njit(**options)(function)
    compile_for = dispatcher.compile

    def compile_plain(signature: Any) -> Any:
        if isinstance(signature, tuple):
            signature = tuple(_plain(kind) for kind in signature)
        return compile_for(signature)

    dispatcher.compile = compile_plain
    return cast(F, dispatcher)


def _plain(kind: Any) -> Any:
    """The type of which a constant or a member of an enumeration is a value."""
    kind = types.unliteral(kind)  # type: ignore[no-untyped-call]
    return kind.dtype if isinstance(kind, types.IntEnumMember) else kind


def forget_stale(rooms: list[Path]) -> int:
    """Remove cached kernels older than the newest source in `rooms`; the number removed."""
    newest = max(source.stat().st_mtime for room in rooms for source in room.rglob("*.py"))
    stale = [
        index for room in rooms for index in room.rglob("*.nbi") if index.stat().st_mtime < newest
    ]
    for index in stale:
        index.unlink(missing_ok=True)
    return len(stale)


def _rooms() -> list[Path]:
    """The rooms with compiled functions, and the tables these are made from; not imported."""
    specs = (importlib.util.find_spec(f"tapeout.{room}") for room in ("kernels", "hdl", "sim"))
    return [Path(path) for spec in specs if spec for path in spec.submodule_search_locations or ()]


with contextlib.suppress(OSError):  # an installation nobody may write to does not change either
    forget_stale(_rooms())
