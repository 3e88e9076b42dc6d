"""The exchange's OUCH port: a participant's orders rest in the books among the crowd's.

What comes in is OUCH, what goes out is OUCH to the participant and ITCH records for the feed. The
crowd plays on in the same books; told the records of what it did, the port finds the executions of
the participant's orders by their reference numbers.

Here and there it is simpler than Nasdaq, and it says more. A number used before is rejected, and so
is the replacement of an order that is not open, or that cannot be, so that its number is known to
be free; Nasdaq says nothing of them, and wants numbers to rise. Only day orders that are shown are
taken. The quantity of a replace is what shall be open then, whatever was executed before; that of a
cancel is what may stay open. A message that no rule fits is counted in `ignored`, and nothing is
said to it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tapeout.hdl.ouch.layout import (
    ADDED,
    BUY,
    INBOUND,
    LIVE,
    MOST_SHARES,
    OUTBOUND,
    PLAIN,
    REJECTED,
    REMOVED,
    SELL,
    SUPERVISORY,
    USER_REQUESTED,
)
from tapeout.hdl.ouch.model import Fields, decode, encode
from tapeout.kernels.tape.record import RECORD_DTYPE, Records, timestamp
from tapeout.sim.exchange import matching
from tapeout.sim.exchange.matching import ASK, BID, NEXT_REFERENCE, OWNED, Exchange, price_of

ECHOED = ("side", "symbol", "time_in_force", "display", "capacity", "sweep", "cross", "client_id")
FARTHEST = 1 << 62  # more shares than any order has
ORDER_RECORDS = {letter: ord(letter) for letter in "ECXDU"}


class Answer(NamedTuple):
    """What the exchange says to one message: to its sender, and on the feed."""

    messages: list[bytes]
    records: Records


@dataclass
class _Order:
    """An open order of the participant."""

    said: Fields  # how it was entered; replacements change it
    instrument: int
    side: int
    level: int
    left: int
    reference: int


class Port:
    """The OUCH port of one participant.

    Parameters
    ----------
    books : Exchange
        Where all orders rest; the crowd's flow may play in them between two calls.
    symbols : list of str
        Of its instruments.

    Attributes
    ----------
    ignored : int
        Messages to which nothing was said.
    """

    def __init__(self, books: Exchange, symbols: list[str]) -> None:
        self.ignored = 0
        self._books, self._places = books, {symbol: n for n, symbol in enumerate(symbols)}
        self._open = dict[int, _Order]()  # by number
        self._numbers = dict[int, int]()  # reference -> number
        self._used = set[int]()

    @property
    def open(self) -> dict[int, int]:
        """Shares left of each open order, by its number."""
        return {number: order.left for number, order in self._open.items()}

    def system_event(self, event: str, now_ns: int) -> bytes:
        """The message that the day starts (S) or ends (E)."""
        return encode(OUTBOUND, "S", timestamp=now_ns, event=event)

    def receive(self, message: bytes, now_ns: int) -> Answer:
        """One OUCH message comes in at `now_ns`, in ns since midnight.

        An order that can trade does so at once; what is left of it rests.
        """
        nothing = Answer([], np.zeros(0, RECORD_DTYPE))
        try:
            said = decode(INBOUND, message)
        except ValueError:
            self.ignored += 1
            return nothing
        act = {"O": self._enter, "U": self._replace, "X": self._cancel}[str(said["type"])]
        answer = act(said, now_ns)
        self.ignored += answer is None
        return answer or nothing

    def met(self, records: Records) -> list[bytes]:
        """What the participant is told of what the crowd did, in order.

        Whoever else cancels or moves an order of the participant acts for the exchange.
        """
        if not self._numbers:
            return []
        own = np.isin(records["type"], [*ORDER_RECORDS.values()])
        own &= np.isin(records["subject"], np.array([*self._numbers], records["subject"].dtype))
        told = []
        for record in records[own]:
            number = self._numbers.get(int(record["subject"]))
            if number is not None:
                told.append(self._touched(number, record))
        return told

    def _touched(self, number: int, record: np.void) -> bytes:
        """One record of an open order that its owner did not ask for."""
        order, letter = self._open[number], chr(record["type"])
        about = {"timestamp": int(timestamp(np.atleast_1d(record))[0]), "number": number}
        part = letter in "ECX"
        shares = min(int(record["shares"]), order.left) if part else order.left
        self._less(number, shares)
        if letter not in "EC":
            return encode(OUTBOUND, "C", **about, quantity=shares, reason=SUPERVISORY)
        price = int(price_of(self._books, order.instrument, order.level))
        return encode(
            OUTBOUND, "E", **about, quantity=shares, price=price, liquidity=ADDED,
            match=int(record["other"]),
        )  # fmt: skip

    def _enter(self, said: Fields, now_ns: int) -> Answer | None:
        number, reason = int(said["number"]), self._wrong(said)
        if reason:
            return Answer([self._reject(said, reason, now_ns)], np.zeros(0, RECORD_DTYPE))
        self._used.add(number)
        n = self._places[str(said["symbol"])]
        side = BID if said["side"] == BUY else ASK
        order = _Order(said, n, side, self._level(n, int(said["price"])), int(said["quantity"]), 0)
        return self._trade(number, order, now_ns, np.zeros(0, RECORD_DTYPE))

    def _reject(self, said: Fields, reason: str, now_ns: int) -> bytes:
        return encode(
            OUTBOUND, "J", timestamp=now_ns, number=said["number"], reason=REJECTED[reason],
            client_id=said["client_id"],
        )  # fmt: skip

    def _wrong(self, said: Fields) -> str | None:
        """The first rule that an order to be entered breaks."""
        n = self._places.get(str(said["symbol"]))
        if int(said["number"]) in self._used:
            return "other"
        if n is None:
            return "symbol"
        if said["side"] not in (BUY, SELL):
            return "side"
        if any(said[name] != PLAIN[name] for name in ("time_in_force", "display", "cross")):
            return "other"
        return self._misfit(n, said)

    def _misfit(self, n: int, said: Fields) -> str | None:
        if not 0 < int(said["quantity"]) <= MOST_SHARES:
            return "quantity"
        if not 0 <= self._level(n, int(said["price"])) < self._books.levels.shape[2]:
            return "price"
        return "other" if matching.is_full(self._books, n) else None

    def _level(self, n: int, price: int) -> int:
        """The level of a price; -1 of one that is between two ticks."""
        tick = int(self._books.tick[n])
        return -1 if price % tick else price // tick - int(self._books.floor[n])

    def _replace(self, said: Fields, now_ns: int) -> Answer | None:
        old, number = int(said["replaces"]), int(said["number"])
        order, out = self._open.get(old), np.zeros(1, RECORD_DTYPE)
        if number in self._used:
            return None
        if order is None:
            return Answer([self._reject(said, "other", now_ns)], out[:0])
        reason = self._misfit(order.instrument, said)
        if reason in ("quantity", "price"):
            gone = self._cancel({"number": old, "quantity": 0}, now_ns)
            assert gone is not None
            return gone._replace(messages=[*gone.messages, self._reject(said, reason, now_ns)])
        self._used.add(number)
        kept = {name: order.said[name] for name in order.said if name not in said}
        level, shares = self._level(order.instrument, int(said["price"])), int(said["quantity"])
        new = _Order(kept | said, order.instrument, order.side, level, shares, 0)
        books, place = self._books, self._place(order)
        self._less(old, order.left)
        if matching.crosses(books, new.instrument, new.side, level):
            matching.cancel(books, place, FARTHEST, now_ns, out, 0)
            return self._trade(number, new, now_ns, out, old)
        told = self._taken(number, new, now_ns, old)
        matching.replace(books, place, level, shares, now_ns, out, 0)
        self._own(new.instrument, out["other"])
        return Answer([told], out)

    def _taken(self, number: int, order: _Order, now_ns: int, old: int | None) -> bytes:
        """Accepted, or replaced, under the next reference; the order is open from here on."""
        order.reference = OWNED + int(self._books.numbers[NEXT_REFERENCE])
        self._open[number], self._numbers[order.reference] = order, number
        kind: dict[str, int | str] = (
            {"kind": "A"} if old is None else {"kind": "U", "replaces": old}
        )
        return encode(
            OUTBOUND, **kind, timestamp=now_ns, number=number, quantity=order.left,
            price=int(order.said["price"]), reference=order.reference, state=LIVE,
            **{name: order.said[name] for name in ECHOED},
        )  # fmt: skip

    def _trade(
        self, number: int, order: _Order, now_ns: int, before: Records, old: int | None = None
    ) -> Answer:
        """The order is taken; it trades with what it crosses, and what is left of it rests."""
        books, n = self._books, order.instrument
        told = [self._taken(number, order, now_ns, old)]
        out, row = np.zeros(int(books.count[n]) + 2, RECORD_DTYPE), 0
        while order.left and matching.crosses(books, n, order.side, order.level):
            price = int(price_of(books, n, int(books.best[n, 1 - order.side])))
            left, row = matching.match(
                books, n, order.side, order.level, order.left, now_ns, 1, out, row
            )
            shares, match = order.left - int(left), int(out[row - 1]["other"])
            told.append(
                encode(
                    OUTBOUND, "E", timestamp=now_ns, number=number, quantity=shares, price=price,
                    liquidity=REMOVED, match=match,
                )
            )  # fmt: skip
            self._less(number, shares)
            told += self.met(out[row - 1 : row])
        if order.left:
            row = matching.enter(books, n, order.side, order.level, order.left, now_ns, 0, out, row)
            self._own(n, out["subject"][row - 1 : row])
        else:
            books.numbers[NEXT_REFERENCE] += 1  # it was told: no other order may have it
        return Answer(told, np.concatenate([before, out[:row]]))

    def _own(self, n: int, reference: Any) -> None:
        """The newest order of instrument `n` is owned, and named so where it is told."""
        reference += OWNED
        self._books.orders["reference"][matching.newest(self._books, n, 0)] += OWNED

    def _cancel(self, said: Fields, now_ns: int) -> Answer | None:
        number = int(said["number"])
        order, out = self._open.get(number), np.zeros(1, RECORD_DTYPE)
        if order is None or order.left <= int(said["quantity"]):
            return None
        shares = order.left - int(said["quantity"])
        matching.cancel(self._books, self._place(order), shares, now_ns, out, 0)
        self._less(number, shares)
        told = encode(
            OUTBOUND, "C", timestamp=now_ns, number=number, quantity=shares, reason=USER_REQUESTED
        )
        return Answer([told], out)

    def _place(self, order: _Order) -> int:
        """Where in the pool of orders it is."""
        books, n = self._books, order.instrument
        live = books.live[books.start[n] : books.start[n] + books.count[n]]
        found = np.flatnonzero(books.orders["reference"][live] == order.reference)
        return int(live[found[0]])

    def _less(self, number: int, shares: int) -> None:
        """So many shares are no longer open."""
        order = self._open[number]
        order.left -= shares
        if not order.left:
            del self._open[number], self._numbers[order.reference]
