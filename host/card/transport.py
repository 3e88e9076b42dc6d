"""How a host reaches a card: registers and memory that both see, over whatever is between them."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tapeout.hdl.line.model import Frame


class Transport(Protocol):
    """What every card is reached by.

    Attributes
    ----------
    memory : memoryview
        Writable bytes that the card can write to.
    bus_address : int
        Where the card finds their first one; a multiple of 4,096.
    """

    @property
    def memory(self) -> memoryview: ...  # noqa: D102

    @property
    def bus_address(self) -> int: ...  # noqa: D102

    def read(self, at: int) -> int:
        """The 32-bit register at byte `at` of the window.

        Raises
        ------
        DeviceError
            If the card does not answer, or refuses.
        """

    def write(self, at: int, value: int) -> None:
        """Write 32 bits to a register; errors as of `read`, as far as the bus tells."""

    def close(self) -> None:
        """Let the card go; it may not write to `memory` any more."""


@runtime_checkable
class Wired(Transport, Protocol):
    """A card whose other ends are in our hands, too: its lines, and its way to the exchange."""

    def wire(self, line: str, frames: Sequence[Frame], due: Sequence[int] | None = None) -> None:
        """Frames on line "a" or "b", behind those that are on their way.

        Parameters
        ----------
        due : sequence of int, optional
            Cycle since power-up before which each frame does not begin; one after the other
            if it is not given.
        """

    def cycles(self) -> tuple[int, bool]:
        """Cycles since power-up, and whether the clock runs."""

    def orders(self) -> list[bytes]:
        """Messages that left for the exchange since the last call."""

    def reports(self, messages: Sequence[bytes]) -> None:
        """The exchange's messages to the card."""
