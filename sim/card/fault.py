"""What goes wrong with a simulated card on request, and when."""

from typing import NamedTuple

#: Kind -> what happens when so many entries (of `checksum`: frames) were good.
FAULTS = {
    "stall": "the clock stops: nothing is written any more, and no register answers",
    "reset": "the card is as after power-up",
    "lie": "one bit of the next entry is turned on its way to the host",
    "skip": "the lowest bit of the next entry's number is turned",
    "overflow": "what the host has done with is not told, until the card has dropped entries",
    "checksum": "the next frame is received badly",
}
PRICE_AT = 40  # bytes into an entry
LIES = {"lie": PRICE_AT, "skip": 0}  # byte of the entry whose lowest bit is turned


class Fault(NamedTuple):
    """A kind of `FAULTS`, and how many entries or frames are good before it."""

    kind: str
    after: int


def read_fault(text: str) -> Fault:
    """A fault as one types it, like "stall:1000".

    Raises
    ------
    ValueError
        "fault must be one of stall, reset, ... and a count, like stall:1000; got 'fire'"
    """
    kind, _, after = text.partition(":")
    if kind not in FAULTS or not after.isdecimal():
        raise ValueError(
            f"fault must be one of {', '.join(FAULTS)} and a count, like stall:1000; got {text!r}"
        )
    return Fault(kind, int(after))
