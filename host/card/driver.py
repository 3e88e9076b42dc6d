"""The card's driver: everything a host does with one, by the contract and over any transport."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from tapeout.card.alignment import NS, READS, Alignment, aligned
from tapeout.card.entries import ENTRY_DTYPE, Entries, Numbers, continued
from tapeout.card.registers import WORD, Registers
from tapeout.card.transport import Transport
from tapeout.errors import DataError, DeviceError
from tapeout.hdl.card.layout import (
    ALIGNMENT,
    FRACTION,
    MAGIC,
    RECORD_BYTES,
    RING_BITS,
    STATISTICS,
    VERSION,
)
from tapeout.hdl.pretrade.layout import GLOBAL_LIMITS, INTENT, LIMITS

INDEX_BYTES = ALIGNMENT  # what is kept for the producer index, before the ring


@dataclass(frozen=True)
class Identity:
    """What a card says it is.

    Parameters
    ----------
    version : (int, int)
        Of the contract: major, minor.
    capabilities : tuple of str
        Of `tapeout.hdl.card.layout.CAPABILITIES`.
    build : int
        Which gateware, as its maker says.
    instruments, levels : int
        How many are listened to; how many price levels are known of a side.
    clock_hz : int
        Cycles a second.
    """

    version: tuple[int, int]
    capabilities: tuple[str, ...]
    build: int
    instruments: int
    levels: int
    clock_hz: int


class Card:
    """A card that is talked to over a transport.

    Parameters
    ----------
    transport : Transport
        It is closed with the card.
    bits : int
        The ring holds 2**bits records.
    clock, wait : callable
        The host's time in seconds, and what lets it pass.

    Raises
    ------
    DeviceError
        "the card must say 'TAPE'; it says 0x00000000"
        "the card's contract must be version 1; it is 2.0"
    DataError
        "bits must be 4 to 20; got 21"
        "the ring needs 4,194,368 bytes; the transport has 65,536"
    """

    def __init__(
        self,
        transport: Transport,
        *,
        bits: int = 14,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.transport, self.registers = transport, Registers(transport)
        self._clock, self._wait = clock, wait
        if not RING_BITS[0] <= bits <= RING_BITS[1]:
            raise DataError(f"bits must be {RING_BITS[0]} to {RING_BITS[1]}; got {bits}")
        needed, given = INDEX_BYTES + (RECORD_BYTES << bits), transport.memory.nbytes
        if needed > given:
            raise DataError(f"the ring needs {needed:,} bytes; the transport has {given:,}")
        self.identity = self._identity()
        self._bits, self._taken, self._numbers = bits, 0, Numbers()
        self._failed: DeviceError | None = None
        words = np.frombuffer(transport.memory, np.uint8)
        self._index = words[:4].view("<u4")
        self._ring = words[INDEX_BYTES:needed].view(ENTRY_DTYPE)

    def _identity(self) -> Identity:
        get, fields = self.registers.get, self.registers.fields
        if (magic := get("magic")) != MAGIC:
            raise DeviceError(f"the card must say {MAGIC.to_bytes(4)!r}; it says {magic:#010x}")
        version, shape = fields("version"), fields("geometry")
        if version["major"] != VERSION[0]:
            raise DeviceError(
                f"the card's contract must be version {VERSION[0]};"
                f" it is {version['major']}.{version['minor']}"
            )
        return Identity(
            (version["major"], version["minor"]), self.registers.flags("capabilities"),
            get("build"), shape["instruments"], shape["levels"], get("clock_hz"),
        )  # fmt: skip

    def start(self, *, lines: str = "ab", learn: bool = False, patience_s: float = 10.0) -> None:
        """Begin a new day: reset, then ring, clock rate and lines; the gate stays shut.

        Parameters
        ----------
        lines : str
            Which are listened to: "a", "b" or "ab".
        learn : bool
            Take instruments from the directory as they come.
        patience_s : float
            How long the card may take to be ready.

        Raises
        ------
        DeviceError
            If the card does not get ready.
        """
        put, base = self.registers.put, self.transport.bus_address
        put("kill", kill=1)
        put("ring_bits")
        put("reset", all=1)
        self._until_ready(patience_s)
        put("errors", **dict.fromkeys(self.registers.fields("errors"), 1))
        put("ring_consumer")
        self._taken, self._numbers, self._failed, self._index[0] = 0, Numbers(), None, 0
        self.registers.put_wide("ring_base", base + INDEX_BYTES)
        self.registers.put_wide("ring_index", base)
        put("clock_rate", rate=round((NS << FRACTION) / self.identity.clock_hz))
        put("control", lines=sum(1 << "ab".index(line) for line in lines), learn=int(learn))
        put("ring_bits", bits=self._bits)

    def _until_ready(self, patience_s: float) -> None:
        until = self._clock() + patience_s
        while not {"ready"} <= (status := set(self.registers.flags("status"))) - {"busy"}:
            if self._clock() > until:
                said = ", ".join(sorted(status)) or "nothing"
                raise DeviceError(f"the card must be ready within {patience_s} s; it is {said}")
            self._wait(0.001)

    def close(self) -> None:
        """Stop the ring, and let the transport go."""
        with suppress(DeviceError):  # a card that is gone writes nothing either
            self.registers.put("ring_bits")
        self._index, self._ring = self._index[:0].copy(), self._ring[:0].copy()
        self.transport.close()

    def __enter__(self) -> "Card":
        return self

    def __exit__(self, *told: object) -> None:
        self.close()

    def filter(self, *, port: int | None = None, group: int | None = None) -> None:
        """Let in only datagrams to this UDP port and this IPv4 group; None lets all in."""
        put = self.registers.put
        put("filter_group", group=group or 0)
        put("filter_group_enable", group_enable=int(group is not None))
        put("filter_port", port=port or 0, port_enable=int(port is not None))

    def listen(self, locates: Iterable[int]) -> None:
        """Listen to these stock locates, and give them the instruments from 0 on."""
        for instrument, locate in enumerate(locates):
            if instrument >= self.identity.instruments:
                raise DataError(f"locates must be {self.identity.instruments} at most; got more")
            self.registers.put("listen", locate=locate, instrument=instrument, subscribed=1)

    @property
    def waiting(self) -> int:
        """Entries in the ring that were not taken yet.

        Raises
        ------
        DeviceError
            "the ring must hold 16,384 records at most; its index says 20,000"
        """
        count = (int(self._index[0]) - self._taken) & WORD
        if count > 1 << self._bits:
            raise DeviceError(
                f"the ring must hold {1 << self._bits:,} records at most; its index says {count:,}"
            )
        return count

    def records(self) -> Entries:
        """New entries, (N,) `ENTRY_DTYPE`; their places in the ring are the card's again.

        Raises
        ------
        DeviceError
            If the ring's index is impossible, or the card was gone at the last call.
        Missing
            A `DeviceError`: records are missing that no entry tells dropped. What came before them
            has been returned, and nothing will be any more.
        """
        if self._failed:
            raise self._failed
        count = self.waiting
        entries: Entries = self._ring[self._taken + np.arange(count) & (1 << self._bits) - 1]
        self._numbers, good, self._failed = continued(entries, self._numbers)
        self._taken = (self._taken + count) & WORD
        try:
            if count:
                self.registers.put("ring_consumer", count=self._taken)
        except DeviceError as reason:  # these entries are good: the next call tells
            self._failed = self._failed or reason
        if self._failed and not good:
            raise self._failed
        return entries[:good]

    def statistics(self) -> dict[str, int]:
        """All counters, of one moment."""
        self.registers.put("snapshot", all=1)
        return {name: self.registers.get(f"statistics_{name}") for name in STATISTICS}

    def status(self) -> tuple[str, ...]:
        """What is so now: names of `tapeout.hdl.card.layout.STATUS`."""
        return self.registers.flags("status")

    def errors(self) -> tuple[str, ...]:
        """What happened since the last call: names of `tapeout.hdl.card.layout.ERRORS`."""
        happened = self.registers.flags("errors")
        if happened:
            self.registers.put("errors", **dict.fromkeys(happened, 1))
        return happened

    def align(
        self, *, reads: int = READS, now_ns: Callable[[], int] = time.monotonic_ns
    ) -> Alignment:
        """How far the card's clock is ahead of the host's; see `tapeout.card.alignment.aligned`."""
        return aligned(self.registers, self.identity.clock_hz, reads, now_ns)

    def set_clock(
        self, *, reads: int = READS, now_ns: Callable[[], int] = time.time_ns
    ) -> Alignment:
        """Let the card's clock jump to the host's; what is still between them."""
        self.registers.put_wide("adjust", -self.align(reads=reads, now_ns=now_ns).offset_ns)
        return self.align(reads=reads, now_ns=now_ns)

    def kill(self, shut: bool = True) -> None:
        """Shut the gate, or open it: no order leaves while it is shut."""
        self.registers.put("kill", kill=int(shut))

    def trade(self, on: bool = True) -> None:
        """Let the card's own policy trade, or stop it; lines and instruments stay as they are."""
        self.registers.put("control", **self.registers.fields("control") | {"trade": int(on)})

    def gate(self, limits: dict[str, int]) -> None:
        """Limits of all orders together: a value for each of `GLOBAL_LIMITS`."""
        self.registers.put_each("gate", _whole("limits", limits, GLOBAL_LIMITS))

    def limits(self, slot: int, limits: dict[str, int]) -> None:
        """Limits of one slot: a value for each of `tapeout.hdl.pretrade.layout.LIMITS`."""
        self.registers.put_each("limit", _whole("limits", limits, LIMITS))
        self.registers.put("limit_write", slot=slot)

    def order(self, intent: dict[str, int]) -> None:
        """An order to be judged by the gate: a value for each of `INTENT`."""
        self.registers.put_each("order", _whole("intent", intent, INTENT))
        self.registers.put("order_send", all=1)


def _whole(name: str, values: dict[str, int], table: dict[str, int]) -> dict[str, int]:
    if missing := [field for field in table if field not in values]:
        raise DataError(f"{name} must give {', '.join(table)}; {', '.join(missing)} is missing")
    return values
