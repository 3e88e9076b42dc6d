"""Publisher: joins each message with what it did to its level, and numbers the record of it."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.aside.gateware import OFF, Aside, Record
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.choice.gateware import chosen
from tapeout.hdl.elastic.gateware import SmallFifo
from tapeout.hdl.levels.layout import UPDATE
from tapeout.hdl.orders.layout import CHANGE, INSTRUMENT_BITS, Refusal
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import BOOK_RECORD, Mark, Report

RECORDS = 32  # that wait for the host
IN_FLIGHT = 18  # records of the messages on their way, and of one let in meanwhile, at most
FULL = Refusal.FULL.bit_length() - 1
STAMP = ("sequence", "arrival_ns", "timestamp")  # what all records have of their message
ROW = ("at", "levels", "best_price", "best_lots", "level_lots")  # what they have of their update

Change = data.StructLayout(CHANGE)
Update = data.StructLayout(UPDATE)
BookRecord = data.StructLayout(BOOK_RECORD)
Subscribe = data.StructLayout(SUBSCRIBE)

#: What a change asks for, in the cycle before its update. `level`: a record of a level; `full`: of
#: an order that was refused; `off`: of the message itself, if it reports anything. `execute`:
#: a print follows; `follows`: any record of the message does; `enters`: it is of a replacement;
#: `done`: the message is not needed for another change.
Due = data.StructLayout(
    dict.fromkeys(("level", "full", "off", "execute", "follows", "enters", "done"), 1)
)
#: A record but for its update: `rest` is its `level_lots` where no level changes; the marks stand
#: under their names. `level`: the update comes in; `print`: it is as stale as the record before it.
Draft = data.StructLayout(
    {name: BOOK_RECORD[name] for name in BOOK_RECORD if name not in ("number", "flags", *ROW)}
    | {"rest": 32}
    | dict.fromkeys(("level", "print", "ask", "printable", "stale", "last"), 1)
)


class Publisher(wiring.Component):
    """Makes book records, as `tapeout.hdl.top.model.Feed` says.

    Latency is two cycles from an update to its record. Changes come at least two cycles apart; the
    print of an execution takes the cycle between.

    Parameters
    ----------
    latency : int
        Cycles from a change to its update, 4 or more.
    instruments : int
        As in `LevelRows`.

    Members
    -------
    taken, record, subscribed : In(1), In(`RECORD`), In(1)
        A message goes into the pipeline, as in `tapeout.hdl.aside.gateware.Aside`.
    listed, entry : In(1), In(`SUBSCRIBE`)
        An instrument gets its stock locate.
    changed, change : In(1), In(`CHANGE`)
        The next change, in the order of messages.
    update : In(`UPDATE`)
        What the change `latency` cycles ago did to its row.
    overflowed : In(1)
        Lots of that row are more than it can hold: its instrument is stale from there on.
    o : Out(stream of `BOOK_RECORD`)
        A record waits until it is taken.
    room : Out(1)
        Whether another message may be taken: all records of those on their way have a place.

    Reset forgets all messages on their way, all records that wait and all that is stale; for
    `instruments` cycles after it there is no room.
    """

    taken: In(1)
    record: In(Record)
    subscribed: In(1)
    listed: In(1)
    entry: In(Subscribe)
    changed: In(1)
    change: In(Change)
    update: In(Update)
    overflowed: In(1)
    o: Out(stream.Signature(BookRecord))
    room: Out(1)

    def __init__(self, latency, instruments=1 << INSTRUMENT_BITS):
        self._latency, self._instruments = latency, instruments
        super().__init__()

    def elaborate(self, platform):
        """Draft each record before its update comes, join them, pass the record on."""
        m = Module()
        m.submodules.records = records = SmallFifo(BookRecord, RECORDS)
        m.submodules.aside = aside = Aside()
        wiring.connect(m, records.o, wiring.flipped(self.o))
        changes = [Signal(Change, name=f"change{k}", reset_less=True) for k in range(self._latency)]
        changed, due, printing = Signal(self._latency), Signal(Due), Signal()
        m.d.sync += [
            changed.eq(Cat(self.changed, changed)),
            *(new.eq(old) for old, new in zip([self.change, *changes[:-1]], changes, strict=True)),
            due.eq(_due(changed[-3], changes[-3])),
            printing.eq(due.execute),
        ]
        m.d.comb += [
            aside.taken.eq(self.taken),
            aside.record.eq(self.record),
            aside.subscribed.eq(self.subscribed),
            aside.done.eq(due.done),
        ]
        draft, number, emits = Signal(Draft, reset_less=True), Signal(32), Signal()
        m.d.sync += [
            emits.eq(printing | due.level | due.full | (due.off & aside.tells)),
            records.i.valid.eq(emits),
            number.eq(number + emits),
        ]
        m.d.sync += _of_the_message(draft, due, printing, aside.front)
        m.d.sync += _of_the_change(draft, due, printing, aside.front, changes[-2])
        locate = self._locate(m, changes[-4])
        with m.If(~printing):
            m.d.sync += draft.locate.eq(Mux(due.off, aside.front.locate, locate))
            m.d.sync += _of_the_execution(draft, due, aside.front, changes[-2])
        with m.If(~printing | aside.front.priced):
            m.d.sync += draft.price.eq(Mux(due.level, changes[-2].price, aside.front.price))
        doubtful = self._doubtful(m, changes, due, due.off & aside.front.gap)
        m.d.sync += draft.stale.eq(~printing & doubtful)
        out = Signal(BookRecord, reset_less=True)
        m.d.sync += _joined(out, draft, self.update, self.overflowed)
        m.d.comb += [records.i.payload.eq(out), records.i.payload.number.eq(number)]
        self._admit(m, records)
        return m

    def _doubtful(self, m, changes, due, gap):
        """Whether the book is not what it should be: a gap, an order refused, lots too many."""
        lost = Signal()
        m.d.sync += lost.eq(lost | gap)
        return due.full | self._stale(m, changes, due) | lost | gap

    def _locate(self, m, change):
        """The stock locate of the change's instrument, two cycles later."""
        m.submodules.locates = locates = memory.Memory(shape=16, depth=self._instruments, init=[])
        write, read = locates.write_port(), locates.read_port()
        locate = Signal(16, reset_less=True)
        m.d.comb += [
            write.addr.eq(self.entry.instrument),
            write.data.eq(self.entry.locate),
            write.en.eq(self.listed),
            read.addr.eq(change.instrument),
        ]
        m.d.sync += locate.eq(read.data)
        return locate

    def _stale(self, m, changes, due):
        """Whether the instrument of the change that is due is known to be stale.

        A bit of block RAM says so. What is told it while or after it is read goes round it.
        """
        m.submodules.lost = bits = memory.Memory(
            shape=1, depth=self._instruments, init=[], attrs={"ram_style": "block"}
        )
        write, read = bits.write_port(), bits.read_port()
        full, told = Signal(), Signal()
        at = Signal(INSTRUMENT_BITS, reset_less=True)
        said, newer = Signal(reset_less=True), Signal(2, reset_less=True)
        swept = Signal(range(self._instruments + 1))
        self._clear = clear = Signal()  # every bit has been cleared
        same = [told & (at == change.instrument) for change in changes[-4:-1]]
        m.d.comb += [
            read.addr.eq(changes[-4].instrument),
            write.addr.eq(Mux(clear, at, swept)),
            write.data.eq(clear),
            write.en.eq(told | ~clear),
        ]
        m.d.sync += [
            swept.eq(swept + ~clear),
            clear.eq(clear | (swept == self._instruments - 1)),
            full.eq(due.full),
            told.eq(full | self.overflowed),
            at.eq(changes[-1].instrument),
            said.eq(read.data),
            newer.eq(Cat(same[0], newer[0] | same[1])),
        ]
        return said | newer[1] | same[2]

    def _admit(self, m, records):
        """Whether another message may be taken; none before every instrument's bit is cleared."""
        m.d.sync += self.room.eq((records.level <= RECORDS - IN_FLIGHT) & self._clear)


def _due(changed, change):
    """`Due` of a change, one cycle later."""
    level, full, execute = change.kind != 0, change.refusal[FULL], change.kind == Kind.EXECUTE
    asks = {
        "level": level,
        "full": ~level & full,
        "off": ~level & ~full,
        "execute": execute,
        "follows": level & (execute | ~change.last),
        "enters": change.kind == Kind.REPLACE_IN,
        "done": change.last,
    }
    return Cat(changed & asks[name] for name, _ in Due)


def _of_the_message(draft, due, printing, front):
    """What all records have of their message, what they are about, and what marks them."""
    auction, state = due.off & front.imbalance, due.off & front.state
    traded = due.off & (front.trade | front.cross | front["break"])
    order = (due.level & ~due.enters) | (due.full & ~front.replacing)
    replacement = (due.level & due.enters) | (due.full & front.replacing)
    subject = (
        (order | (due.off & front.gap), front.subject),
        (printing | replacement | traded, front.other),
        (auction, front.shares),
    )
    detail = (
        (due.level | state, front.mpid),
        (due.off & ~front.state, front.code),
        (auction, Cat(C(0, 8), front.side)),
    )
    rest = (
        (auction, front.other[32:]),
        (due.off & ~front.imbalance & ~front.state, front.shares[32:]),
    )
    return [
        *(draft[name].eq(front[name]) for name in STAMP),
        draft.subject.eq(chosen(*zip(*subject, strict=True))),
        draft.detail.eq(chosen(*zip(*detail, strict=True))),
        draft.rest.eq(chosen(*zip(*rest, strict=True))),
        draft.level.eq(due.level),
        draft.print.eq(printing),
        draft.printable.eq((printing & front.counts) | (due.off & (front.trade | front.cross))),
        draft.last.eq(~due.follows),
    ]


def _of_the_change(draft, due, printing, front, change):
    """What kind of record it is."""
    kinds = [(due.off & front[name], kind) for name, kind in OFF.items()]
    kinds += [(printing, Report.PRINT), (due.full, Kind.STALE), (due.level, change.kind)]
    return [draft.kind.eq(chosen(*zip(*kinds, strict=True)))]


def _of_the_execution(draft, due, front, change):
    """What the print of an execution has, too: how much, and of which side."""
    plain = due.full | (due.off & ~front.imbalance & ~front.state)
    lots = (
        (due.level, change.lots),
        (due.off & front.imbalance, front.other[:32]),
        (due.off & front.state, front.code),
        (plain, front.shares[:32]),
    )
    sold = (due.level & change.side) | (due.off & front.sold)
    return [draft.lots.eq(chosen(*zip(*lots, strict=True))), draft.ask.eq(sold)]


def _joined(out, draft, update, overflowed):
    """The record: its draft, and the update of a level."""
    level = draft.level
    was = draft.print & out.flags[Mark.STALE.bit_length() - 1]
    marks = {
        Mark.ASK: draft.ask,
        Mark.PRINTABLE: draft.printable,
        Mark.STALE: draft.stale | overflowed | was,
        Mark.INCOMPLETE: level & update.incomplete,
        Mark.BEST: level & (update.at == 0),
        Mark.LAST: draft.last,
    }
    return [
        *(out[name].eq(draft[name]) for name, _ in Draft if name in BOOK_RECORD),
        *(out[name].eq(Mux(level, update[name], 0)) for name in ROW),
        out.level_lots.eq(Mux(level, update.level_lots, draft.rest)),
        out.flags.eq(Cat(marks[mark] for mark in Mark)),
    ]
