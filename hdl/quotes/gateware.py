"""Quotes: keeps the best bid and offer of each slot, and tells when they change."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.choice.gateware import any_of
from tapeout.hdl.pretrade.layout import LIMITS, QUOTE, SLOT_BITS, SLOTS
from tapeout.hdl.top.layout import BOOK_RECORD, Mark

BookRecord = data.StructLayout(BOOK_RECORD)
Quote = data.StructLayout(QUOTE)
LOCATE_BITS = LIMITS["locate"]
Best = data.StructLayout({"price": 32, "lots": 32})
#: What a record says of a best price: `level` if anything; `gap`: messages are lost.
Said = data.StructLayout(
    {"locate": LOCATE_BITS, "best": Best, "ask": 1, "level": 1, "stale": 1, "gap": 1}
)
#: What may be told of a record a cycle later: of a level, or newly stale; `sets`: these slots wait.
News = data.StructLayout({"level": 1, "fresh": 1, "best": Best, "sets": SLOTS})
Limit = data.StructLayout({"slot": SLOT_BITS, "locate": LOCATE_BITS, "en": 1})
ASK, STALE, INCOMPLETE = (mark.bit_length() - 1 for mark in (Mark.ASK, Mark.STALE, Mark.INCOMPLETE))


def number(bits):
    """The place of the one bit that is set."""
    return Cat(
        any_of(bit for place, bit in enumerate(bits) if place >> k & 1) for k in range(SLOT_BITS)
    )


class Quotes(wiring.Component):
    """Best bid and offer of `SLOTS` slots, as `tapeout.hdl.quotes.model.Quotes.step` says.

    Latency is four cycles from a record to its quote; it takes a record every cycle and holds none
    back. What a limit or a gap does to slots is told from five cycles on: they take turns, one in
    each cycle whose record could change no quote. Behind the publisher that is every other cycle at
    least, so all slots are known to be stale within 5 + 2 `SLOTS` cycles of a gap.

    Which slot a locate leads to is found by comparing it with that of every slot: a limit makes the
    older one void at once. If two slots are given one locate, the later has it and the other is
    emptied and follows none.

    Members
    -------
    record, record_valid : In(`BOOK_RECORD`), In(1)
        A record that leaves the publisher.
    limit : In({slot: 4, locate: 16, en: 1})
        From the cycle of `en` on, that cycle's record included, the slot follows this locate; its
        quote is empty and not stale.
    o, valid : Out(`QUOTE`), Out(1)
        A best price of this slot, or its lots, changed, or it became stale or empty.
    slot : In(4)
        Looked up in every cycle.
    row : Out(`QUOTE`)
        What was known of the slot, one cycle later; zero where a price is not known.

    Reset makes all slots follow no locate; their quotes are empty and not stale.
    """

    record: In(BookRecord)
    record_valid: In(1)
    limit: In(Limit)
    o: Out(Quote)
    valid: Out(1)
    slot: In(SLOT_BITS)
    row: Out(Quote)

    def elaborate(self, platform):
        """Take what matters, compare locates, read and write the row, tell: a cycle each."""
        m = Module()
        said, limit, together = self._taken(m)
        hits, clears, told, anew = self._led(m, said, limit, together)
        sides = [self._side(m, name) for name in ("bid", "ask")]
        known = [Signal(SLOTS, name=f"known_{name}") for name in ("bid", "ask")]
        stale, was, stales, slot = Signal(SLOTS), Signal(SLOTS), Signal(SLOTS), Signal(SLOT_BITS)
        level, fresh = Signal(), Signal()
        m.d.comb += [
            slot.eq(number(hits)),
            level.eq(hits.any() & told.level),
            was.eq(stale & ~clears),
            stales.eq(was | Mux(told.gap, ~C(0, SLOTS), Mux(told.stale, hits, 0))),
            fresh.eq(told.stale & (hits & ~was).any()),
        ]
        row, own = [], [told.level & (told.ask == place) for place in range(2)]
        for place, (write, read, *_) in enumerate(sides):
            mine, there = level & own[place], any_of(hits & known[place]) & ~anew
            row.append((read.data, there))
            m.d.comb += [
                write.addr.eq(slot), write.data.eq(told.best), write.en.eq(mine),
                read.addr.eq(slot),
            ]  # fmt: skip
            m.d.sync += known[place].eq((known[place] & ~clears) | Mux(mine, hits, 0))
        before, after, news = Signal(Best), Signal(Quote, reset_less=True), Signal(News)
        best = [
            Mux(own[place], told.best, Mux(there, word, 0))
            for place, (word, there) in enumerate(row)
        ]
        old = [Mux(there & (told.ask == place), word, 0) for place, (word, there) in enumerate(row)]
        m.d.sync += [
            stale.eq(stales),
            Value.cast(before).eq(old[0] | old[1]),
            Value.cast(after).eq(Cat(slot, *best, (stales & hits).any())),
            news.level.eq(level),
            news.fresh.eq(fresh),
            news.best.eq(told.best),
            news.sets.eq(clears | Mux(told.gap, ~was, 0)),
        ]
        self._tell(m, sides, known, stale, before, after, news)
        return m

    def _taken(self, m):
        """What the record says, what the limit says, and whether they name one locate."""
        said, limit, record = Signal(Said), Signal(Limit), self.record
        together = Signal()
        unknown = record.flags[INCOMPLETE] & ~record.levels.any()
        best = Cat(record.best_price, record.best_lots)
        m.d.sync += [
            said.locate.eq(record.locate),
            Value.cast(said.best).eq(Mux(unknown, 0, best)),
            said.ask.eq(record.flags[ASK]),
            said.level.eq(
                self.record_valid
                & record.kind.matches(*(int(k) for k in Kind if Kind.ADD <= k <= Kind.REPLACE_IN))
            ),
            said.stale.eq(self.record_valid & record.flags[STALE]),
            said.gap.eq(self.record_valid & (record.kind == Kind.GAP)),
            limit.eq(self.limit),
            together.eq(self.limit.locate == record.locate),
        ]
        return said, limit, together

    def _led(self, m, said, limit, together):
        """Which slot the record is of, and which slots a limit empties, one bit a slot.

        And whether that limit empties the record's slot `anew`.
        """
        hits, clears, told, anew = Signal(SLOTS), Signal(SLOTS), Signal(Said), Signal()
        for slot in range(SLOTS):
            locate, follows = Signal(LOCATE_BITS, name=f"locate{slot}"), Signal(name=f"on{slot}")
            pointed = limit.en & (limit.slot == slot)
            older = follows & alike(m, locate, limit.locate, f"older{slot}")
            same = follows & alike(m, locate, said.locate, f"same{slot}")
            with m.If(pointed):
                m.d.sync += locate.eq(limit.locate)
            m.d.sync += [
                follows.eq(pointed | (follows & ~(limit.en & older))),
                clears[slot].eq(pointed | (limit.en & older)),
                hits[slot].eq(~said.gap & Mux(limit.en & together, pointed, same & ~pointed)),
            ]
        m.d.sync += [told.eq(said), anew.eq(limit.en & together)]
        return hits, clears, told, anew

    def _side(self, m, name):
        """Best price and lots of each slot, in LUT RAM: written here, read in three places."""
        m.submodules[name] = ram = memory.Memory(
            shape=Best.size, depth=SLOTS, init=[], attrs={"ram_style": "distributed"}
        )
        return ram.write_port(), *(ram.read_port(domain="comb") for _ in range(3))

    def _tell(self, m, sides, known, stale, before, after, news):
        """The quote that the record may have changed, else that of the slot whose turn it is."""
        waits, may = Signal(SLOTS), Signal()
        turn = Signal(SLOT_BITS, init=SLOTS - 3)  # zero when the first record is here
        its, bit = Signal(SLOTS, init=1 << turn.init), Signal(SLOTS)
        m.d.comb += [may.eq(news.level | news.fresh), bit.eq(Mux(may, 0, its))]
        moved = news.level & ~alike(m, before.as_value(), news.best.as_value(), "moved")
        quotes = [
            self._quote(m, sides, known, stale, *one)
            for one in ((1, turn, its), (2, self.slot, C(1, SLOTS) << self.slot))
        ]
        m.d.sync += [
            turn.eq(turn + ~may),
            its.eq(Mux(may, its, its.rotate_left(1))),
            waits.eq((waits & ~bit) | (news.sets & ~(waits & bit))),
            self.valid.eq(news.fresh | moved | (waits & bit).any()),
            Value.cast(self.o).eq(Mux(may, after, quotes[0])),
            Value.cast(self.row).eq(quotes[1]),
        ]

    def _quote(self, m, sides, known, stale, port, slot, bit):
        """What is known of a slot, by this port of the RAM."""
        best = []
        for there, ports in zip(known, sides, strict=True):
            read = ports[1 + port]
            m.d.comb += read.addr.eq(slot)
            best.append(Mux(any_of(bit & there), read.data, 0))
        return Cat(slot, *best, any_of(bit & stale))
