"""An operation is written once; a backend may earn a body of its own."""

import functools
from collections.abc import Callable
from typing import Any

Array = Any  # of numpy, cupy or jax: see `array_namespace`

REGISTRY: dict[str, "Kernel"] = {}
_MODULE = {"numpy": "numpy", "cupy": "cupy", "jax": "jax.numpy", "jaxlib": "jax.numpy"}


def library(array: Array) -> str:
    """Whose array this is, read from its type: "numpy", "cupy" or "jax"."""
    root = type(array).__module__.partition(".")[0]
    if root not in _MODULE:
        raise TypeError(f"kernels take numpy, cupy or jax arrays; got {type(array).__name__}")
    return "jax" if root == "jaxlib" else root


@functools.cache
def _module(root: str) -> Any:
    return __import__(_MODULE[root], fromlist=["_"])


def array_namespace(array: Array) -> Any:
    """The module that spells array functions for this array; by custom, bind it to `xp`."""
    return _module(library(array))


class Kernel:
    """A numeric operation: one portable body, and faster ones where a backend has earned it.

    Calling it runs the body for the library of its first argument: the CPU body for NumPy arrays
    where there is one, JAX's under `jit`.
    """

    __name__: str
    __qualname__: str

    def __init__(self, body: Callable[..., Any], static: tuple[str, ...]) -> None:
        functools.update_wrapper(self, body)
        self.body, self.static = body, static
        self.own: dict[str, Callable[..., Any]] = {}
        REGISTRY[self.__name__] = self

    def __reduce__(self) -> str:
        return self.__qualname__  # pickled by name, as functions are

    def on(self, backend: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the body that `backend` ("cpu", "cupy" or "jax") runs instead."""

        def register(body: Callable[..., Any]) -> Callable[..., Any]:
            self.own[backend] = body
            return body

        return register

    def bodies(self) -> dict[str, Callable[..., Any]]:
        """What each backend runs. "numpy" is always the portable body, on NumPy arrays."""
        own = {"cpu": self.own["cpu"]} if "cpu" in self.own else {}
        return {
            "numpy": self.body,
            **own,
            "jax": self._jitted,
            "cupy": self.own.get("cupy", self.body),
        }

    @functools.cached_property
    def _jitted(self) -> Callable[..., Any]:
        def late(*arrays: Any, **options: Any) -> Any:
            import jax

            return jax.jit(self.own.get("jax", self.body), static_argnames=self.static)(
                *arrays, **options
            )

        return late

    def __call__(self, *arrays: Any, **options: Any) -> Any:
        name = library(arrays[0])
        if name == "jax":
            return self._jitted(*arrays, **options)
        return self.own.get("cpu" if name == "numpy" else name, self.body)(*arrays, **options)


def kernel(*, static: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Kernel]:
    """Declare a kernel; `static` names the options that shape the compiled program."""
    return lambda body: Kernel(body, static)
