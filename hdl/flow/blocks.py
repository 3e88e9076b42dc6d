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


def _one_frame() -> dict[str, Sequence[int]]:
    from tapeout.hdl.itch.model import encode
    from tapeout.hdl.moldudp.model import frame as packet
    from tapeout.hdl.net.layout import beats

    message = encode("A", stock_locate=7, order_reference=42, side="B", shares=100, price=1_000_000)
    udp = packet(b"SESSION", 1, [message])
    udp = bytes(4) + (8 + len(udp)).to_bytes(2) + bytes(2) + udp
    ipv4 = b"\x45\0" + (20 + len(udp)).to_bytes(2) + bytes(5) + b"\x11" + bytes(10) + udp
    return {"a": beats(bytes(12) + b"\x08\0" + ipv4)}


BLOCKS = {
    "decoder": Block(
        "the words of one ITCH message in, one record out",
        "tapeout.hdl.itch.gateware:Decoder",
        _two_messages,
    ),
    "feed_handler": Block(
        "the words of two Ethernet lines in, book records out: everything below, joined",
        "tapeout.hdl.top.gateware:FeedHandler",
        _one_frame,
    ),
}
