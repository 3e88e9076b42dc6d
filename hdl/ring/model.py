"""The ring of records: what is written where, what finds no place, and how the host is told."""

from collections import deque

from tapeout.hdl.card.layout import RECORD_BYTES, RING_BITS, Entry
from tapeout.hdl.top.layout import BookRecord

COUNT = 1 << 32  # counters wrap here


def overflow(count: int, arrival_ns: int) -> BookRecord:
    """The entry that stands where `count` were dropped, the first of `arrival_ns`."""
    return BookRecord(kind=Entry.OVERFLOW, subject=count, arrival_ns=arrival_ns)


class Ring:
    """Records wait, are written, and are counted once the memory has answered.

    The card decides when it reads what waits and when it writes: call `offer` for each cycle in
    which a record comes or what waits has moved, `write` for each record that it writes, `answer`
    for each response.

    Parameters
    ----------
    places : int
        Records that may wait on the card, one of them outside its memory; after a loss half of
        those inside must be free.
    bits : int
        The host's ring holds 2**bits records; not within `RING_BITS`: none is written.
    """

    def __init__(self, places: int, bits: int) -> None:
        self._places, self._bits = places, bits
        self._waiting, self._open = deque[BookRecord](), 0
        self._missing, self._first_ns = 0, 0
        self.producer = self.consumer = self.dropped = self.most = 0
        self.stopped = False

    def offer(self, record: BookRecord | None = None) -> None:
        """A record comes, or None; what is missing is told first, when it may be."""
        half = 1 + (self._places - 1) // 2
        place = len(self._waiting) < (half + 1 if self._missing else self._places)
        lost = record is not None and (self._missing > 0 or not place)
        self.dropped += lost
        if record is not None and not self._missing:
            self._first_ns = record.arrival_ns
        if self._missing and place:
            self._waiting.append(overflow(self._missing + lost, self._first_ns))
            self._missing = 0
        elif lost:
            self._missing += 1
        elif record is not None:
            self._waiting.append(record)

    def write(self) -> tuple[int, BookRecord] | None:
        """Bytes from the ring's start, and the entry that goes there; None if none may."""
        taken = (self.producer + self._open - self.consumer) % COUNT
        few, many = RING_BITS
        size = 1 << self._bits if few <= self._bits <= many else 0
        if self.stopped or not self._waiting or taken >= size:
            return None
        number = (self.producer + self._open) % size
        self._open += 1
        self.most = max(self.most, taken + 1)
        return number * RECORD_BYTES, self._waiting.popleft()

    def answer(self, refused: bool = False) -> None:
        """The memory has answered the oldest write; once it refused one, none counts."""
        self._open -= 1
        self.stopped |= refused
        if not self.stopped:
            self.producer = (self.producer + 1) % COUNT
