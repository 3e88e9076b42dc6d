"""What was wrong with a source, in words: how often, where first, and what was done about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tapeout.feed.capture import Block
from tapeout.hdl.layout import TREATMENTS, Fault
from tapeout.kernels.tape.faults import BEFORE, BYTE, COUNT, MESSAGE, PACKET, Ledger


class Place(NamedTuple):
    """Where a packet stands in one of several captures."""

    path: Path
    packet: int
    byte: int


@dataclass(frozen=True)
class Finding:
    """One kind of fault met in a source; places count packets and messages from 1, bytes from 0.

    `path` is the capture it was first met in, where several were read together.
    """

    fault: Fault
    count: int
    packet: int | None
    byte: int | None
    message: int | None
    path: Path | None = None

    @property
    def stops(self) -> bool:
        """Whether a strict reader stops here."""
        return TREATMENTS[self.fault].stops

    @property
    def where(self) -> str:
        """The place of the first one, as far as it is known."""
        places = (("packet", self.packet), ("byte", self.byte), ("message", self.message))
        where = ", ".join(f"{name} {at:,}" for name, at in places if at is not None) or "unknown"
        return f"{where} of {self.path}" if self.path else where

    def __str__(self) -> str:
        treatment = TREATMENTS[self.fault]
        return f"{self.count:,} {treatment.what} (first at {self.where}): {treatment.done}"


def findings(log: Ledger, places: Mapping[Fault, Place] | None = None) -> list[Finding]:
    """Every fault that was met, in the order of the way from wire to book.

    `places` are those of faults first met in one of several captures.
    """
    return [_finding(log, fault, (places or {}).get(fault)) for fault in Fault if log[fault, COUNT]]


def add(log: Ledger, places: dict[Fault, Place], path: Path, more: Ledger) -> None:
    """Add what was wrong with another capture, at `path`, to a ledger and its places."""
    for found in findings(more):
        if not log[found.fault, COUNT]:
            packet, byte = (int(more[found.fault, at]) for at in (PACKET, BYTE))
            log[found.fault, PACKET], log[found.fault, BYTE] = packet, byte
            places[found.fault] = Place(path, packet, byte)
        log[found.fault, COUNT] += found.count


def place(log: Ledger, places: dict[Fault, Place], block: Block, paths: Sequence[Path]) -> None:
    """Say of the faults first met in a block of several captures in which of them that was."""
    for fault in Fault:
        index = int(log[fault, PACKET] - log[BEFORE, PACKET])
        if log[fault, COUNT] and fault not in places and index >= 0 and block.places is not None:
            packet, (number, start) = block.packets[index], (int(n) for n in block.places[index])
            within = int(log[fault, BYTE]) - int(packet["start"])
            places[fault] = Place(paths[int(packet["source"])], number, start + within)


def _finding(log: Ledger, fault: Fault, place: Place | None) -> Finding:
    packet, byte, message = (int(log[fault, at]) for at in (PACKET, BYTE, MESSAGE))
    if place is not None:
        packet, byte = place.packet, place.byte
    return Finding(
        fault,
        int(log[fault, COUNT]),
        packet + 1 if packet >= 0 else None,
        byte if byte >= 0 else None,
        message + 1 if message >= 0 else None,
        place.path if place else None,
    )
