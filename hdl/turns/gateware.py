"""Whose turn it is: each cycle of the order table goes to an op, a sweep or a scan."""

from functools import reduce
from operator import xor

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.orders.layout import OP, REFERENCE_BITS, Action, row_bits, taps
from tapeout.hdl.verdict.gateware import ASK
from tapeout.hdl.ways.gateware import BANKS

SETTLE = 8  # cycles in which the last rows swept are written and can be read

#: What a cycle is for: to judge an op, to show a scanned row, to sweep one; and whether it leaves a
#: result to recall.
STEP = data.StructLayout({"op": 1, "scan": 1, "sweep": 1, "past": 1})


def lane(rows):
    """What goes with a step through the table: the reference, its rows, what is asked."""
    row = data.ArrayLayout(row_bits(rows), BANKS)
    return data.StructLayout({"key": REFERENCE_BITS, "row": row, "ask": ASK})


class Turns(wiring.Component):
    """Takes ops, one in two cycles; a replace has four.

    In cycle t + 1 after an op is taken it is its turn. Of a replace the new reference is probed in
    t + 2 and enters in t + 3. Turns that no op needs go to scans; the first ones after reset, until
    every row is empty, to the sweep.

    Members
    -------
    i : In(stream of `OP`)
    hold : In(1)
        No op is taken in the next cycle.
    scan_row : In(row number)
    scan_taken : Out(1)
        The next cycle is for the scan of `scan_row`.
    step : Out(`STEP`)
    lane : Out(`lane(rows)`)
        But for the subscription, which is not known yet.

    Reset forgets what is in progress and sweeps; `i` is held back meanwhile.
    """

    def __init__(self, rows: int):
        self.rows = rows
        super().__init__(
            {
                "i": In(stream.Signature(data.StructLayout(OP))),
                "hold": In(1),
                "scan_row": In(row_bits(rows)),
                "scan_taken": Out(1),
                "step": Out(STEP),
                "lane": Out(lane(rows)),
            }
        )

    def elaborate(self, platform):
        """Registers of the first stage."""
        m = Module()
        swept, empty = Signal(range(self.rows + SETTLE + 1)), Signal()
        ready, probe, enter = Signal(), Signal(), Signal()
        load = Signal(init=1, reset_less=True)  # whenever `ready`; a register of its own
        spare = Signal()  # no replace is at work, and no sweep: for the scan, who is far
        taken = self.i.valid & ready
        idle, replaces = ~(taken | probe | enter), self.i.payload.action == Action.REPLACE
        step, lane = Signal(STEP), Signal.like(self.lane, reset_less=True)
        m.d.comb += [
            self.i.ready.eq(ready),
            self.scan_taken.eq(spare & ~taken),
            self.step.eq(step),
            self.lane.eq(lane),
        ]
        with m.If(swept != self.rows + SETTLE):
            m.d.sync += swept.eq(swept + 1)
        m.d.sync += [
            empty.eq(swept == self.rows + SETTLE),
            probe.eq(taken & replaces),
            spare.eq(empty & ~(taken & replaces) & ~probe),
            enter.eq(probe),
            ready.eq(idle & empty & ~self.hold),
            load.eq(idle),
            step.op.eq(taken | enter),
            step.scan.eq(self.scan_taken),
            step.sweep.eq(swept < self.rows),
            step.past.eq(taken | enter | (swept < self.rows)),
        ]
        self._load(m, lane, load, enter)
        other = Signal.like(lane.row, reset_less=True, name="other_row")
        with m.If(load):
            m.d.sync += other.eq(self._rows(self.i.payload.other))
        row = Mux(empty, self.scan_row, swept[: len(self.scan_row)]).replicate(BANKS)
        wanted = Mux(probe | enter, other.as_value(), row)
        m.d.sync += lane.row.eq(Mux(taken, self._rows(self.i.payload.reference), wanted))
        return m

    def _load(self, m, lane, load, enter):
        """An op, or nothing that matters; behind it the other reference, for a replace."""
        op, ask = self.i.payload, lane.ask
        other = Signal(REFERENCE_BITS, reset_less=True)
        m.d.sync += [ask.enters.eq(enter), lane.key.eq(Mux(load, op.reference, other))]
        with m.If(load):
            m.d.sync += [
                other.eq(op.other),
                ask.action.eq(op.action),
                ask.sided.eq((op.side == ord("B")) | (op.side == ord("S"))),
                ask.ask.eq(op.side == ord("S")),
                ask.empty.eq(op.shares == 0),
                ask.shares.eq(op.shares),
                ask.price.eq(op.price),
            ]

    def _rows(self, key):
        """The row numbers of a reference, one in each bank."""
        bits = [bit for bank in range(BANKS) for bit in taps(row_bits(self.rows), bank)]
        return Cat(reduce(xor, (key[at] for at in bit)) for bit in bits)
