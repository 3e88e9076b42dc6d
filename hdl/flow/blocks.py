"""The blocks that can be built, placed and played by name."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Block(NamedTuple):
    """Where a component is, and what a drawing of it is made from."""

    what: str
    place: str  # module:class
    example: Callable[[], dict[str, Sequence[int]]]  # words of each input stream

    def component(self) -> Any:
        """A new one, with the widths and depths it has by itself."""
        module, _, name = self.place.partition(":")
        return getattr(importlib.import_module(module), name)()


def block(name: str) -> Block:
    """A block by its name.

    Raises
    ------
    ValueError
        "block must be one of decoder; got 'x'"
    """
    if name not in BLOCKS:
        raise ValueError(f"block must be one of {', '.join(BLOCKS)}; got {name!r}")
    return BLOCKS[name]


def _two_messages() -> dict[str, Sequence[int]]:
    from tapeout.hdl.itch.layout import words
    from tapeout.hdl.itch.model import encode

    added = encode("A", stock_locate=7, order_reference=42, side="B", shares=100, price=1_000_000)
    deleted = encode("D", stock_locate=7, order_reference=42)
    return {"i": [*words(added, 1), *words(deleted, 2)]}


BLOCKS = {
    "decoder": Block(
        "the words of one ITCH message in, one record out",
        "tapeout.hdl.itch.gateware:Decoder",
        _two_messages,
    ),
}
