"""Golden model of the quotes: what one cycle's record and limit do to the best prices of a slot."""

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.pretrade.layout import SLOTS
from tapeout.hdl.pretrade.model import Quote
from tapeout.hdl.top.layout import BookRecord, Mark

LEVEL_KINDS = range(Kind.ADD, Kind.REPLACE_IN + 1)


class Quotes:
    """Best bid and offer of each slot. At most one quote leaves a cycle.

    Attributes
    ----------
    rows : list of Quote
        What is known now.
    """

    def __init__(self) -> None:
        self.rows = [Quote(slot) for slot in range(SLOTS)]
        self._locates = dict[int, int]()  # slot -> locate
        self._waits = set[int]()  # slots about which something is to be told yet
        self._turn = 0

    def step(
        self, record: BookRecord | None = None, limit: tuple[int, int] | None = None
    ) -> Quote | None:
        """One cycle: a limit (slot, locate) counts before the record that comes with it.

        In a cycle whose record could change no quote a slot has its turn; it is told if it has
        waited since an earlier cycle.
        """
        waited = set(self._waits)
        if limit:
            self._point(*limit)
        row = self._row(record) if record else None
        if row is not None:
            before, self.rows[row.slot] = self.rows[row.slot], row
            return row if row != before else None
        turn, self._turn = self._turn, (self._turn + 1) % SLOTS
        if turn not in waited:
            return None
        self._waits.discard(turn)
        return self.rows[turn]

    def drain(self) -> list[Quote]:
        """What is still to be told, as if no record came."""
        return [quote for _ in range(SLOTS) if (quote := self.step())]

    def _point(self, slot: int, locate: int) -> None:
        """The slot follows this locate and no other, and no other slot does."""
        emptied = {other for other, its in self._locates.items() if its == locate} | {slot}
        for other in emptied:
            self.rows[other] = Quote(other)
            self._locates.pop(other, None)
        self._locates[slot] = locate
        self._waits |= emptied

    def _row(self, record: BookRecord) -> Quote | None:
        """The slot's quote after a record that could change one."""
        if record.kind == Kind.GAP:
            self._waits |= {row.slot for row in self.rows if not row.stale}
            self.rows = [row._replace(stale=1) for row in self.rows]
            return None
        slot = next((s for s, its in self._locates.items() if its == record.locate), None)
        if slot is None:
            return None
        row, stale = self.rows[slot], bool(record.flags & Mark.STALE)
        if record.kind not in LEVEL_KINDS:
            return row._replace(stale=1) if stale and not row.stale else None
        unknown = bool(record.flags & Mark.INCOMPLETE) and not record.levels
        price, lots = (0, 0) if unknown else (record.best_price, record.best_lots)
        if record.flags & Mark.ASK:
            row = row._replace(ask=price, ask_lots=lots)
        else:
            row = row._replace(bid=price, bid_lots=lots)
        return row._replace(stale=row.stale | stale)
