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

F = TypeVar("F", bound=Callable[..., object])


def jit(function: F) -> F:
    """Compile on first call; division by zero gives inf or NaN, as in NumPy."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def jit_inner(function: F) -> F:
    """As `jit`, for small functions that are called often and make no arrays.

    They become part of what calls them, and nobody counts references to the arrays they are given:
    Numba would count each array of a named tuple at every call, atomically, which for ten arrays
    takes ten times as long as moving an order.
    """
    uncounted: dict[str, Any] = {"_nrt": False}  # Numba's own name; its stubs do not have it
    return cast(
        F,
        numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True, **uncounted)(
            function
        ),
    )


def jit_lean(function: F) -> F:
    """As `jit`, for large functions that are called once a block and make no arrays.

    Nobody counts references here either: each count is a locked add that waits for the stores
    under way.
    """
    options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    return cast(F, numba.njit(**options)(function))


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
