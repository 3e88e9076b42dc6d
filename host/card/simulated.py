"""The transport to a simulated card: a process of its own behind a socket, and shared memory."""

import mmap
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

from tapeout.errors import DataError, DeviceError
from tapeout.hdl.line.model import Frame
from tapeout.sim.bench.simulators import READY, environment, verilator
from tapeout.sim.card.fault import Fault, read_fault

MEMORY_BYTES = 1 << 21
PAGE_BYTES = 4_096
BEGIN_S = 1_800.0  # the gateware may have to be compiled first
ANSWER_S = 60.0
KINDS = ("gateware", "model")


class Simulated:
    """A card in a process of its own; `Wired`, as its line and its exchange are ours, too.

    Parameters
    ----------
    kind : str
        "gateware", compiled by Verilator, cycle by cycle; or "model", the contract in Python.
    fault : str, optional
        What goes wrong, and when: see `tapeout.sim.card.fault`.
    memory_bytes : int
        What is shared with the card; a multiple of 4,096.

    Raises
    ------
    DataError
        "fault must be one of stall, ... and a count, like stall:1000; got 'fire'"
        "kind must be gateware or model; got 'card'"
        "memory_bytes must be a multiple of 4,096; got 100"
    DeviceError
        "the simulated card cannot be started: ..." without Verilator.
        "the simulated card is gone: ..." with the last words of its process.
    """

    def __init__(
        self, kind: str = "gateware", *, fault: str = "", memory_bytes: int = MEMORY_BYTES
    ) -> None:
        _fault(fault)
        if kind not in KINDS:
            raise DataError(f"kind must be {' or '.join(KINDS)}; got {kind!r}")
        if memory_bytes <= 0 or memory_bytes % PAGE_BYTES:
            raise DataError(f"memory_bytes must be a multiple of 4,096; got {memory_bytes:,}")
        if kind == KINDS[0] and (state := verilator()) != READY:
            raise DeviceError(f"the simulated card cannot be started: {state}")
        self._connection, theirs = Pipe()
        with tempfile.TemporaryFile() as shared:
            shared.truncate(memory_bytes)
            ends = (theirs.fileno(), shared.fileno())
            command = [sys.executable, "-P", "-m", "tapeout.sim.card", *map(str, ends), kind, fault]
            self._process = subprocess.Popen(
                command,
                pass_fds=ends,
                env=environment("verilator"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._mapped = mmap.mmap(shared.fileno(), memory_bytes)
        theirs.close()
        self.memory = memoryview(self._mapped)
        try:
            self.bus_address = int(self._answer(BEGIN_S))
        except DeviceError:
            self.close()
            raise

    def read(self, at: int) -> int:
        """See `Transport`."""
        return int(self._ask("read", at))

    def write(self, at: int, value: int) -> None:
        """See `Transport`; it is answered when the card has taken it."""
        self._ask("write", at, value)

    def wire(self, line: str, frames: Sequence[Frame], due: Sequence[int] | None = None) -> None:
        """See `Wired`."""
        self._ask("wire", line, list(frames), None if due is None else list(due))

    def orders(self) -> list[bytes]:
        """See `Wired`."""
        return list(self._ask("orders"))

    def reports(self, messages: Sequence[bytes]) -> None:
        """See `Wired`."""
        self._ask("reports", list(messages))

    def host_memory(self, *, delay: int = 0, stalls: int = 0, refuse: bool = False) -> None:
        """How this host's memory takes what the card writes: see `tapeout.sim.card.world.Memory`.

        Parameters
        ----------
        delay : int
            Cycles until a burst is acknowledged.
        stalls : int
            In so many of 256 cycles it takes nothing.
        refuse : bool
            Bursts are answered by an error.
        """
        self._ask("host_memory", delay, stalls, int(refuse))

    def power_up(self, fault: str = "") -> None:
        """Turn the card off and on; from then on this fault is to come about.

        Raises
        ------
        DataError
            "fault must be one of stall, ... and a count, like stall:1000; got 'fire'"
        """
        self._ask("power_up", _fault(fault))

    def cycles(self) -> tuple[int, bool]:
        """Cycles since power-up, and whether the clock still runs: it rests when all is quiet."""
        now, runs = self._ask("cycles")
        return int(now), bool(runs)

    def close(self) -> None:
        """End the process."""
        self._connection.close()  # which is what it ends by
        self._ended()
        self.memory.release()
        with suppress(BufferError):  # what still looks at it keeps it
            self._mapped.close()

    def _ended(self) -> str:
        """What the process said before it ended; it is made to, if it does not."""
        if self._process.stderr is None or self._process.stderr.closed:
            return ""
        try:
            return self._process.communicate(timeout=ANSWER_S)[1]
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.communicate()[1]

    def _ask(self, name: str, *arguments: Any) -> Any:
        try:
            self._connection.send((name, *arguments))
        except OSError:
            raise DeviceError(f"the simulated card is gone: {self._last_words()}") from None
        return self._answer(ANSWER_S)

    def _answer(self, patience_s: float) -> Any:
        try:
            if not self._connection.poll(patience_s):
                raise DeviceError(f"the simulated card must answer within {patience_s:g} s")
            error, told = self._connection.recv()
        except (EOFError, OSError):
            raise DeviceError(f"the simulated card is gone: {self._last_words()}") from None
        if error:
            raise DeviceError(error)
        return told

    def _last_words(self) -> str:
        return next(iter(reversed(self._ended().strip().splitlines())), "it said nothing")


def _fault(text: str) -> Fault | None:
    try:
        return read_fault(text) if text else None
    except ValueError as reason:
        raise DataError(str(reason)) from None
