"""Plays of whole streams on a card that is stepped: for the tests, and for what they cover."""

import random
from collections import Counter

from tapeout.card.driver import Card
from tapeout.card.entries import book_records
from tapeout.hdl.arbiter.model import Arbiter
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.card.layout import DECISION_PLACE, FRACTION, LINE_RATE, Entry
from tapeout.hdl.itch.model import encode
from tapeout.hdl.line.model import Frame, Line
from tapeout.hdl.net.layout import beats
from tapeout.hdl.ouch.layout import INBOUND, OUTBOUND
from tapeout.hdl.ouch.model import Decoder, order
from tapeout.hdl.ouch.model import Intent as Sent
from tapeout.hdl.ouch.model import decode as ouch_decode
from tapeout.hdl.ouch.model import encode as ouch
from tapeout.hdl.pretrade.layout import DECISION, INTENT, NAME_BITS, Action, Outcome, Reason
from tapeout.hdl.pretrade.model import (
    GlobalLimits,
    Intent,
    Limits,
    Quote,
    Report,
    State,
    decide,
    kill,
    limit,
    limit_all,
    quote,
    report,
)
from tapeout.hdl.quotes.model import Quotes
from tapeout.hdl.top.model import Feed as Golden
from tapeout.hdl.top.model import agrees, one_line
from tapeout.sim.whole.packets import BETWEEN, busy, day, framed, mixed, packets
from tapeout.sim.whole.play import Ledger, digest_of

NAMES = range(1, 13)
ENTRY = 10  # cycles in which the ring has written an entry, and told so
PIECE = 100  # packets that are sent at once
SKEW = 40  # cycles that line b is behind
LOST = 0.03  # of the packets of one line
HEADERS = 74  # bytes before the first message, at most
PATIENCE_S = 600  # for a card whose every line is counted, on a machine that does other things
SETTLED = 4_000  # cycles until all has left that came


def frames(count, seed, often=0.02, most=30, few=False):
    """(number, messages) of each packet, its frame: of a day with messages of every type.

    Or, if they shall be about `few` orders, of these.
    """
    rng = random.Random(seed)
    told = [*busy(count, seed)] if few else [*mixed(day(count, seed), rng, often=often)]
    return [(*one, framed(*one, tags=rng.randrange(3))) for one in packets(told, rng, most)]


class Truth:
    """What the golden model makes of the frames of one line that lacks nothing, or does.

    `refused` are the orders that the card's table had no place for, as the card says.
    """

    def __init__(self, locates=NAMES, refused=()):
        self.feed, self._line, self._arbiter = Golden(set(locates), refused), Line(), Arbiter()

    @property
    def messages(self):
        """How many came, each once."""
        return self._arbiter.delivered

    @property
    def lost(self):
        """How many did not."""
        return self._arbiter.lost

    def hear(self, frame):
        """The records of a frame, behind those of what is missing before it."""
        (made,) = one_line([frame], self.feed, self._line, self._arbiter)
        return made


class Bench:
    """A started card whose clock moves when it is told to, and all that came out of its ring."""

    def __init__(self, board, *, bits=14, lines="a", locates=NAMES):
        board.power_up()
        self.board, self.made, self.left = board, [], []
        self.card = Card(board, bits=bits, wait=lambda seconds: board.step(board.cycle + 1_000))
        self.begin(lines, locates)

    def begin(self, lines, locates=NAMES):
        """A new day."""
        self.card.start(lines=lines, patience_s=PATIENCE_S)
        self.card.listen(locates)

    def step(self, cycles):
        """Let time pass; what left for the exchange in it is kept."""
        self.left += self.board.step(self.board.cycle + cycles)

    def take(self):
        """What is new in the ring."""
        new = book_records(self.card.records())
        self.made += new
        return new

    def send(self, a, b=(), due=None):
        """Frames on the lines, `b` behind `a`; until all have come."""
        due = due or [0] * len(a)
        for line, some, late in (("a", a, 0), ("b", b, SKEW)):
            here = [(one, when) for one, when in zip(some, due, strict=False) if one]
            if here:
                self.board.wire(line, [one for one, _ in here], [when + late for _, when in here])
        self.board.step(max(self.board._free.values()))

    def settle(self, cycles=SETTLED):
        """Until nothing more comes by itself."""
        self.step(cycles)
        while self.take():
            self.step(cycles)

    def paced(self, sent, entries):
        """The cycle for each frame: none before the ring had time for the entries before it."""
        due, at = [], self.board.cycle
        for frame, count in zip(sent, entries, strict=True):
            due.append(at)
            at += max(len(beats(frame)) + BETWEEN, ENTRY * count)
        return due


def two_lines(bench, told, seed):
    """Packets on two lines that lose and damage some, never both; the records, and the twin's."""
    rng, truth, true = random.Random(seed + 1), Truth(), []
    for at in range(0, len(told), PIECE):
        a, b, counts, piece = [], [], [], told[at : at + PIECE]
        for place, (*_, wire) in enumerate(piece, at):
            records = truth.hear(Frame(wire))
            true += records
            counts.append(len(records))
            luck = rng.random() if 0 < place < len(told) - 1 else 1.0  # where it begins, both tell
            a.append(_came(wire, luck, rng))
            b.append(_came(wire, luck - LOST, rng))
        bench.send(a, b, bench.paced([wire for *_, wire in piece], counts))
        bench.take()
    bench.settle()
    return bench.made, true, truth


def _came(wire, luck, rng):
    """A frame as it comes: not at all, damaged, or well."""
    if not 0 <= luck < LOST:
        return Frame(wire)
    return Frame(wire, error=True) if rng.random() < 0.5 else None


def _turned(wire, rng):
    """A frame of which a bit of a message was turned on the way: its end says so."""
    at = rng.randrange(HEADERS, len(wire))
    wrong = wire[at] ^ 1 << rng.randrange(8)
    return Frame(wire[:at] + bytes([wrong]) + wire[at + 1 :], error=True)


def troubled(bench, told, seed):
    """One line that turns bits, a memory that stalls, a host that looks away; and what is true.

    A frame is let in as it comes: messages before its last word have left when that says that a bit
    was turned, as the model of a line says, too.
    """
    rng, truth, true = random.Random(seed + 2), Truth(), []
    for at in range(0, len(told), 10):
        sent = [
            _turned(wire, rng) if at and rng.random() < 0.05 else Frame(wire)
            for *_, wire in told[at : at + 10]
        ]
        records = [truth.hear(frame) for frame in sent]
        true += [one for some in records for one in some]
        hurried = rng.random() < 0.3  # back to back, whatever the ring has time for
        due = None if hurried else bench.paced([one.wire for one in sent], map(len, records))
        bench.board.host_memory(rng.choice([0, 0, 300]), rng.choice([0, 0, 60, 200]), 0)
        bench.send(sent, due=due)
        if rng.random() < 0.9:  # else the host looks away
            bench.take()
    bench.board.host_memory(0, 0, 0)
    first, messages, _ = told[-1]
    last = Frame(framed(first + len(messages), []))  # a heartbeat tells what the tail was
    true += truth.hear(last)
    bench.send([last])
    bench.settle()
    return bench.made, true, truth


def equal(made, true):
    """Every record once, in order, the twin's but for when it came; both books the same.

    Raises
    ------
    AssertionError
        With the first that differs.
    """
    assert [one.number for one in made] == list(range(1, len(true) + 1))
    for one, other in zip(made, true, strict=True):
        assert agrees(one._replace(arrival_ns=0), other._replace(arrival_ns=0)), (one, other)


def same_books(made, truth):
    """Books of nothing but records are the model's, and not empty."""
    ledger = Ledger()
    ledger.add(made)
    assert ledger.digest() == digest_of(truth.feed.books) != 0


def accounted(made, true):
    """Records are the twin's, each once; as many are missing in a place as an entry tells there.

    Returns how many those were, and how many entries told.
    """
    last, told, missing, entries = 0, 0, 0, 0
    for one in made:
        if one.kind == Entry.OVERFLOW:
            told += one.subject
            entries += 1
            continue
        other = true[one.number - 1]
        assert agrees(one._replace(arrival_ns=0), other._replace(arrival_ns=0)), (one, other)
        assert one.number == last + told + 1, "what is missing, and only that, was told before"
        last, missing, told = one.number, missing + told, 0
    assert last + told == len(true)
    return missing + told, entries


def gaps(made):
    """Messages that records tell lost."""
    return sum(one.subject for one in made if one.kind == Kind.GAP)


SHARES = 100  # of an order of the policy
BID, ASK, BOOKS = 1_000_000, 1_000_200, 4
LIMITED = {
    "restricted": 0, "collar": 500, "max_shares": 300, "max_notional": 4_000, "max_position": 400,
}  # fmt: skip
OPEN_LIMITS = dict.fromkeys(LIMITED, (1 << 31) - 1) | {"restricted": 0}
GATES = (  # of odd days, of even ones
    {"max_gross": 60_000, "rate_cycles": 3_000, "rate_burst": 2, "repeat_cycles": 5_000},
    {"max_gross": 14_000, "rate_cycles": 50, "rate_burst": 9, "repeat_cycles": 20_000},
)
FREE = {"max_gross": (1 << 32) - 1, "rate_cycles": 1, "rate_burst": 255, "repeat_cycles": 0}
SIZES = [0, 1, 1, 10, 10, 50, 50, 100, 100, 100, 100, 250, 250, 300, 301]
PRICES = [0, *[BID, ASK] * 5, BID - 100, BID - 100, BID - 501, ASK + 501]
SYMBOL = int.from_bytes(b"SLOT    ")
MANY = 60  # messages of a frame
HEARD, JUDGED = 300, 100  # cycles in which a frame, or an order and its entry, are through
DAY = 300  # orders between two resets


class Desk:
    """A card's way for orders with the model of its gate beside it, and an exchange that is ours.

    Attributes
    ----------
    decisions : Counter
        By reason, of this day.
    executed : int
        Executions told to the card.
    """

    def __init__(self, bench, seed):
        self.bench, self.rng, self.executed, self._days = bench, random.Random(seed), 0, 0
        self.begin()

    def begin(self):
        """A new day: books with a price on either side, limits, an open gate."""
        bench = self.bench
        bench.begin("a")
        bench.made, bench.left, self.decisions = [], [], Counter()
        self._state, self._quotes, self._decoder = State(), Quotes(), Decoder()
        self._message, self._reference, self._number = 1, 0, 0
        self._orders, self._leaning = {}, {}
        for slot in range(BOOKS):
            self.limit(slot, LIMITED)
        self.gate(GATES[self._days % 2])
        self.kill(False)
        self._days += 1

    def gate(self, limits):
        """Limits of all orders; none was accepted before."""
        self.bench.card.gate(limits)
        self._state = limit_all(self._state, GlobalLimits(**limits), 0)

    def kill(self, shut):
        """The switch; what comes from now on is judged by it."""
        self.bench.card.kill(shut)
        self._state = kill(self._state, shut)

    def limit(self, slot, values):
        """Limits of a slot, whose book gets an order on either side: its quote is known again."""
        values = values | {
            "locate": slot + 1, "symbol_low": SYMBOL & 0xFFFFFFFF, "symbol_high": SYMBOL >> 32,
        }  # fmt: skip
        self.bench.card.limits(slot, values)
        self._quotes.step(limit=(slot, slot + 1))
        self._state = limit(self._state, slot, Limits(**values))
        self.hear(self.quoted(slot, 100, 100))

    def quoted(self, slot, *shares):
        """Messages: an order at the best price of either side, of so many shares."""
        made, about = [], {"stock_locate": slot + 1}
        for side, price, count in zip("BS", (BID, ASK), shares, strict=True):
            self._reference += 1
            about |= {"order_reference": self._reference, "side": side}
            made.append(encode("A", **about, shares=count, price=price))
        return made

    def leans(self, slot):
        """Messages: far more is bid, or asked, at the best price than before."""
        self._reference += 1
        side, about = self.rng.randrange(2), {"stock_locate": slot + 1}
        if before := self._leaning.get(slot):
            yield encode("D", **about, order_reference=before)
        self._leaning[slot] = self._reference
        yield encode(
            "A", **about, order_reference=self._reference, side="BS"[side], shares=9_000,
            price=(BID, ASK)[side],
        )  # fmt: skip

    def frame(self, messages):
        """The next frame of the feed."""
        self._message += len(messages)
        return Frame(framed(self._message - len(messages), messages))

    def hear(self, messages):
        """Messages of the feed; the model is told the quotes that come of them."""
        self.bench.send([self.frame(messages)])
        self.bench.step(HEARD)
        for record in self.bench.take():
            assert record.kind not in list(Entry)
            self._quotes.step(record)
        for row in self._quotes.rows:
            self._state = quote(self._state, Quote(*row))

    def lose(self):
        """A message of the feed is lost: every book is stale."""
        self._message += 1
        self.hear(self.quoted(0, 100, 100))

    def order(self, **fields):
        """An order of the host's: what the ring says of it, and what left, are the model's."""
        asked, before = dict.fromkeys(INTENT, 0) | fields, len(self.bench.left)
        self.bench.card.order(asked)
        self.bench.step(JUDGED)
        (entry,) = self.bench.take()
        assert entry.kind == Entry.DECISION
        cycle = -(-(entry.arrival_ns << FRACTION) // LINE_RATE)
        reason, self._state = decide(self._state, Intent(**asked), cycle)
        assert decided(entry) == asked | {"reason": reason, "because": 0}
        left = [one.message for one in self.bench.left[before:]]
        message = order(Sent(**asked), "SLOT")
        assert left == ([message] if reason == Reason.ACCEPTED else [])
        self.decisions[Reason(reason)] += 1
        return Reason(reason)

    def reported(self, message):
        """A message of the exchange, to card and model."""
        self.bench.board.reports([message])
        self.bench.step(JUDGED)
        for told in self._decoder.reports(message):
            self.executed += told.outcome == Outcome.EXECUTED
            self._state = report(self._state, Report(*told))

    def play(self, count):
        """So many orders, days of `DAY`, with all that may come between; all decisions."""
        total = Counter()
        for start in range(0, count, DAY):
            if start:
                self.begin()
            size = min(DAY, count - start)
            for place in range(size):
                if place == size * 9 // 10:
                    self.lose()
                self._between()
                self.order(**self._random())
            counted = self.bench.card.statistics()
            assert {
                r: counted[f"gate_{r.name.lower()}"] for r in Reason if r in self.decisions
            } == (dict(self.decisions))
            total += self.decisions
        return total

    def _open(self):
        """Every open order: slot, side and order."""
        for at, slot in enumerate(self._state.slots):
            for side, orders in enumerate(slot.open):
                yield from ((at, side, one) for one in orders)

    def _between(self):
        """What else happens: executions and the like, limits, the switch, time."""
        rng, luck = self.rng, self.rng.random()
        if luck < 0.25:
            if there := [*self._open()]:
                self._report(*rng.choice(there))
        elif luck < 0.28:
            restricted = {"restricted": int(rng.random() < 0.2)}
            self.limit(rng.randrange(BOOKS), LIMITED | restricted)
        elif luck < 0.33:
            self.kill(not self._state.killed and rng.random() < 0.4)
        elif luck < 0.5:
            self.bench.step(rng.randrange(2_000))

    def _report(self, slot, side, one):
        """Something that an exchange may say of an open order."""
        mine = {other.number for other in self._state.slots[slot].open[side]}
        replaced, rng = self._orders.get(one.number), self.rng
        kind = rng.choice("EECJ")
        shares = rng.choice([one.shares, rng.randint(1, one.shares)])
        if replaced in mine:
            told = {"number": one.number, "replaces": replaced, "quantity": one.shares}
            self.reported(ouch(OUTBOUND, "U", **told, price=one.price, state="L"))
        elif kind == "E":
            self.reported(ouch(OUTBOUND, "E", number=one.number, quantity=shares, price=one.price))
        elif kind == "C":
            self.reported(ouch(OUTBOUND, "C", number=one.number, quantity=shares, reason="U"))
        elif replaced is None:
            self.reported(ouch(OUTBOUND, "J", number=one.number, reason=1))

    def _random(self):
        """An order, perhaps one that makes no sense."""
        rng, there = self.rng, [*self._open()]
        slot, side = rng.randrange(BOOKS + 1), rng.randrange(2)
        action = rng.choices([0, Action.ENTER, Action.REPLACE, Action.CANCEL], [1, 30, 4, 4])[0]
        self._number += 1
        number, old = self._number, rng.randrange(1, 99)
        if there and rng.random() < 0.8:
            some = rng.choice(there)
            old = some[2].number
            slot, side = some[:2] if action > Action.ENTER else (slot, side)
            if rng.random() < 0.05:
                number = old + (1 << NAME_BITS)
        if action == Action.REPLACE:
            self._orders[number] = old
        return {
            "action": action, "side": side, "slot": slot, "number": number,
            "replaces": old if action > Action.ENTER else 0,
            "shares": rng.choice(SIZES), "price": rng.choice(PRICES),
        }  # fmt: skip

    def trade(self, cycles):
        """The policy trades for so many cycles in books that lean now here, now there.

        The line is at full rate; the exchange does what it is told, at once. It goes on.
        """
        for slot in range(BOOKS):
            self.limit(slot, OPEN_LIMITS)
        self.gate(FREE)
        put, rng = self.bench.card.registers.put, random.Random(cycles)
        put("policy_threshold", threshold=1)
        put("policy_cooldown", cycles=16)
        self.bench.card.trade()
        told = [one for _ in range(8_000) for one in self.leans(rng.randrange(BOOKS))]
        frames = [self.frame(told[at : at + MANY]) for at in range(0, len(told), MANY)]
        self.bench.board.wire("a", frames)
        self.answer(cycles)

    def answer(self, cycles):
        """Time passes; what leaves is answered. How many more cycles the line is busy for."""
        board, seen = self.bench.board, len(self.bench.left)
        for _ in range(0, cycles, JUDGED):
            self.bench.step(JUDGED)
            told = [_answer(one.message) for one in self.bench.left[seen:]]
            seen = len(self.bench.left)
            if told := [one for one in told if one]:
                board.reports(told)
            self.bench.take()
        return board._free["a"] - board.cycle


def _answer(message):
    """What the exchange says to a message: to an order nothing, it rests."""
    said = ouch_decode(INBOUND, message)
    if said["type"] == "X":
        return ouch(OUTBOUND, "C", number=said["number"], quantity=SHARES, reason="U")
    if said["type"] == "U":
        return ouch(
            OUTBOUND, "U", number=said["number"], replaces=said["replaces"],
            quantity=said["quantity"], price=said["price"], state="L",
        )  # fmt: skip
    return None


def decided(entry):
    """The fields of an entry of kind `DECISION`."""
    bits = DECISION | {"because": 32}
    return {
        name: getattr(entry, at) >> low & (1 << bits[name]) - 1
        for name, (at, low) in DECISION_PLACE.items()
    }


def refused(bench, told, at):
    """A memory that refuses from packet `at` on: what was told before, of what is true."""
    truth = Truth()
    true = [one for *_, wire in told for one in truth.hear(Frame(wire))]
    bench.send([Frame(wire) for *_, wire in told[:at]])
    bench.board.host_memory(0, 0, 1)
    bench.send([Frame(wire) for *_, wire in told[at:]])
    bench.board.host_memory(0, 0, 0)
    bench.settle()
    return bench.made, true


def retold(told, made):
    """What is true of packets that came, and of orders that the card says it had no place for."""
    truth = Truth(refused={one.subject for one in made if one.kind == Kind.STALE})
    return [one for *_, wire in told for one in truth.hear(Frame(wire))], truth


def everything(board, seed):
    """All of this on one card, each held to what is true; the gate's reasons, what was played."""
    told = frames(3_000, seed, often=0.2)
    made, *_ = two_lines(Bench(board, lines="ab"), told, seed)
    true, truth = retold(told, made)
    equal(made, true)
    same_books(made, truth)
    yield f"two lossy lines: {truth.messages:,} messages, {len(made):,} records"
    few = frames(2_000, seed, most=12, few=True)
    made, true, truth = troubled(Bench(board, bits=6), few, seed)
    dropped, _ = accounted(made, true)
    yield f"troubles: {truth.messages:,} messages, {truth.lost} lost, {dropped:,} records dropped"
    bench = Bench(board)
    made, true = refused(bench, frames(500, seed, few=True), 9)
    assert "bus" in bench.card.errors()
    yield f"a memory that refuses: {len(made):,} of {len(true):,} records"
    desk = Desk(bench, seed)
    met = desk.play(4 * DAY)
    yield f"orders: {sum(met.values()):,}, {len(met)} of {len(Reason)} reasons"
    assert set(met) == set(Reason)
    desk.begin()
    desk.trade(8_000)
    bench.card.kill()
    at, before = board.cycle, len(bench.left)
    desk.answer(2_000)
    assert all(one.message[:1] == b"X" for one in bench.left[before:] if one.first >= at)
    yield f"a policy that trades: {len(bench.left):,} orders, replacements and cancels"
    bench.card.set_clock()
    bench.card.filter(port=1, group=1)
    bench.send([Frame(wire) for *_, wire in frames(100, seed)])
    assert bench.card.statistics()["a_filtered"] > 0
    bench.card.filter()
    yield "clock and filter"
