"""A simulated card in this process, whose clock moves when it is told to: for closed loops."""

from tapeout.sim.card.board import Board, Left
from tapeout.sim.card.model import BUS

MEMORY_BYTES = 1 << 21


class Lockstep(Board):
    """A `Board` that is a transport itself, too; its clock moves in accesses and in `step`.

    Parameters
    ----------
    memory_bytes : int
        What it shares with its host.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self.memory, self.bus_address = memoryview(bytearray(memory_bytes)), BUS
        super().__init__(self.memory)

    @property
    def cycle(self) -> int:
        """Cycles since power-up."""
        return self._running.cycle

    def step(self, until: int) -> list[Left]:
        """Go on to a cycle; what left for the exchange since the last call."""
        if until > self.cycle:
            self._run(until - self.cycle)
        return self.left()
