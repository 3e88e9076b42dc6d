"""What is known of a closed loop: messages on the wire, orders on their way, what came of them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tapeout.card.entries import Entries
from tapeout.hdl.card.layout import DECISION_PLACE, Entry
from tapeout.hdl.ouch.layout import BUY, INBOUND, OUTBOUND
from tapeout.hdl.ouch.model import decode
from tapeout.hdl.pretrade.layout import DECISION, Action, Reason

BITS = DECISION | {"because": 32}
Key = tuple[bool, int]  # of a message to the exchange: whether it cancels, and which order


class Ledger:
    """Joins what left the card with why it did, and what the exchange made of it.

    Attributes
    ----------
    ends : dict
        Message -> cycle of the word with its last byte.
    orders, decisions, reports : Counter
        Messages to the exchange, decisions by reason, messages of the exchange, by name.
    position : Counter
        Shares held, by symbol.
    traded : int
        Shares.
    ticks : int
        Received less paid, in 1/10,000 dollar.
    records : int
        Of books.
    """

    def __init__(self) -> None:
        self.ends = dict[int, int]()
        self.orders, self.reports, self.position = (Counter[str]() for _ in range(3))
        self.decisions = Counter({reason.name.lower(): 0 for reason in Reason})
        self.traded = self.ticks = self.records = 0
        self._because, self._first = dict[Key, int](), dict[Key, int]()
        self._messages = dict[int, int]()  # record -> message
        self._sides = dict[int, tuple[str, int]]()  # order -> symbol, 1 or -1

    def latency(self) -> npt.NDArray[np.int64]:
        """Cycles from the end of a message to the first word of what it led to, (M,)."""
        found = [
            first - self.ends[self._messages[self._because[key]]]
            for key, first in self._first.items()
            if self._because.get(key) in self._messages
        ]
        return np.array(found, np.int64)

    def left(self, cycle: int, message: bytes) -> None:
        """An order is on its way to the exchange, from this cycle on."""
        said = decode(INBOUND, message)
        kind, number = str(said["type"]), int(said["number"])
        self.orders[INBOUND[kind].name] += 1
        if kind == "O":
            self._sides[number] = str(said["symbol"]), 1 if said["side"] == BUY else -1
        elif kind == "U":
            self._sides[number] = self._sides[int(said["replaces"])]
        self._first[kind == "X", number] = cycle

    def reported(self, messages: Sequence[bytes]) -> None:
        """What the exchange says to the card."""
        for message in messages:
            said = decode(OUTBOUND, message)
            self.reports[OUTBOUND[str(said["type"])].name] += 1
            if said["type"] == "E":
                symbol, sign = self._sides[int(said["number"])]
                shares = int(said["quantity"])
                self.traded += shares
                self.position[symbol] += sign * shares
                self.ticks -= sign * shares * int(said["price"])

    def take(self, entries: Entries) -> None:
        """What the ring has brought."""
        books = entries[~np.isin(entries["kind"], list(Entry))]
        self.records += len(books)
        numbers, messages = books["number"].tolist(), books["sequence"].tolist()
        self._messages.update(zip(numbers, messages, strict=True))
        for entry in entries[entries["kind"] == Entry.DECISION]:
            made = decision(entry)
            self.decisions[Reason(made["reason"]).name.lower()] += 1
            if made["reason"] == Reason.ACCEPTED:
                cancels = made["action"] == Action.CANCEL
                key = cancels, made["replaces" if cancels else "number"]
                self._because[key] = made["because"]


def decision(entry: np.void) -> dict[str, int]:
    """The fields of an entry of kind `DECISION`."""
    return {
        name: int(entry[at]) >> low & (1 << BITS[name]) - 1
        for name, (at, low) in DECISION_PLACE.items()
    }
