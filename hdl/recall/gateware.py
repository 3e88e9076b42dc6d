"""Recalls the last references asked for, so that their results are taken instead of stale words."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike, alike_chunks
from tapeout.hdl.orders.layout import REFERENCE_BITS

PAST = 2  # ops whose results block RAM does not show yet, at one op in two cycles


class Recall(wiring.Component):
    """Compares every reference with those of the last `PAST` ops, newest first.

    A replace asks for its new reference in the cycle after its old one, of which it is not told.

    Members
    -------
    key : In(64)
        The reference asked for, in cycle t.
    row : In(array of row numbers)
        The rows it names, in cycle t.
    op : In(1)
        What was asked for in cycle t - 1 was an op: later ones are told of it.
    any : Out(1)
        One of them named the same reference, in cycle t + 1.
    same : Out(one bit an op)
        Which did, in cycle t + 2.
    shared : Out(array of banks, one bit an op)
        Which named the same row of a bank, in cycle t + 3.

    Reset forgets all.
    """

    def __init__(self, rows: data.ArrayLayout):
        self.rows = rows
        shared = data.ArrayLayout(PAST, rows.length)
        super().__init__(
            {
                "key": In(REFERENCE_BITS),
                "row": In(rows),
                "op": In(1),
                "any": Out(1),
                "same": Out(PAST),
                "shared": Out(shared),
            }
        )

    def elaborate(self, platform):
        """A reference is compared in two cycles, a row number in one."""
        m = Module()
        lane = data.StructLayout({"key": REFERENCE_BITS, "row": self.rows})
        lanes = [Signal(lane, reset_less=True, name=f"lane{k}") for k in range(PAST + 1)]
        known = Signal(PAST)
        m.d.sync += [lanes[0].key.eq(self.key), lanes[0].row.eq(self.row)]
        with m.If(self.op):
            m.d.sync += known.eq(Cat(1, known))
            m.d.sync += [lanes[k + 1].eq(lanes[k]) for k in range(PAST)]
        shared = [Signal(self.shared.shape(), reset_less=True, name=f"shared{k}") for k in range(2)]
        same = Signal(PAST)
        m.d.comb += self.any.eq(same.any())
        m.d.sync += self.same.eq(same)
        for k, past in enumerate(lanes[1:]):
            chunks = alike_chunks(m, past.key, self.key, known[k], f"pairs{k}")
            whole = Signal(len(chunks), reset_less=True, name=f"alike{k}")
            m.d.sync += whole.eq(chunks)
            m.d.comb += same[k].eq(whole.all())
            for bank, row in enumerate(past.row):
                m.d.sync += shared[0][bank][k].eq(
                    known[k] & alike(m, row, self.row[bank], f"rows{k}{bank}")
                )
        m.d.sync += [shared[1].eq(shared[0]), self.shared.eq(shared[1])]
        return m
