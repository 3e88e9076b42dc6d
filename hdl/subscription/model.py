"""Subscription in plain Python: stock locate to instrument, learned or told."""

from tapeout.hdl.itch.layout import Record
from tapeout.hdl.line.layout import Flag


class Subscription:
    """Instruments are numbered as they are learned; the host may say otherwise at any time."""

    def __init__(self, locates: int = 16384, instruments: int = 256) -> None:
        self.locates, self.instruments = locates, instruments
        self.known = dict[int, int]()  # locate -> instrument
        self.listing = dict[int, tuple[int, int]]()  # instrument -> symbol, locate
        self.learned, self.refused = 0, 0

    def look_up(self, locate: int) -> int | None:
        """The instrument, if the locate is subscribed."""
        return self.known.get(locate)

    def write(self, locate: int, instrument: int, subscribed: bool) -> None:
        """What the host says of a locate."""
        if locate < self.locates and subscribed:
            self.known[locate] = instrument
        elif locate < self.locates:
            self.known.pop(locate, None)

    def learn(self, record: Record) -> None:
        """A stock directory message of a locate not known takes the next instrument."""
        if record.type != ord("R") or not record.flags & Flag.WELL_FORMED:
            return
        if record.locate in self.known:
            return
        if record.locate >= self.locates or self.learned == self.instruments:
            self.refused += 1
            return
        self.known[record.locate] = self.learned
        self.listing[self.learned] = record.subject, record.locate
        self.learned += 1
