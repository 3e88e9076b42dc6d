"""The verilated card and its surroundings: registers by its pins, its beats into memory."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeout import hdl
from tapeout.hdl.card.layout import RECORD_BYTES, REGISTERS
from tapeout.hdl.line.model import Frame
from tapeout.hdl.net.layout import BEAT, beats
from tapeout.sim.bench.compiled import Model, Played, Words, packed
from tapeout.sim.bench.outline import kept_outline
from tapeout.sim.bench.running import Running
from tapeout.sim.card import world
from tapeout.sim.card.fault import LIES, Fault
from tapeout.sim.card.model import BUS
from tapeout.sim.card.world import component

PIECE = 1 << 10  # cycles between two looks at what the host asks
QUIET = 1 << 16  # cycles in which nothing moves before the clock may rest
LONGEST = 1 << 16  # cycles in which a register must answer, while memories are swept, too
BETWEEN = 3  # words between two frames: preamble and gap of 10 gigabit Ethernet
BEATS = RECORD_BYTES // 8  # of an entry
WHOLE = 0xFF  # the strobe of eight bytes
BEAT_BITS = sum(BEAT.values())
Rows = npt.NDArray[np.uint32]


class Left(NamedTuple):
    """A message that left for the exchange: in which cycles its first and last word crossed."""

    first: int
    last: int
    message: bytes


class Board:
    """A card that runs, cycle by cycle.

    While anything moves the clock runs as fast as it can; when all has been quiet for `QUIET`
    cycles it rests until the host asks for something. Parameters as for
    `tapeout.sim.card.model.Card`.

    Attributes
    ----------
    make : callable
        Makes the component that is played.
    counted : str, optional
        What of the gateware's coverage is counted; see `tapeout.sim.bench.compiled.Model`.
    """

    make: Callable[[], Any] = staticmethod(component)
    counted: str | None = None

    def __init__(self, memory: memoryview, fault: Fault | None = None) -> None:
        self._bytes = np.frombuffer(memory, np.uint8)
        self._words = self._bytes.view("<u8")
        outline = kept_outline(self.make, Path(hdl.__path__[0]), Path(world.__file__))
        self._running = Running(Model(outline, coverage=self.counted))
        self.power_up(fault)

    def power_up(self, fault: Fault | None = None) -> None:
        """Begin again from reset; the memory stays as it is."""
        self._running.reset()
        self._fault = fault or Fault("", 0)
        self._written, self._unheard = dict[int, int](), False
        self._beats, self._frames, self._quiet, self._stopped = 0, 0, 0, False
        self._orders, self._order, self._first = list[Left](), b"", 0
        self._free = dict.fromkeys("ab", 0)  # cycle from which a line may bring the next frame

    def read(self, at: int) -> int:
        """The register at a byte address.

        Raises
        ------
        RuntimeError
            If the card does not answer, or refuses.
        """
        if self._stopped:
            raise RuntimeError(f"register {at:#05x} must be answered; the card's clock stands")
        word = self._access(at, {"read_address": [at]}, "read_data")
        return self._not_refused(at, word & (1 << 32) - 1, word >> 32)

    def write(self, at: int, value: int) -> None:
        """Write a register. One that does not answer is not heard to be silent: writes are posted.

        Raises
        ------
        RuntimeError
            If the card refuses, or takes too long.
        """
        if self._stopped:
            return
        if at == REGISTERS["ring_consumer"].at and self._is_deaf():
            self._unheard = True
            self._written[at] = value
            return
        self._written[at] = value
        word = self._access(
            at, {"write_address": [at], "write_data": [value | 0xF << 32]}, "write_response"
        )
        self._not_refused(at, 0, word)

    def wire(
        self, line: str, frames: Sequence[Frame], due: Sequence[int] | None = None
    ) -> list[int]:
        """Frames on a line, behind those that wait there: the cycle each will begin in.

        `due` gives cycles before which they do not; cycles count from power-up.
        """
        if line not in self._free:
            raise ValueError(f"line must be a or b; got {line!r}")
        if due is not None and len(due) != len(frames):
            raise ValueError(f"due must give a cycle to each of {len(frames)} frames; {len(due)}")
        words, times, begins = list[int](), list[int](), list[int]()
        at = max(self._free[line], self._running.cycle)
        for place, frame in enumerate(frames):
            wrong = self._fault == ("checksum", self._frames)
            self._frames += 1
            sent = beats(frame.wire, frame.error or wrong)
            at = max(at, due[place] if due is not None else 0)
            begins.append(at)
            words += sent
            times += range(at, at + len(sent))
            at += len(sent) + BETWEEN
        self._free[line] = at
        self._run(0, {line: packed(words, BEAT_BITS)}, {line: np.array(times, np.uint64)})
        return begins

    def orders(self) -> list[bytes]:
        """Messages that left for the exchange since the last call."""
        return [one.message for one in self.left()]

    def left(self) -> list[Left]:
        """The same, with their cycles."""
        left, self._orders = self._orders, []
        return left

    def reports(self, messages: Sequence[bytes], due: Sequence[int] | None = None) -> None:
        """The exchange's messages, a frame each; in order, and none before its cycle of `due`."""
        words, times = list[int](), list[int]()
        for message, when in zip(messages, due or [0] * len(messages), strict=True):
            sent = beats(message)
            words += sent
            times += range(when, when + len(sent))
        rows = {"reports": packed(words, BEAT_BITS)}
        self._run(0, rows, {"reports": np.array(times, np.uint64)})

    def host_memory(self, delay: int, stalls: int, refuse: int) -> None:
        """How the host's memory takes what is written: plain inputs of `World`."""
        self._running.set({"delay": delay, "stalls": stalls, "refuse": refuse})

    def cycles(self) -> tuple[int, bool]:
        """Cycles since power-up, and whether the clock still runs."""
        return self._running.cycle, not self._stopped and self._quiet < QUIET

    def run(self) -> bool:
        """Some cycles; whether there are more to come by themselves."""
        if self._stopped:
            return False
        self._run(PIECE)
        if self._unheard and not self._is_deaf():
            self._unheard = False
            at = REGISTERS["ring_consumer"].at
            self.write(at, self._written[at])
        return self._quiet < QUIET

    def covered(self, at: Path) -> None:
        """Write what was covered so far, as `counted` says; nothing can be played after that."""
        self._running.covered(at)

    def close(self) -> None:
        """Give the model back."""
        self._running.__exit__()

    def _access(self, at: int, sent: dict[str, list[int]], answer: str) -> int:
        """Words into the channels of a register access, and its answer."""
        widths = {"read_address": 12, "write_address": 12, "write_data": 36}
        rows = {name: packed(words, widths[name]) for name, words in sent.items()}
        told = self._run(LONGEST, rows, until=answer).outputs[answer].payloads()
        if not told:
            raise RuntimeError(f"register {at:#05x} must be answered; {LONGEST:,} cycles it is not")
        return told[0]

    @staticmethod
    def _not_refused(at: int, value: int, response: int) -> int:
        if response:
            raise RuntimeError(f"register {at:#05x} must be one of the contract's; it was refused")
        return value

    def _run(
        self,
        cycles: int,
        rows: dict[str, Rows] | None = None,
        due: dict[str, npt.NDArray[np.uint64]] | None = None,
        until: str | None = None,
    ) -> Played:
        played = self._running.run(cycles, rows, due=due, until=until)
        moved = self._running.waiting or any(
            len(one.rows) for one in (*played.inputs.values(), *played.outputs.values())
        )
        self._quiet = 0 if moved else self._quiet + cycles
        self._leave(played.outputs["orders"])
        self._store(played.outputs["written"].rows)
        if played.plain["broken"]:
            raise RuntimeError("the card must write bursts by the rules of AXI4; it did not")
        return played

    def _leave(self, words: Words) -> None:
        """Beats of orders into whole messages."""
        for word, cycle in zip(words.payloads(), words.taken, strict=True):
            if not self._order:
                self._first = int(cycle)
            self._order += (word & (1 << 64) - 1).to_bytes(8, "little")[: word >> 64 & 0xF]
            if word >> 68 & 1:
                self._orders.append(Left(self._first, int(cycle), self._order))
                self._order = b""

    def _store(self, rows: Rows) -> None:
        """Beats into memory in their order: `address`, `data`, `strobe` of each."""
        if not len(rows) or self._stopped:
            return
        rows = self._wronged(rows)
        wide = np.ascontiguousarray(rows[:, :4]).view("<u8")
        at = (wide[:, 0] - np.uint64(BUS)).astype(np.int64)
        if ((at < 0) | (at > self._bytes.size - 8)).any():
            raise RuntimeError("the card must write to its host's memory; it wrote beside it")
        whole = (rows[:, 4] == WHOLE) & (at % 8 == 0)
        self._words[at[whole] >> 3] = wide[whole, 1]
        for place in np.flatnonzero(~whole):  # after what they tell about: the producer index
            told = int(wide[place, 1]).to_bytes(8, "little")
            base = int(at[place]) & ~7
            for byte in range(8):
                if rows[place, 4] >> byte & 1:
                    self._bytes[base + byte] = told[byte]

    def _wronged(self, rows: Rows) -> Rows:
        """What is left of the beats when the fault that was asked for has come about."""
        address = np.ascontiguousarray(rows[:, :2]).view("<u8")[:, 0]
        entries = np.flatnonzero(address != self._index())
        before, self._beats = self._beats, self._beats + entries.size
        first = self._fault.after * BEATS - before  # of the entry that the fault meets
        if not 0 <= first < entries.size:
            return rows
        if self._fault.kind in LIES:
            rows = rows.copy()
            byte = LIES[self._fault.kind]
            rows[entries[first + byte // 8], 2 + byte % 8 // 4] ^= 1
        elif self._fault.kind == "stall":
            self._stopped, rows = True, rows[: entries[first]]
        elif self._fault.kind == "reset":
            self._running.reset()
            self._free, self._written, rows = dict.fromkeys("ab", 0), {}, rows[: entries[first]]
        return rows

    def _index(self) -> int:
        """The bus address of the producer index."""
        low, high = REGISTERS["ring_index_low"].at, REGISTERS["ring_index_high"].at
        return self._written.get(low, 0) | self._written.get(high, 0) << 32

    def _is_deaf(self) -> bool:
        """Whether the card does not hear what the host has done with, as the fault wants it."""
        if self._fault.kind != "overflow" or self._beats < self._fault.after * BEATS:
            return False
        return not self.read(REGISTERS["ring_dropped"].at)
