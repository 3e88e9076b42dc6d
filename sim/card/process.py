"""What the simulated card's process does: it answers its host, and meanwhile lets the clock run."""

from multiprocessing.connection import Connection
from typing import Any, Protocol

from tapeout.sim.card.fault import Fault
from tapeout.sim.card.model import Card

#: What a host may ask for; each is a method of the card.
ASKED = ("read", "write", "wire", "orders", "reports", "host_memory", "cycles", "power_up")


class Runs(Protocol):
    """A card that a host asks for things, and whose clock runs between."""

    def run(self) -> bool:
        """Let some time pass; whether there is more to come by itself."""

    def close(self) -> None:
        """Give up what is held."""


def open_card(kind: str, memory: memoryview, fault: Fault | None) -> Runs:
    """A card of a kind: "model" or "gateware"."""
    if kind == "model":
        return Card(memory, fault)
    from tapeout.sim.card.board import Board

    return Board(memory, fault)


def serve(connection: Connection, card: Runs) -> None:
    """Answer until the host closes; an error is told, not raised: what it asks next may do."""
    runs = True
    try:
        while True:
            if runs and not connection.poll():
                runs = card.run()
                continue
            name, *arguments = connection.recv()
            connection.send(_answer(card, name, arguments))
            runs = True
    except (EOFError, ConnectionError):
        pass
    finally:
        card.close()


def _answer(card: Runs, name: str, arguments: list[Any]) -> tuple[str, Any]:
    if name not in ASKED:
        return f"a simulated card must be asked for {', '.join(ASKED)}; got {name}", None
    try:
        return "", getattr(card, name)(*arguments)
    except (RuntimeError, ValueError) as reason:
        return str(reason) or type(reason).__name__, None
