"""What was wrong with a source, in words: how often, where first, and what was done about it."""

from dataclasses import dataclass

from tapeout.hdl.layout import TREATMENTS, Fault
from tapeout.kernels.tape.faults import BYTE, COUNT, MESSAGE, PACKET, Ledger


@dataclass(frozen=True)
class Finding:
    """One kind of fault met in a source; places count packets and messages from 1, bytes from 0."""

    fault: Fault
    count: int
    packet: int | None
    byte: int | None
    message: int | None

    @property
    def stops(self) -> bool:
        """Whether a strict reader stops here."""
        return TREATMENTS[self.fault].stops

    @property
    def where(self) -> str:
        """The place of the first one, as far as it is known."""
        places = (("packet", self.packet), ("byte", self.byte), ("message", self.message))
        return ", ".join(f"{name} {at:,}" for name, at in places if at is not None) or "unknown"

    def __str__(self) -> str:
        treatment = TREATMENTS[self.fault]
        return f"{self.count:,} {treatment.what} (first at {self.where}): {treatment.done}"


def findings(log: Ledger) -> list[Finding]:
    """Every fault that was met, in the order of the way from wire to book."""
    return [_finding(log, fault) for fault in Fault if log[fault, COUNT]]


def _finding(log: Ledger, fault: Fault) -> Finding:
    packet, byte, message = (int(log[fault, at]) for at in (PACKET, BYTE, MESSAGE))
    return Finding(
        fault,
        int(log[fault, COUNT]),
        packet + 1 if packet >= 0 else None,
        byte if byte >= 0 else None,
        message + 1 if message >= 0 else None,
    )
