"""All books: numbered messages in, what they make known out."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.itch.layout import RECORD
from tapeout.hdl.levels.gateware import LATENCY, LevelRows
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.orders.gateware import STATISTICS as ORDERS
from tapeout.hdl.orders.gateware import OrderTable
from tapeout.hdl.orders.layout import Action
from tapeout.hdl.publisher.gateware import BookRecord, Publisher
from tapeout.hdl.refill.gateware import Refill
from tapeout.hdl.subscription.gateware import Listing, Subscribe, Subscription

ACTIONS = {
    "A": Action.ADD, "F": Action.ADD, "E": Action.EXECUTE, "C": Action.EXECUTE,
    "X": Action.CANCEL, "D": Action.DELETE, "U": Action.REPLACE,
}  # fmt: skip
DIRECTORY = "R"

Record = data.StructLayout(RECORD)
Statistics = data.StructLayout(
    {
        "orders": ORDERS,
        "lost": 32,  # taken at prices that a row should have known
        "learned": 32,  # instruments the directory taught
        "not_learned": 32,  # instruments that found no place
    }
)


class Books(wiring.Component):
    """Order table, level rows, refill and publisher in line, as `tapeout.hdl.top.model.Feed` says.

    A message is taken every second cycle, a replace every fourth; its first record is ready
    thirteen cycles later, unless `o` is held back. From the moment it is taken it stops nowhere: it
    is taken only when all its records have a place.

    Parameters
    ----------
    locates, instruments, rows, ways, stash : int
        As in `Subscription`, `LevelRows` and `OrderTable`.

    Members
    -------
    i : In(stream of `RECORD`)
        Messages and gaps in sequence.
    o : Out(stream of `BOOK_RECORD`)
        A record waits until it is taken; then `i` waits.
    listen, learn, listing_instrument, listing
        As `i`, `learn`, `listing_instrument` and `listing` of `Subscription`.
    statistics : Out(`Statistics`)

    Reset empties all books and forgets who is listened to; `i` waits until that is done.
    """

    i: In(stream.Signature(Record))
    o: Out(stream.Signature(BookRecord))
    listen: In(stream.Signature(Subscribe))
    learn: In(1)
    listing_instrument: In(8)
    listing: Out(Listing)
    statistics: Out(Statistics)

    def __init__(self, locates=1 << 14, instruments=256, rows=512, ways=4, stash=8):
        self.subscription = Subscription(locates, instruments)
        self.table = OrderTable(rows, ways, stash)
        self.levels = LevelRows(instruments)
        self.refill = Refill(instruments, rows=rows, places=self.table.in_rows, stash=stash)
        self.publisher = Publisher(LATENCY, instruments)
        super().__init__()

    def elaborate(self, platform):
        """Join the blocks."""
        m = Module()
        m.submodules.subscription = self.subscription
        m.submodules.table = table = self.table
        m.submodules.levels = levels = self.levels
        m.submodules.refill = self.refill
        m.submodules.publisher = publisher = self.publisher
        wiring.connect(m, publisher.o, wiring.flipped(self.o))
        taken = self._take(m)
        self._subscribe(m, taken)
        self._refill(m)
        m.d.comb += [
            levels.i.eq(table.o),
            levels.i_valid.eq(table.valid),
            publisher.taken.eq(taken),
            publisher.record.eq(self.i.payload),
            publisher.changed.eq(table.valid),
            publisher.change.eq(table.o),
            publisher.update.eq(levels.o),
            publisher.overflowed.eq(levels.o_valid & levels.overflowed),
            self.statistics.orders.eq(table.statistics),
            self.statistics.lost.eq(levels.lost),
        ]
        return m

    def _take(self, m):
        """Whether a message goes into the table, and what it asks there."""
        table, message, op = self.table, self.i.payload, self.table.i.payload
        m.d.comb += [
            table.hold.eq(~(self.publisher.room & self.subscription.ready & self.levels.ready)),
            table.i.valid.eq(self.i.valid),
            self.i.ready.eq(table.i.ready),
            op.side.eq(message.side),
            op.reference.eq(message.subject),
            op.other.eq(message.other),
            op.shares.eq(message.shares),
            op.price.eq(message.price),
        ]
        with m.If((message.flags & Flag.WELL_FORMED).any()), m.Switch(message.type):
            for letter, action in ACTIONS.items():
                with m.Case(ord(letter)):
                    m.d.comb += op.action.eq(action)
        return self.i.valid & self.i.ready

    def _subscribe(self, m, taken):
        """The instrument of the message taken, two cycles later, for those who need it."""
        subscription, publisher = self.subscription, self.publisher
        wiring.connect(m, wiring.flipped(self.listen), subscription.i)
        m.d.comb += [
            subscription.locate.eq(self.i.payload.locate),
            subscription.directory.eq(taken & (self.i.payload.type == ord(DIRECTORY))),
            subscription.symbol.eq(self.i.payload.subject),
            subscription.learn.eq(self.learn),
            subscription.listing_instrument.eq(self.listing_instrument),
            self.listing.eq(subscription.listing),
            self.table.subscribed.eq(subscription.subscribed),
            self.table.instrument.eq(subscription.instrument),
            publisher.subscribed.eq(subscription.subscribed),
            publisher.listed.eq(subscription.listed),
            publisher.entry.eq(subscription.entry),
            self.statistics.learned.eq(subscription.learned),
            self.statistics.not_learned.eq(subscription.refused),
        ]

    def _refill(self, m):
        """Rows that ran short of levels get the next ones from the table."""
        refill, levels, table = self.refill, self.levels, self.table
        wiring.connect(m, refill.o, levels.refill)
        m.d.comb += [
            refill.refilled.eq(levels.refilled),
            refill.row.eq(levels.row),
            refill.number.eq(levels.number),
            refill.update.eq(levels.o),
            refill.update_valid.eq(levels.o_valid),
            table.scan_row.eq(refill.scan_row),
            refill.scan_taken.eq(table.scan_taken),
            refill.scan_entry.eq(table.scan_entry),
            refill.stash.eq(table.stash),
        ]
