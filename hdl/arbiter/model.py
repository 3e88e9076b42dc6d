"""Arbitration in plain Python: what leaves for what is begun, taken and given up."""

from tapeout.hdl.arbiter.layout import WANTED
from tapeout.hdl.itch.layout import Record
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.moldudp.layout import END_OF_SESSION, HEARTBEAT


class Arbiter:
    """Each number of a session once and in order, from whichever line has it first.

    A message that is ahead of the number waited for is not taken, nor is a heartbeat or an end of
    session: it waits at the head of its line until the other has brought what is missing, or until
    that is given up.
    """

    def __init__(self, wanted: frozenset[str] = WANTED, start: int | None = None) -> None:
        self.session: tuple[int, int] | None = None
        self.begun, self.expected, self.ended = 0, 0, False
        self.first, self.repeated, self.foreign = [0, 0], [0, 0], [0, 0]
        self.delivered, self.unwanted, self.gaps, self.lost, self.sessions = 0, 0, 0, 0, 0
        self._wanted, self._start = {ord(kind) for kind in wanted}, start
        self._next: list[int | None] = [None, None]  # None of a line in a packet not taken

    def begin(self, record: Record) -> list[Record]:
        """The session of `record`, a packet at the head of its line, begins: no other is on."""
        if not self._free(record):
            raise ValueError(f"session must be at its end; it waits for {self.expected}")
        number = record.sequence if self._start is None else self._start
        self.session = record.subject, record.locate
        self.begun, self.expected, self.ended = number, number, False
        self._start, self._next = None, [None, None]
        self.sessions += 1
        return []

    def take(self, line: int, record: Record) -> list[Record]:
        """What leaves when `record` is taken from `line`: itself, or nothing.

        Raises
        ------
        ValueError
            "record must not be ahead of 7; got 9"
        """
        if record.flags & Flag.PACKET:
            self._packet(line, record)
            return []
        number = self._next[line]
        if number is None:
            self.foreign[line] += 1
            return []
        self._next[line] = number + 1
        if number < self.expected:
            self.repeated[line] += 1
            return []
        self._reached(number)
        self.expected += 1
        self.first[line] += 1
        self.delivered += 1
        if record.type in self._wanted and record.flags & Flag.WELL_FORMED:
            return [record]
        self.unwanted += 1
        return []

    def give_up(self, record: Record) -> list[Record]:
        """The gap before `record`, which waits at the head of its line."""
        lost = record.sequence - self.expected
        if lost <= 0:
            raise ValueError(f"record must be ahead of {self.expected}; got {record.sequence}")
        gap = Record(self.expected, record.arrival_ns, subject=lost, flags=Flag.GAP)
        self.gaps, self.lost, self.expected = self.gaps + 1, self.lost + lost, record.sequence
        return [gap]

    def reads(self, line: int) -> bool:
        """Whether a line is in a packet of the session."""
        return self._next[line] is not None

    def _packet(self, line: int, record: Record) -> None:
        if self._free(record):
            raise ValueError("record must begin a session before it is taken")
        if (record.subject, record.locate) != self.session:
            self._next[line] = None
            return
        self._next[line] = record.sequence
        if record.length in (HEARTBEAT, END_OF_SESSION):
            self._reached(record.sequence)
            self.ended |= record.length == END_OF_SESSION

    def _free(self, record: Record) -> bool:
        """Whether a packet is of a session that may begin."""
        session = record.subject, record.locate
        return self.session is None or (session != self.session and self.ended)

    def _reached(self, number: int) -> None:
        if number > self.expected:
            raise ValueError(f"record must not be ahead of {self.expected}; got {number}")
