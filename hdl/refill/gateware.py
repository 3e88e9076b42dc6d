"""Refills in gateware: brings the next levels to each row that ran short."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.choice.gateware import chosen
from tapeout.hdl.levels.layout import LEVELS, REFILL, UPDATE
from tapeout.hdl.rank.gateware import row_layout
from tapeout.hdl.scan.gateware import Scan

Asked = data.StructLayout(REFILL)
Update = data.StructLayout(UPDATE)
#: Rows visited in turn after each scan, before one is visited out of turn.
STRIDE = 16


class Refill(wiring.Component):
    """Looks for rows that are incomplete and brings them their next levels, one scan for each.

    All rows are visited in turn, for ever. The row that an update last said to be incomplete is
    visited out of turn, but `STRIDE` rows come in turn after each scan, so that no row waits for
    ever. A visit looks at the row. If it is incomplete, a scan of the order table finds up to
    `prices` prices beyond the last known level, with their lots, and these are offered, best first,
    until the row is complete; then, if there were fewer, that there is none. The level rows drop
    each offer if a change after the look has altered what lies beyond the row.

    What was changed before the look has to be in the table when the scan begins, and what the scan
    has seen of later changes has to be in the rows when its first level comes. A change may be
    written at most six cycles before or after it is told: a look is answered five cycles after its
    turn in the rows and the first row of orders is read two later; an offer has its turn nine
    cycles or more after the last row of orders was read, and six or more after the stash was, for
    which the scan lingers.

    Members
    -------
    o : Out(stream of `REFILL`)
        To `LevelRows.refill`: a look, or a level.
    refilled, row, number, update, update_valid : In
        From `LevelRows`.
    scan_row : Out; scan_taken, scan_entry, stash : In
        Those of `Scan`.

    Reset begins with the first row again.
    """

    def __init__(self, instruments=256, levels=LEVELS, rows=512, places=8, stash=8, prices=4):
        self.visits, self.prices = range(2 * instruments), prices
        self.scan = Scan(rows, places, stash, prices)
        ports = ("scan_row", "scan_taken", "scan_entry", "stash")
        super().__init__({
            "o": Out(stream.Signature(Asked)),
            "refilled": In(1), "row": In(row_layout(levels)), "number": In(self.visits),
            "update": In(Update), "update_valid": In(1),
            **{name: self.scan.signature.members[name] for name in ports},
        })  # fmt: skip

    def elaborate(self, platform):
        """Look, scan, offer."""
        m = Module()
        m.submodules.scan = scan = self.scan
        visited = Signal(self.visits, reset_less=True)
        m.d.comb += [
            self.scan_row.eq(scan.scan_row),
            scan.scan_taken.eq(self.scan_taken),
            scan.scan_entry.eq(self.scan_entry),
            scan.stash.eq(self.stash),
            Cat(scan.side, scan.instrument).eq(visited),
        ]
        offer = Signal(range(self.prices), reset_less=True)
        found = scan.found[offer]
        visit = self._visit(m, scan, found, offer)
        looks, offers = visit.ongoing("LOOK"), visit.ongoing("OFFER")
        m.d.comb += [
            self.o.valid.eq(looks | offers),
            self.o.payload.row.eq(visited),
            self.o.payload.look.eq(looks),
            self.o.payload.append.eq(offers & found.known),
            self.o.payload.none.eq(offers & ~found.known),
            self.o.payload.overflowed.eq(found.overflowed),
            self.o.payload.price.eq(found.price ^ (~scan.side).replicate(32)),
            self.o.payload.lots.eq(found.lots),
        ]
        self._bound(m, scan)
        self._choose(m, visited, choosing=visit.ongoing("CHOOSE"), ending=visit.ongoing("END"))
        return m

    def _visit(self, m, scan, found, offer):
        """From one choice of a row to the next."""
        refilled, short = Signal(), Signal()  # an answer has come; its row is still incomplete
        m.d.sync += [refilled.eq(self.refilled), short.eq(self.update.incomplete)]
        with m.FSM() as visit:
            with m.State("CHOOSE"):
                m.next = "LOOK"
            with m.State("LOOK"), m.If(self.o.ready):
                m.next = "SEE"
            with m.State("SEE"), m.If(refilled):
                m.d.sync += offer.eq(0)
                m.next = "CHOOSE"
                with m.If(short):
                    m.d.comb += scan.start.eq(1)
                    m.next = "SCAN"
            with m.State("SCAN"), m.If(scan.done):
                m.next = "OFFER"
            with m.State("OFFER"), m.If(self.o.ready):
                m.next = "END"
            with m.State("END"), m.If(refilled):
                m.d.sync += offer.eq(offer + 1)
                m.next = "CHOOSE"
                with m.If(short & found.known & (offer != self.prices - 1)):
                    m.next = "OFFER"
        return visit

    def _bound(self, m, scan):
        """The last known level of the row that was looked at. An offer's answer may pass, too.

        The row stands for two cycles: which level is last is known in the second.
        """
        levels, late = self.row.levels, Signal()
        known, ends = Cat(level.known for level in levels), Signal(len(levels), reset_less=True)
        turn = (~self.scan.side).replicate(32)
        bound, bounded = Signal(32, reset_less=True), Signal(reset_less=True)
        m.d.sync += [late.eq(self.refilled), ends.eq(known & ~(known >> 1))]
        with m.If(late):
            m.d.sync += [
                bound.eq(chosen(ends, (level.price ^ turn for level in levels))),
                bounded.eq(ends.any()),
            ]
        m.d.comb += [scan.bound.eq(bound), scan.bounded.eq(bounded)]

    def _choose(self, m, visited, choosing, ending):
        """The row to visit: the next in turn, or one that is known to be incomplete."""
        turn, short = Signal(self.visits), Signal(self.visits, reset_less=True)
        wanted, strides = Signal(), Signal(range(STRIDE + 1))
        urgent = wanted & (strides == 0)
        with m.If(choosing):
            m.d.sync += visited.eq(Mux(urgent, short, turn))
            with m.If(urgent):
                m.d.sync += wanted.eq(0)
            with m.Else():
                m.d.sync += [
                    turn.eq(Mux(turn == self.visits[-1], 0, turn + 1)),
                    strides.eq(strides - (strides != 0)),
                ]
        with m.If((self.update_valid | (self.refilled & ending)) & self.update.incomplete):
            m.d.sync += [wanted.eq(1), short.eq(self.number)]
        with m.If(ending):
            m.d.sync += strides.eq(STRIDE)
