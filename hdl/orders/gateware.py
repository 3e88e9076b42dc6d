"""Order table: every op answered with the change of one level, in order, at fixed latency."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import kept
from tapeout.hdl.choice.gateware import any_of
from tapeout.hdl.orders.layout import (
    CHANGE,
    ENTRY,
    INSTRUMENT_BITS,
    OP,
    REFERENCE_BITS,
    Action,
    Refusal,
    row_bits,
)
from tapeout.hdl.recall.gateware import PAST, Recall
from tapeout.hdl.room.gateware import Room
from tapeout.hdl.stash.gateware import Stash
from tapeout.hdl.tally.gateware import STATISTICS, Tally
from tapeout.hdl.turns.gateware import STEP, Turns
from tapeout.hdl.verdict.gateware import Verdict
from tapeout.hdl.ways.gateware import BANKS, Ways

Op, Change, Entry = (data.StructLayout(fields) for fields in (OP, CHANGE, ENTRY))
STAGES = 5  # from the op's register to its verdict


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
    hold : In(1)
        No op is taken in the next cycle.
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
        `refused` by the bits of `Refusal`; three cycles behind.

    Reset empties the table row by row; `i` is held back meanwhile.
    """

    def __init__(self, rows: int = 512, ways: int = 4, stash: int = 8):
        self.rows, self.ways, self.places = rows, ways, stash
        self.in_rows = BANKS * ways
        self.bits = bits = row_bits(rows)
        rows_of_banks = data.ArrayLayout(bits, BANKS)
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
                "hold": In(1),
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
        m.submodules.turns = turns = Turns(self.rows)
        m.submodules.ways = ways = Ways(self.rows, self.ways)
        m.submodules.stash = stash = Stash(self.places)
        m.submodules.recall = recall = Recall(self.result["row"].shape)
        m.submodules.room = room = Room(self.ways, self.places)
        m.submodules.verdict = verdict = Verdict()
        held = Signal(self.result, reset_less=True)
        past = [Signal(self.result, name="newest"), Signal(self.result, reset_less=True)]

        wiring.connect(m, wiring.flipped(self.i), turns.i)
        m.d.comb += [
            turns.hold.eq(self.hold),
            turns.scan_row.eq(self.scan_row),
            self.scan_taken.eq(turns.scan_taken),
        ]
        steps, lanes = self._stages(m, turns)
        m.d.comb += [
            ways.row.eq(lanes[0].row),
            ways.tag.eq(lanes[1].key[self.bits :]),
            stash.key.eq(lanes[0].key),
            recall.key.eq(lanes[0].key),
            recall.row.eq(lanes[0].row),
            recall.op.eq(steps[1].op),
            ways.unless.eq(recall.same.any()),
            stash.unless.eq(recall.any),
            verdict.ask.eq(lanes[3].ask),
            self.scan_valid.eq(steps[3].scan),
            self.scan_entry.eq(ways.entry),
            self.stash.eq(stash.entry),
        ]
        place, occupied = self._select(
            m, verdict, recall.same, steps[4].past, lanes[3].ask.enters, past, ways, stash
        )
        self._room(m, room, recall.shared, past, ways, stash)
        self._judge(m, verdict, room, steps[4], lanes[4], place, held, past)
        self._settle(m, verdict, steps[4], lanes[4], occupied, held, past[0], ways, stash)
        return m

    def _stages(self, m, turns):
        """Steps and what goes with them, from the turn to the verdict."""
        step, lane = STEP, turns.lane.shape()
        steps, lanes = [turns.step], [turns.lane]
        for k in range(1, STAGES):
            steps.append(Signal(step, name=f"step{k}"))
            lanes.append(Signal(lane, reset_less=True, name=f"lane{k}"))
            m.d.sync += [steps[k].eq(steps[k - 1]), lanes[k].eq(lanes[k - 1])]
        m.d.sync += [  # the subscription is known one stage later than the rest
            lanes[2].ask.subscribed.eq(self.subscribed),
            lanes[2].ask.instrument.eq(self.instrument),
        ]
        with m.If(steps[0].sweep):  # whatever is in the row
            m.d.sync += lanes[1].ask.action.eq(Action.DELETE)
        return steps, lanes

    def _select(self, m, verdict, same, shifts, enters, past, ways, stash):
        """The order asked for, from the newest source that has it, and its place.

        The result before the last comes with the stash's order, a cycle early. A replacement that
        enters has none: it stays with what the probe before it found.
        """
        use = Signal(PAST, reset_less=True)
        m.d.sync += use.eq(Cat(same[0], same[1] & ~same[0]))
        older = Mux(shifts, past[0].entry.as_value(), past[1].entry.as_value())  # one cycle hence
        m.d.comb += stash.elsewhere.eq(Mux(same[1] & ~same[0], older, 0))
        hit = Cat(ways.hit, stash.hit)
        sources = [*zip(ways.hit, ways.entry, strict=True)]
        sources += [(use[0], past[0].entry), (Const(1), stash.found)]
        chosen = [Mux(on, order.as_value(), 0) for on, order in sources]
        pairs = [kept(m, chosen[k] | chosen[k + 1], f"pair{k}") for k in range(0, len(chosen), 2)]
        places = [  # what has left has none: it may be another's by now
            Mux(use[k] & result.entry.valid, result.place, 0) for k, result in enumerate(past)
        ]
        found, place = Signal(Entry, reset_less=True), Signal.like(hit, reset_less=True)
        occupied = Signal(init=1, reset_less=True)  # `found.valid` in a register of its own
        order = Entry(any_of(pairs))
        with m.If(~enters):
            m.d.sync += [found.eq(order), occupied.eq(order.valid)]
            m.d.sync += place.eq(any_of((*places, hit)))
        m.d.comb += verdict.found.eq(found)
        return place, occupied

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
        m.d.comb += room.stash.eq(Cat(entry.valid for entry in stash.entry))

    def _judge(self, m, verdict, room, step, lane, place, held, past):
        """Answer, and remember the result."""
        emptied = Signal(reset_less=True)
        m.d.comb += [
            past[0].eq(held),
            past[0].entry.valid.eq(held.entry.valid & ~emptied),
            verdict.parent.eq(past[0].entry),
            verdict.room.eq(room.any),
        ]
        with m.If(step.past):
            m.d.sync += [
                held.key.eq(lane.key),
                held.row.eq(lane.row),
                held.place.eq(Mux(verdict.enters, room.place, place)),
                held.entry.eq(verdict.after),
                emptied.eq(verdict.emptied),
                past[1].eq(past[0]),
            ]

    def _settle(self, m, verdict, step, lane, occupied, held, newest, ways, stash):
        """Answer and write in the cycle after the verdict, when the probe of a replace is known.

        Its order stays if the new reference is in use.
        """
        answer, left = Signal(Change, reset_less=True), Signal()
        contested, leaves, stored, gone, emptied = (Signal() for _ in range(5))
        stays = contested & occupied
        m.d.sync += [
            answer.eq(verdict.change),
            self.valid.eq(step.op & (~lane.ask.enters | left)),
            contested.eq(step.op & verdict.contested),
            leaves.eq(step.op & verdict.leaves),
            left.eq(leaves & ~stays),
            stored.eq(step.op & verdict.stored),
            gone.eq(step.op & verdict.gone),
            emptied.eq(step.op & verdict.emptied),
        ]
        m.d.comb += [verdict.left.eq(left), self.o.eq(answer)]
        with m.If(stays):
            m.d.sync += held.entry.valid.eq(1)
            m.d.comb += [
                self.o.kind.eq(0),
                self.o.last.eq(1),
                self._refusal(Refusal.REPEATED_REFERENCE).eq(1),
                self._refusal(Refusal.ZERO_SHARES).eq(0),
            ]
        stashed = self._write(m, step, verdict.applied, stays, newest, ways, stash)
        m.submodules.tally = tally = Tally(self.in_rows * self.rows + self.places, self.places)
        m.d.comb += [
            tally.stored.eq(stored),
            tally.gone.eq((gone & ~stays) | emptied),
            tally.stashed.eq(stashed),
            tally.valid.eq(self.valid),
            tally.refusal.eq(self.o.refusal),
            self.statistics.eq(tally.statistics),
        ]

    def _write(self, m, step, applied, stays, newest, ways, stash):
        """Write the newest result; whether its place is in the stash.

        That is written in any case, if need be with what it holds: less hangs on the probe.
        """
        judged, write, sweep = Signal(), Signal(), Signal()
        m.d.sync += [judged.eq(step.op), write.eq(step.op & applied), sweep.eq(step.sweep)]
        rows, stashed = newest.place[: self.in_rows], newest.place[self.in_rows :]
        m.d.comb += [
            ways.put_row.eq(newest.row),
            ways.put_tag.eq(newest.key[self.bits :]),
            ways.put_entry.eq(newest.entry),
            stash.put_key.eq(newest.key),
            stash.put_entry.eq(newest.entry),
            stash.put_entry.valid.eq(newest.entry.valid | stays),
            stash.put.eq(stashed & judged.replicate(self.places)),
            ways.put.eq(rows & (write & ~stays).replicate(self.in_rows)),
        ]
        with m.If(sweep):
            m.d.comb += ways.put.eq(~0)
        return stashed.any()

    def _refusal(self, refusal):
        """Its bit in the answer."""
        return self.o.refusal[refusal.bit_length() - 1]
