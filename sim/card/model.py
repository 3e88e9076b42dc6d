"""The contract in plain Python: a card that is its registers, its ring and the golden model.

It has no clock, so nothing takes time: what goes onto the wire has left for the ring when `wire`
comes back. Orders are judged by nobody here: they are decisions of the gateware.
"""

from collections.abc import Callable, Sequence

from tapeout.hdl.arbiter.model import Arbiter
from tapeout.hdl.card.layout import (
    CAPABILITIES,
    RECORD_BYTES,
    REGISTERS,
    STATISTICS,
    STATUS,
    Entry,
)
from tapeout.hdl.itch.layout import pack
from tapeout.hdl.levels.layout import LEVELS
from tapeout.hdl.line.model import Frame, Line
from tapeout.hdl.registers.layout import OKAY
from tapeout.hdl.registers.model import Registers
from tapeout.hdl.top.layout import BOOK_RECORD, BookRecord
from tapeout.hdl.top.model import Feed, one_line
from tapeout.sim.card.fault import LIES, Fault

BUS = 1 << 36  # bus address of the memory that a simulated card shares with its host
HZ = 156_250_000
NS = 1_000_000_000
WORD, WIDE = (1 << 32) - 1, (1 << 64) - 1
INSTRUMENTS = 256
CAN = ("books", "ring")
CONSUMER = REGISTERS["ring_consumer"].at


class Card:
    """What a host's transport speaks to: registers, and memory that the ring is written into.

    Parameters
    ----------
    memory : writable buffer
        What the card reaches at bus address `BUS` and above.
    fault : Fault, optional
        What goes wrong.
    clock : callable
        Cycles since power-up; by default they count accesses to registers.
    """

    def __init__(
        self, memory: memoryview, fault: Fault | None = None, clock: Callable[[], int] | None = None
    ) -> None:
        self.memory, self.bus_address = memory, BUS
        self._clock, self._accesses = clock, 0
        self.power_up(fault)

    def power_up(self, fault: Fault | None = None) -> None:
        """Begin again from reset; the memory stays as it is."""
        self._fault, self._entries, self._frames, self._stopped = fault, 0, 0, False
        self._unheard: int | None = None  # what the host says it has done with, while it is deaf
        self._forget()

    def _forget(self) -> None:
        """All that a card forgets without power."""
        self._registers, self._adjusted = Registers(), 0
        self._begin()

    def _begin(self) -> None:
        """A new day."""
        self._listened = dict[int, int]()  # instrument -> locate
        self._books = Feed(self._listened.values())
        self._line, self._arbiter = Line(), Arbiter()
        self._produced, self._dropped, self._most, self._untold, self._records = 0, 0, 0, 0, 0

    def read(self, at: int) -> int:
        """The register at a byte address.

        Raises
        ------
        RuntimeError
            If the card does not answer, or refuses.
        """
        self._answer(at)
        self._show()
        value, response = self._registers.read(at)
        return self._not_refused(at, response, value)

    def write(self, at: int, value: int) -> None:
        """Write a register. One that does not answer is not heard to be silent: writes are posted.

        Raises
        ------
        RuntimeError
            If the card refuses.
        """
        self._accesses += 1
        if self._stopped:
            return
        self._show()
        if at == CONSUMER and self._deaf():
            self._unheard = value
            return
        self._not_refused(at, self._registers.write(at, value))
        for what, told in self._registers.done:
            if what == "reset" and told:
                self._begin()
            elif what == "adjust":
                self._adjusted += told
            elif what == "listen":
                locate, instrument = told & 0xFFFF, told >> 16 & 0xFF
                self._listened.pop(instrument, None)
                if told >> 24:
                    self._listened[instrument] = locate
        self._registers.done.clear()

    def wire(self, line: str, frames: Sequence[Frame], due: Sequence[int] | None = None) -> None:
        """Frames on one line, at once whenever they are due; only `a` has a receiver here."""
        if line != "a":
            raise ValueError(f"line must be a, the only one of this card; got {line!r}")
        for frame in frames:
            if self._stopped:
                return
            if self._fault == ("checksum", self._frames):
                frame = frame._replace(error=True)
                self._registers.happen("checksum")
            self._frames += 1
            stamped = frame._replace(arrival_ns=self._now())
            for made in one_line([stamped], self._books, self._line, self._arbiter):
                for record in made:
                    self._tell(record)

    def orders(self) -> list[bytes]:
        """Messages to the exchange: none leaves here."""
        return []

    def reports(self, messages: Sequence[bytes]) -> None:
        """The exchange's messages: nobody waits for any."""

    def host_memory(self, delay: int, stalls: int, refuse: int) -> None:
        """How the host's memory takes what is written: at once, whatever is asked."""

    def cycles(self) -> tuple[int, bool]:
        """Cycles since power-up, and whether the clock runs by itself."""
        return self._accesses if self._clock is None else self._clock(), False

    def run(self) -> bool:
        """Whether time goes on by itself: here it never does."""
        return False

    def close(self) -> None:
        """Nothing is left behind."""

    def _answer(self, at: int) -> None:
        self._accesses += 1
        if self._stopped:
            raise RuntimeError(f"register {at:#05x} must be answered; the card's clock stands")

    def _not_refused(self, at: int, response: int, value: int = 0) -> int:
        if response != OKAY:
            raise RuntimeError(f"register {at:#05x} must be one of the contract's; it was refused")
        return value

    def _setting(self, name: str) -> int:
        return self._registers.setting(name)

    def _now(self) -> int:
        cycles = self._accesses if self._clock is None else self._clock()
        return (cycles * NS // HZ + self._adjusted) & WIDE

    def _show(self) -> None:
        """What the registers show of what is so now."""
        listing = self._listened.get(self._setting("listing_instrument"), 0)
        status = {"ready": 1, "full": self._full(), "killed": self._setting("kill"),
                  "stale": bool(self._dropped or self._arbiter.lost)}  # fmt: skip
        self._registers.shown |= {
            "status": sum(bool(status.get(flag)) << bit for bit, flag in enumerate(STATUS)),
            "capabilities": sum((one in CAN) << bit for bit, one in enumerate(CAPABILITIES)),
            "geometry": INSTRUMENTS | LEVELS << 16, "clock_hz": HZ, "now": self._now(),
            "ring_producer": self._produced, "ring_dropped": self._dropped,
            "listing_locate": listing,
        }  # fmt: skip
        self._registers.statistics = self._counts()

    def _counts(self) -> dict[str, int]:
        line, arbiter = self._line.counts, self._arbiter
        counts = dict.fromkeys(STATISTICS, 0) | {
            "a_frames": line["frames"], "a_filtered": line["filtered"],
            "a_messages": line["messages"], "a_first": arbiter.first[0],
            "a_repeated": arbiter.repeated[0], "delivered": arbiter.delivered,
            "gaps": arbiter.gaps, "lost": arbiter.lost, "sessions": arbiter.sessions,
            "records": self._records, "written": self._produced, "dropped": self._dropped,
            "most": self._most,
        }  # fmt: skip
        return {name: count & WORD for name, count in counts.items()}

    def _full(self) -> bool:
        held = (self._produced - self._setting("ring_consumer")) & WORD
        return bool(self._setting("ring_bits")) and held >= 1 << self._setting("ring_bits")

    def _deaf(self) -> bool:
        kind, after = self._fault or (None, 0)
        return kind == "overflow" and self._entries >= after and not self._dropped

    def _tell(self, record: BookRecord) -> None:
        """A record to the ring; before it, how many found no place there."""
        if self._stopped or not self._setting("ring_bits"):
            return
        self._records += 1
        if self._untold and not self._full():
            self._put(BookRecord(kind=Entry.OVERFLOW, subject=self._untold))
            self._untold = 0
        if self._full():
            self._dropped, self._untold = self._dropped + 1, self._untold + 1
            if self._unheard is not None:
                self._registers.settings["ring_consumer"], self._unheard = self._unheard, None
            self._registers.happen("overflow")
            return
        self._put(record)

    def _put(self, record: BookRecord) -> None:
        """An entry into the ring, then how many there are."""
        wrong = self._fault.kind if self._fault and self._fault.after == self._entries else ""
        self._entries += wrong != "stall"
        if wrong in ("stall", "reset"):
            self._stopped = wrong == "stall"
            if wrong == "reset":
                self._forget()
            return
        entry = bytearray(pack(record, BOOK_RECORD).to_bytes(RECORD_BYTES, "little"))
        entry[LIES.get(wrong, 0)] ^= wrong in LIES
        place = self._produced & ((1 << self._setting("ring_bits")) - 1)
        self._store(self._setting("ring_base") + place * RECORD_BYTES, bytes(entry))
        self._produced = (self._produced + 1) & WORD
        held = (self._produced - self._setting("ring_consumer")) & WORD
        self._most = max(self._most, held)
        if index := self._setting("ring_index"):
            self._store(index, self._produced.to_bytes(4, "little"))

    def _store(self, address: int, what: bytes) -> None:
        at = address - BUS
        if not 0 <= at <= len(self.memory) - len(what):
            raise RuntimeError(
                f"the card must write to its host's memory; it wrote to {address:#x}"
            )
        self.memory[at : at + len(what)] = what
