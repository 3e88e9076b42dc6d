"""A simulated card in this process, whose clock moves when it is told to: for closed loops."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.net.layout import beats
from tapeout.sim.bench.compiled import Played, packed
from tapeout.sim.card.board import BEAT_BITS, Board
from tapeout.sim.card.model import BUS

MEMORY_BYTES = 1 << 21


class Left(NamedTuple):
    """A message that left for the exchange: in which cycles its first and last word crossed."""

    first: int
    last: int
    message: bytes


class Lockstep(Board):
    """A `Board` that is a transport itself, too; its clock moves in accesses and in `step`.

    Parameters
    ----------
    memory_bytes : int
        What it shares with its host.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self.memory, self.bus_address = memoryview(bytearray(memory_bytes)), BUS
        self._left, self._first = list[Left](), 0
        super().__init__(self.memory)

    @property
    def cycle(self) -> int:
        """Cycles since power-up."""
        return self._running.cycle

    def step(self, until: int) -> list[Left]:
        """Go on to a cycle; what left for the exchange since the last call."""
        if until > self.cycle:
            self._run(until - self.cycle)
        left, self._left = self._left, []
        return left

    def report(self, messages: Sequence[bytes], due: Sequence[int]) -> None:
        """The exchange's messages, a frame each, not before these cycles; in order."""
        words, times = list[int](), list[int]()
        for message, when in zip(messages, due, strict=True):
            sent = beats(message)
            words += sent
            times += range(when, when + len(sent))
        rows = {"reports": packed(words, BEAT_BITS)}
        self._run(0, rows, {"reports": np.array(times, np.uint64)})

    def _run(self, *arguments: Any, **others: Any) -> Played:
        played = super()._run(*arguments, **others)
        out, message = played.outputs["orders"], self._order
        for word, cycle in zip(out.payloads(), out.taken, strict=True):
            if not message:
                self._first = int(cycle)
            message += (word & (1 << 64) - 1).to_bytes(8, "little")[: word >> 64 & 0xF]
            if word >> 68 & 1:
                self._left.append(Left(self._first, int(cycle), message))
                message = b""
        self._order = message
        return played

    def _leave(self, words: list[int]) -> None:
        """Kept by `_run`, with their cycles."""
