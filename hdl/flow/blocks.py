"""The blocks that can be built, placed and played by name."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tapeout.hdl.flow import examples
from tapeout.hdl.flow.examples import Example


class Block(NamedTuple):
    """Where a component is, and what a drawing of it is made from."""

    what: str
    place: str  # module:class
    example: Callable[[], Example]
    needs: Mapping[str, str] = {}  # parameters it has no value for by itself -> module:constant

    def component(self, **parameters: int) -> Any:
        """A new one, with the widths and depths it has by itself but for those named."""
        needed = {name: _found(place) for name, place in self.needs.items()}
        return _found(self.place)(**needed | parameters)


def _found(place: str) -> Any:
    """What `module:name` names; its module is read only now, as it needs Amaranth."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def block(name: str) -> Block:
    """A block by its name.

    Raises
    ------
    ValueError
        "block must be one of decoder, framebuffer, ...; got 'x'"
    """
    if name not in BLOCKS:
        raise ValueError(f"block must be one of {', '.join(BLOCKS)}; got {name!r}")
    return BLOCKS[name]


#: In the order of the way through the pipeline; the last is all of it.
BLOCKS = {
    "decoder": Block(
        "the words of one ITCH message in, one record out",
        "tapeout.hdl.itch.gateware:Decoder",
        examples.decoder,
    ),
    "rgmii": Block(
        "bytes from a gigabit PHY in, words of frames out, their checksum judged",
        "tapeout.hdl.rgmii.gateware:Receiver",
        examples.rgmii,
    ),
    "framebuffer": Block(
        "words of frames in, the same out when the line is ready",
        "tapeout.hdl.framebuffer.gateware:FrameBuffer",
        examples.framebuffer,
    ),
    "line": Block(
        "words of frames in, records of packets and messages out",
        "tapeout.hdl.line.gateware:Line",
        examples.line,
    ),
    "arbiter": Block(
        "records of two lines in, each message once out",
        "tapeout.hdl.arbiter.gateware:Arbiter",
        examples.arbiter,
    ),
    "subscription": Block(
        "stock locates in, instruments out",
        "tapeout.hdl.subscription.gateware:Subscription",
        examples.subscription,
    ),
    "orders": Block(
        "order messages in, changes of price levels out",
        "tapeout.hdl.orders.gateware:OrderTable",
        examples.orders,
    ),
    "levels": Block(
        "changes of price levels in, what they did to the best levels out",
        "tapeout.hdl.levels.gateware:LevelRows",
        examples.levels,
    ),
    "refill": Block(
        "rows that ran short in, their next levels out",
        "tapeout.hdl.refill.gateware:Refill",
        examples.refill,
    ),
    "publisher": Block(
        "messages, changes and rows in, book records out",
        "tapeout.hdl.publisher.gateware:Publisher",
        examples.publisher,
        {"latency": "tapeout.hdl.levels.gateware:LATENCY"},
    ),
    "books": Block(
        "messages in sequence in, book records out",
        "tapeout.hdl.books.gateware:Books",
        examples.books,
    ),
    "registers": Block(
        "AXI4-Lite reads and writes in, settings of the card out",
        "tapeout.hdl.registers.gateware:Registers",
        examples.registers,
    ),
    "clock": Block(
        "a rate and jumps in, nanoseconds out",
        "tapeout.hdl.clock.gateware:Clock",
        examples.clock,
    ),
    "ring": Block(
        "book records in, AXI4 bursts into the host's memory out",
        "tapeout.hdl.ring.gateware:Ring",
        examples.ring,
    ),
    "pretrade": Block(
        "orders that want to leave in, those that may out, and why the others may not",
        "tapeout.hdl.pretrade.gateware:Gate",
        examples.pretrade,
    ),
    "quotes": Block(
        "book records in, best bids and offers out",
        "tapeout.hdl.quotes.gateware:Quotes",
        examples.quotes,
    ),
    "policy": Block(
        "best bids and offers in, orders that want to leave out",
        "tapeout.hdl.policy.gateware:Policy",
        examples.policy,
    ),
    "ouch": Block(
        "orders that may leave in, the words of OUCH messages out",
        "tapeout.hdl.ouch.gateware:Encoder",
        examples.ouch,
    ),
    "feed_handler": Block(
        "the words of two Ethernet lines in, book records out: everything above, joined",
        "tapeout.hdl.top.gateware:FeedHandler",
        examples.feed_handler,
    ),
}
