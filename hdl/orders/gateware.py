"""Order table: every op answered with the change of one level, in order, at fixed latency."""

from functools import reduce
from operator import or_, xor

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.orders.layout import (
    CHANGE,
    ENTRY,
    INSTRUMENT_BITS,
    OP,
    REFERENCE_BITS,
    Action,
    Refusal,
    row_bits,
    taps,
)
from tapeout.hdl.recall.gateware import PAST, Recall
from tapeout.hdl.room.gateware import Room
from tapeout.hdl.stash.gateware import Stash
from tapeout.hdl.verdict.gateware import ASK, Verdict
from tapeout.hdl.ways.gateware import BANKS, Ways

Op, Change, Entry = (data.StructLayout(fields) for fields in (OP, CHANGE, ENTRY))
STAGES = 5  # from the op's register to its verdict
SETTLE = 8  # cycles in which the last rows swept are written and can be read

#: What a stage does, besides nothing: judge an op, show a scanned row, sweep one.
STEP = data.StructLayout({"op": 1, "scan": 1, "sweep": 1})
STATISTICS = data.StructLayout(
    {
        "live": 32,
        "most_live": 32,
        "stashed": 8,
        "most_stashed": 8,
        "refused": data.ArrayLayout(32, len(Refusal)),
    }
)


class OrderTable(wiring.Component):
    """Live orders in block RAM; each op is answered as `tapeout.hdl.orders.model.Orders` says.

    An order rests in one of `ways` places of the row that its reference names in the first bank, or
    of that in the second, whichever is emptier; else in the stash; else it is refused as `FULL`.

    The answer to an op stands six cycles after the cycle in which it is taken; the second one of a
    replace, two cycles later. An op is taken every second cycle, after a replace the fourth.
    Nothing downstream can hold it back.

    Members
    -------
    i : In(stream of `OP`)
    subscribed : In(1)
        Somebody listens to the op's instrument; two cycles after it is taken.
    instrument : In(8)
        With `subscribed`.
    o : Out(`CHANGE`)
    valid : Out(1)
    scan_row : In(row number)
        A row to show, of both banks.
    scan_taken : Out(1)
        No op needs the memory: the row will be shown.
    scan_valid : Out(1)
        Four cycles after `scan_taken`.
    scan_entry : Out(array of `ENTRY`)
        The row's orders. Each answer that stood when the scan was taken, or before, is seen.
    stash : Out(array of `ENTRY`)
        Shows an answer from the cycle after.
    statistics : Out(`STATISTICS`)
        `refused` by the bits of `Refusal`; two cycles behind.

    Reset empties the table row by row; `i` is held back meanwhile.
    """

    def __init__(self, rows: int = 512, ways: int = 4, stash: int = 8):
        self.rows, self.ways, self.places = rows, ways, stash
        self.in_rows = BANKS * ways
        self.bits = bits = row_bits(rows)
        rows_of_banks = data.ArrayLayout(bits, BANKS)
        self.lane = data.StructLayout({"key": REFERENCE_BITS, "row": rows_of_banks, "ask": ASK})
        self.result = data.StructLayout(
            {
                "key": REFERENCE_BITS,
                "row": rows_of_banks,
                "place": self.in_rows + stash,
                "entry": Entry,
            }
        )
        super().__init__(
            {
                "i": In(stream.Signature(Op)),
                "subscribed": In(1),
                "instrument": In(INSTRUMENT_BITS),
                "o": Out(Change),
                "valid": Out(1),
                "scan_row": In(bits),
                "scan_taken": Out(1),
                "scan_valid": Out(1),
                "scan_entry": Out(data.ArrayLayout(Entry, self.in_rows)),
                "stash": Out(data.ArrayLayout(Entry, stash)),
                "statistics": Out(STATISTICS),
            }
        )

    def elaborate(self, platform):
        """Five stages: read, its answer, compare, select, judge."""
        m = Module()
        m.submodules.ways = ways = Ways(self.rows, self.ways)
        m.submodules.stash = stash = Stash(self.places)
        m.submodules.recall = recall = Recall(self.result["row"].shape)
        m.submodules.room = room = Room(self.ways, self.places)
        m.submodules.verdict = verdict = Verdict()
        steps = [Signal(STEP, name=f"step{k}") for k in range(STAGES)]
        lanes = [Signal(self.lane, reset_less=True, name=f"lane{k}") for k in range(STAGES)]
        past = [Signal(self.result, reset_less=True, name=f"past{k}") for k in range(PAST)]

        self._front(m, steps[0], lanes[0])
        for k in range(1, STAGES):
            m.d.sync += [steps[k].eq(steps[k - 1]), lanes[k].eq(lanes[k - 1])]
        m.d.sync += [  # the subscription is known one stage later than the rest
            lanes[2].ask.subscribed.eq(self.subscribed),
            lanes[2].ask.instrument.eq(self.instrument),
        ]
        m.d.comb += [
            ways.row.eq(lanes[0].row),
            ways.tag.eq(lanes[2].key[self.bits :]),
            stash.key.eq(lanes[0].key),
            recall.key.eq(lanes[0].key),
            recall.row.eq(lanes[0].row),
            recall.op.eq(steps[1].op),
            self.scan_valid.eq(steps[3].scan),
            self.scan_entry.eq(ways.entry),
            self.stash.eq(stash.entry),
        ]
        use, stays = self._sources(m, lanes[2].ask.enters, recall.same, verdict.leaves)
        place = self._select(m, verdict, use, stays, past, ways, stash)
        self._room(m, room, recall.shared, past, ways, stash)
        put = self._judge(m, verdict, room, steps[4], lanes[4], place, past)
        self._write(m, ways, stash, verdict, put, past[0])
        self._count(m, verdict, steps[4].op, put)
        return m

    def _front(self, m, step, lane):
        """Give each cycle to an op, to the halves of a replace, to the sweep or to a scan."""
        swept = Signal(range(self.rows + SETTLE + 1))
        ready, probe, enter = Signal(), Signal(), Signal()
        other = Signal(REFERENCE_BITS, reset_less=True)
        op, taken = self.i.payload, self.i.valid & ready
        idle, sweeping = ~(taken | probe | enter), swept != self.rows + SETTLE
        m.d.comb += [self.i.ready.eq(ready), self.scan_taken.eq(idle & ~sweeping)]
        m.d.sync += [
            swept.eq(swept + sweeping),
            probe.eq(taken & (op.action == Action.REPLACE)),
            enter.eq(probe),
            ready.eq(idle & ~sweeping),
            step.op.eq(taken | enter),
            step.scan.eq(self.scan_taken),
            step.sweep.eq(swept < self.rows),
            lane.ask.enters.eq(enter),
        ]
        with m.If(ready):
            m.d.sync += [
                other.eq(op.other),
                lane.key.eq(op.reference),
                lane.ask.action.eq(op.action),
                lane.ask.sided.eq((op.side == ord("B")) | (op.side == ord("S"))),
                lane.ask.ask.eq(op.side == ord("S")),
                lane.ask.empty.eq(op.shares == 0),
                lane.ask.shares.eq(op.shares),
                lane.ask.price.eq(op.price),
            ]
        with m.Elif(probe):
            m.d.sync += lane.key.eq(other)
        for bank in range(BANKS):
            with m.If(taken):
                m.d.sync += lane.row[bank].eq(self._row(op.reference, bank))
            with m.Elif(probe):
                m.d.sync += lane.row[bank].eq(self._row(other, bank))
            with m.Elif(~enter):
                m.d.sync += lane.row[bank].eq(Mux(sweeping, swept, self.scan_row))

    def _row(self, key, bank):
        """The row number of a reference."""
        return Cat(reduce(xor, (key[at] for at in bit)) for bit in taps(self.bits, bank))

    def _sources(self, m, enters, same, leaves):
        """Where to take the order from: the last result, the one before, or the memories.

        A replacement takes up the order that leaves just before; one that may not enter stays with
        what the probe for its reference found.
        """
        use, stays = Signal(PAST + 1, reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            use.eq(Cat(same[0], same[1] & ~same[0], ~same.any())),
            stays.eq(enters & ~leaves),
        ]
        with m.If(enters & leaves):
            m.d.sync += use.eq(1)
        return use, stays

    def _select(self, m, verdict, use, stays, past, ways, stash):
        """The order asked for, and its place, for the verdict; a probe's is there a cycle early."""
        hit = Cat(ways.hit, stash.hit) & use[PAST].replicate(len(past[0].place))
        sources = list(zip(use, [*(result.entry for result in past), stash.found], strict=True))
        sources += list(zip(hit, ways.entry, strict=False))
        places = [  # what has left has none: it may be another's by now
            Mux(use[k] & result.entry.valid, result.place, 0) for k, result in enumerate(past)
        ]
        found = Signal(Entry)
        m.d.comb += [
            found.as_value().eq(
                reduce(or_, (Mux(on, order.as_value(), 0) for on, order in sources))
            ),
            verdict.repeated.eq(found.valid),
        ]
        selected, place = Signal(Entry, reset_less=True), Signal.like(hit, reset_less=True)
        with m.If(~stays):
            m.d.sync += [selected.eq(found), place.eq(reduce(or_, places, hit))]
        m.d.comb += verdict.found.eq(selected)
        return place

    def _room(self, m, room, shared, past, ways, stash):
        """What the rows hold, and what the last results made of that."""
        for place in range(self.in_rows):
            last, before = (
                shared[place // self.ways][k] & result.place[place] for k, result in enumerate(past)
            )
            m.d.comb += [
                room.full[place].eq(ways.entry[place].valid),
                room.changed[place].eq(last | before),
                room.kept[place].eq(
                    (last & past[0].entry.valid) | (before & ~last & past[1].entry.valid)
                ),
            ]
        m.d.comb += room.stash.eq(stash.free)

    def _judge(self, m, verdict, room, step, lane, old_place, past):
        """Answer, and remember the result; which places it is to be written to."""
        left, put = Signal(), Signal(self.in_rows + self.places)
        place = Mux(verdict.enters, room.place, old_place)
        m.d.comb += [
            verdict.ask.eq(lane.ask),
            verdict.left.eq(left),
            verdict.room.eq(room.any),
        ]
        with m.If(step.op):
            m.d.comb += put.eq(Mux(verdict.applied, place, 0))
            m.d.sync += left.eq(verdict.leaves)
        with m.Elif(step.sweep):
            m.d.comb += put.eq((1 << self.in_rows) - 1)
        with m.If(step.op | step.sweep):
            m.d.sync += [
                past[0].key.eq(lane.key),
                past[0].row.eq(lane.row),
                past[0].place.eq(place),
                past[0].entry.eq(verdict.after),
                past[0].entry.valid.eq(verdict.after.valid & ~step.sweep),
                past[1].eq(past[0]),
            ]
        m.d.sync += [
            self.o.eq(verdict.change),
            self.valid.eq(step.op & (~lane.ask.enters | left)),
        ]
        return put

    def _write(self, m, ways, stash, verdict, put, newest):
        """Write what the newest result says, one cycle after the verdict."""
        m.d.sync += ways.put.eq(put[: self.in_rows])
        m.d.comb += [
            ways.put_row.eq(newest.row),
            ways.put_tag.eq(newest.key[self.bits :]),
            ways.put_entry.eq(newest.entry),
            stash.put.eq(put[self.in_rows :]),
            stash.keep.eq(verdict.after.valid),
            stash.put_key.eq(newest.key),
            stash.put_entry.eq(newest.entry),
        ]

    def _count(self, m, verdict, op, put):
        """Statistics, a stage behind."""
        more, less, stash = Signal(), Signal(), Signal()
        count = self.statistics
        m.d.sync += [
            more.eq(op & verdict.stored),
            less.eq(op & verdict.gone),
            stash.eq(put[self.in_rows :].any()),
            count.live.eq(count.live + more - less),
            count.stashed.eq(count.stashed + (more & stash) - (less & stash)),
        ]
        for now, most in ((count.live, count.most_live), (count.stashed, count.most_stashed)):
            with m.If(now > most):
                m.d.sync += most.eq(now)
        for bit in range(len(Refusal)):
            refused = self.valid & self.o.refusal[bit]
            m.d.sync += count.refused[bit].eq(count.refused[bit] + refused)
