"""Publisher: joins each message with what it did to its level, and numbers the record of it."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.aside.gateware import Aside, Held, Record
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.elastic.gateware import SmallFifo
from tapeout.hdl.levels.layout import UPDATE
from tapeout.hdl.orders.layout import CHANGE, INSTRUMENT_BITS, Refusal
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import BOOK_RECORD, Mark, Report

RECORDS = 32  # that wait for the host
IN_FLIGHT = 16  # records of the messages on their way, at most
INSTRUMENTS = 1 << INSTRUMENT_BITS
ROW = ("at", "levels", "best_price", "best_lots", "level_lots")

Change = data.StructLayout(CHANGE)
Update = data.StructLayout(UPDATE)
BookRecord = data.StructLayout(BOOK_RECORD)
Subscribe = data.StructLayout(SUBSCRIBE)


class Publisher(wiring.Component):
    """Makes book records, as `tapeout.hdl.top.model.Feed` says.

    Latency is two cycles from an update to its record. Changes come at least two cycles apart; the
    print of an execution takes the cycle between.

    Parameters
    ----------
    latency : int
        Cycles from a change to its update.

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

    Reset forgets all messages on their way, all records that wait and all that is stale.
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

    def __init__(self, latency):
        self._latency = latency
        super().__init__()

    def elaborate(self, platform):
        """Let the change wait for its update, join both with the message, pass the record on."""
        m = Module()
        m.submodules.records = records = SmallFifo(BookRecord, RECORDS)
        m.submodules.aside = aside = Aside()
        wiring.connect(m, records.o, wiring.flipped(self.o))
        m.d.sync += self.room.eq(records.level <= RECORDS - IN_FLIGHT)

        changes = [Signal(Change, name=f"change{k}", reset_less=True) for k in range(self._latency)]
        changed = Signal(self._latency)
        m.d.sync += changed.eq(Cat(self.changed, changed))
        _shift(m, self.change, changes)
        now, change = changed[-1], changes[-1]
        m.d.comb += [
            aside.taken.eq(self.taken),
            aside.record.eq(self.record),
            aside.subscribed.eq(self.subscribed),
            aside.done.eq(now & change.last),
        ]
        level, full = change.kind != 0, _full(change)
        gap = aside.front.kind == Kind.GAP
        off = ~level & ~full & (aside.front.kind != 0) & (aside.heard | gap)
        stale = self._stale(m, changes, now & gap, now & full)
        place = Mux(level | full, self._locate(m), aside.front.locate)

        number, valid, printing = Signal(32), Signal(), Signal()
        out = Signal(BookRecord, reset_less=True)
        m.d.comb += [records.i.valid.eq(valid), records.i.payload.eq(out)]
        m.d.comb += records.i.payload.number.eq(number)
        emitted = printing | now & (level | full | off)
        m.d.sync += [valid.eq(emitted), number.eq(number + emitted)]
        m.d.sync += printing.eq(now & (change.kind == Kind.EXECUTE))

        with m.If(~printing):
            m.d.sync += _stamp(out, aside.front, place)
        self._make(m, out, printing, aside.front, change, stale)
        return m

    def _make(self, m, out, printing, front, change, stale):
        """All of the record but its stamp."""
        held, execution = Signal(Held, reset_less=True), Signal(Change, reset_less=True)
        m.d.sync += [held.eq(front), execution.eq(change)]
        with m.If(printing):
            m.d.sync += _print(out, held, execution)
        with m.Elif(change.kind != 0):
            m.d.sync += _level(out, front, change, self.update, stale)
        with m.Elif(_full(change)):
            m.d.sync += _refused(out, front, change)
        with m.Else():
            m.d.sync += _off_the_book(out, front, stale)

    def _locate(self, m):
        """The stock locate of the instrument whose update is here."""
        m.submodules.locates = locates = memory.Memory(shape=16, depth=INSTRUMENTS, init=[])
        write, read = locates.write_port(), locates.read_port()
        m.d.comb += [
            write.addr.eq(self.entry.instrument),
            write.data.eq(self.entry.locate),
            write.en.eq(self.listed),
            read.addr.eq(self.change.instrument),
        ]
        stages = [Signal(16, name=f"l{k}", reset_less=True) for k in range(self._latency - 1)]
        _shift(m, read.data, stages)
        return stages[-1]

    def _stale(self, m, changes, gap, full):
        """Whether the instrument whose update is here is stale."""
        lost, bits, said = Signal(), Signal(INSTRUMENTS), Signal()
        m.d.sync += [lost.eq(lost | gap), said.eq(bits.bit_select(changes[-2].instrument, 1))]
        with m.If(full | self.overflowed):
            m.d.sync += bits.bit_select(changes[-1].instrument, 1).eq(1)
        return lost | gap | said | self.overflowed


def _shift(m, source, stages):
    m.d.sync += [after.eq(before) for before, after in zip([source, *stages], stages, strict=False)]


def _full(change):
    return change.refusal[Refusal.FULL.bit_length() - 1]


def _marks(**bits):
    """The flags of a record, from one-bit values by the names of `Mark`."""
    by_place = {mark.bit_length() - 1: bits.get(mark.name.lower(), 0) for mark in Mark}
    return Cat(Value.cast(by_place[place])[0] for place in sorted(by_place))


def _stamp(out, held, locate):
    """What all records have of their message."""
    for name in ("sequence", "arrival_ns", "timestamp"):
        yield out[name].eq(held[name])
    yield out.locate.eq(locate)


def _level(out, held, change, update, stale):
    """A level has changed; the print of an execution follows."""
    following = (change.kind == Kind.EXECUTE) | ~change.last
    yield [out[name].eq(update[name]) for name in ROW]
    yield [
        out.kind.eq(change.kind),
        out.subject.eq(Mux(change.kind == Kind.REPLACE_IN, held.other, held.subject)),
        out.price.eq(change.price),
        out.lots.eq(change.lots),
        out.detail.eq(held.mpid),
        out.flags.eq(
            _marks(
                ask=change.side,
                stale=stale,
                incomplete=update.incomplete,
                best=update.at == 0,
                last=~following,
            )
        ),
    ]


def _refused(out, held, change):
    """The order table had no room for an order."""
    yield [out[name].eq(0) for name in (*ROW, "detail")]
    yield [
        out.kind.eq(Kind.STALE),
        out.subject.eq(Mux(held.replacing, held.other, held.subject)),
        out.price.eq(held.price),
        out.lots.eq(held.shares[:32]),
        out.flags.eq(_marks(stale=1, last=1)),
    ]


def _off_the_book(out, held, stale):
    """A trade, cross, break, state, imbalance or gap."""
    imbalance, state = held.kind == Report.IMBALANCE, held.kind == Kind.STATE
    trade, gap = held.kind == Kind.TRADE, held.kind == Kind.GAP
    printed = trade | (held.kind == Kind.CROSS)
    lots = Mux(imbalance, held.other, Mux(state, held.code, held.shares))
    subject = Mux(imbalance, held.shares, Mux(gap, held.subject, Mux(state, 0, held.other)))
    detail = Mux(imbalance, Cat(held.code, held.side), held.code)
    yield [out[name].eq(0) for name in ROW if name != "level_lots"]
    yield [
        out.kind.eq(held.kind),
        out.subject.eq(subject),
        out.price.eq(held.price),
        out.lots.eq(lots[:32]),
        out.level_lots.eq(lots[32:]),
        out.detail.eq(Mux(state, held.mpid, detail)),
        out.flags.eq(
            _marks(ask=trade & (held.side == ord("S")), printable=printed, stale=stale, last=1)
        ),
    ]


def _print(out, held, execution):
    """The print of the execution in `out`: its stamp and whether it is stale stay."""
    counts = ~held.priced | (held.code == ord("Y"))
    stale = out.flags[Mark.STALE.bit_length() - 1]
    yield [out[name].eq(0) for name in (*ROW, "detail")]
    yield [
        out.kind.eq(Report.PRINT),
        out.subject.eq(held.other),
        out.price.eq(Mux(held.priced, held.price, execution.price)),
        out.lots.eq(execution.lots),
        out.flags.eq(_marks(ask=execution.side, printable=counts, stale=stale, last=1)),
    ]
