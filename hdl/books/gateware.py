"""All books: numbered messages in, what they make known out."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.itch.layout import RECORD
from tapeout.hdl.levels.gateware import LevelRows
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.orders.gateware import STATISTICS as ORDERS
from tapeout.hdl.orders.gateware import OrderTable
from tapeout.hdl.orders.layout import Action
from tapeout.hdl.publisher.gateware import BookRecord, Publisher
from tapeout.hdl.subscription.gateware import Entry, Subscription

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
    """Order table, level rows and publisher in line, as `tapeout.hdl.top.model.Feed` says.

    A message is taken every second cycle, a replace every fourth, a directory message every fifth;
    its first record is ready twelve cycles later, unless `o` is held back. From the moment it is
    taken it stops nowhere: it is taken only when all its records have a place.

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
    listen, learn, shown, shown_symbol
        As `i`, `learn`, `shown` and `shown_symbol` of `Subscription`.
    statistics : Out(`Statistics`)

    Reset empties all books and forgets who is listened to; `i` waits until that is done.
    """

    i: In(stream.Signature(Record))
    o: Out(stream.Signature(BookRecord))
    listen: In(stream.Signature(Entry))
    learn: In(1)
    shown: In(8)
    shown_symbol: Out(64)
    statistics: Out(Statistics)

    def __init__(self, locates=1 << 14, instruments=256, rows=512, ways=4, stash=8):
        self.subscription = Subscription(locates, instruments)
        self.table = OrderTable(rows, ways, stash)
        self.levels = LevelRows(instruments)
        self.publisher = Publisher()
        super().__init__()

    def elaborate(self, platform):
        """Join the blocks."""
        m = Module()
        m.submodules.subscription = subscription = self.subscription
        m.submodules.table = table = self.table
        m.submodules.levels = levels = self.levels
        m.submodules.publisher = publisher = self.publisher
        wiring.connect(m, wiring.flipped(self.listen), subscription.i)
        wiring.connect(m, publisher.o, wiring.flipped(self.o))

        message, let = self.i.payload, Signal()
        m.d.comb += [
            let.eq(publisher.room & subscription.ready & levels.ready),
            table.i.valid.eq(self.i.valid & let),
            self.i.ready.eq(table.i.ready & let),
        ]
        taken = self.i.valid & self.i.ready
        self._ask(m, message, table.i.payload)
        m.d.comb += [
            subscription.asked.eq(taken),
            subscription.locate.eq(message.locate),
            subscription.directory.eq(message.type == ord(DIRECTORY)),
            subscription.symbol.eq(message.subject),
            subscription.learn.eq(self.learn),
            subscription.shown.eq(self.shown),
            self.shown_symbol.eq(subscription.shown_symbol),
            table.subscribed.eq(subscription.subscribed),
            table.instrument.eq(subscription.instrument),
            levels.i.eq(table.o),
            levels.i_valid.eq(table.valid),
            publisher.taken.eq(taken),
            publisher.record.eq(message),
            publisher.subscribed.eq(subscription.subscribed),
            publisher.listed.eq(subscription.listed),
            publisher.entry.eq(subscription.entry),
            publisher.changed.eq(table.valid),
            publisher.change.eq(table.o),
            publisher.update.eq(levels.o),
            publisher.overflowed.eq(levels.o_valid & levels.overflowed),
            self.statistics.orders.eq(table.statistics),
            self.statistics.lost.eq(levels.lost),
            self.statistics.learned.eq(subscription.learned),
            self.statistics.not_learned.eq(subscription.refused),
        ]
        return m

    def _ask(self, m, message, op):
        """What a message asks of the order table."""
        m.d.comb += [
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
