"""Golden model of the level rows: whole books, and how many of their best levels a row knows."""

from collections import Counter, defaultdict
from typing import NamedTuple

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.levels.layout import LEVELS

ENTERS = frozenset({Kind.ADD, Kind.REPLACE_IN})
LEAVES = frozenset({Kind.CANCEL, Kind.DELETE, Kind.EXECUTE, Kind.REPLACE_OUT})
MOST_LOTS = 2**32 - 1


class Update(NamedTuple):
    """What a change did, as `tapeout.hdl.levels.layout.UPDATE` says."""

    at: int = 0
    levels: int = 0
    incomplete: int = 0
    best_changed: int = 0
    best_price: int = 0
    best_lots: int = 0
    level_lots: int = 0


class Rows:
    """The best levels of every row. `books` are whole: all that was ever put and not taken.

    A row knows the `known[row]` best levels of its book, at most `levels`. Once a level has fallen
    out, or came in beyond a full row, `row in spill`: until a refill finds that nothing is there,
    only what is better than the last known level can be told to be next to it.
    """

    def __init__(self, levels: int = LEVELS) -> None:
        self.levels = levels
        self.books: dict[int, dict[int, int]] = defaultdict(dict)
        self.known: Counter[int] = Counter()
        self.spill: set[int] = set()
        self.lost = 0
        self.overflowed = False

    def depth(self, row: int) -> list[tuple[int, int]]:
        """The known prices with their lots, best first."""
        return self._ladder(row)[: self.known[row]]

    def apply(self, kind: int, row: int, price: int, lots: int) -> Update:
        """Fold one change in; `overflowed` then says whether lots of a known level are wrong."""
        self.overflowed = False
        if kind in ENTERS:
            at = self._put(row, price, lots)
        elif kind in LEAVES:
            at = self._take(row, price, lots)
        else:
            return Update()
        best_price, best_lots = (*self.depth(row), (0, 0))[0]
        return Update(
            at,
            self.known[row],
            int(row in self.spill and self.known[row] < self.levels),
            int(at == 0),
            best_price,
            best_lots,
            0 if at == self.levels else self.books[row].get(price, 0),
        )

    def refill(self, row: int) -> None:
        """Learn the next level of a row, or that there is none."""
        if len(self.books[row]) == self.known[row]:
            self.spill.discard(row)
        elif self.known[row] < self.levels:
            self.known[row] += 1

    def _ladder(self, row: int) -> list[tuple[int, int]]:
        return sorted(self.books[row].items(), reverse=row % 2 == 0)

    def _place(self, row: int, price: int) -> int:
        """How many prices of the book are better."""
        return sum(other < price if row % 2 else other > price for other in self.books[row])

    def _put(self, row: int, price: int, lots: int) -> int:
        book, place, known = self.books[row], self._place(row, price), self.known[row]
        new, inside = price not in book, place < known
        self.overflowed = inside and not new and book[price] + lots > MOST_LOTS
        book[price] = (book.get(price, 0) + lots) & MOST_LOTS
        if new and known == self.levels:
            self.spill.add(row)
        if new and (inside or row not in self.spill):
            self.known[row] = min(known + 1, self.levels)
        return place if place < self.known[row] else self.levels

    def _take(self, row: int, price: int, lots: int) -> int:
        book, place, known = self.books[row], self._place(row, price), self.known[row]
        if price not in book:
            self.lost += place < known or row not in self.spill
            return self.levels
        self.overflowed = place < known and lots > book[price]
        book[price] = (book[price] - lots) & MOST_LOTS
        if not book[price]:
            del book[price]
            self.known[row] -= place < known
        return place if place < known else self.levels
