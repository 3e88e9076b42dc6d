"""Counts, inside the whole gateware, the hazards that a stream of messages has brought about."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.levels.layout import LEVELS
from tapeout.hdl.orders.layout import Action, Refusal

NEAR = range(2, 11)  # cycles between two ops, or two changes, that the pipelines must tell apart
CHANGES = (Kind.ADD, Kind.CANCEL, Kind.DELETE, Kind.EXECUTE, Kind.REPLACE_OUT, Kind.REPLACE_IN)
HAZARDS = [
    *(f"same reference {cycles} cycles later" for cycles in NEAR),
    *(f"what a replace brought in {cycles} cycles later" for cycles in NEAR if cycles >= 4),
    *(f"same row {cycles} cycles later" for cycles in NEAR),
    *(f"same level {cycles} cycles later" for cycles in NEAR),
    *(f"{kind.name.lower()} at place {place}" for kind in CHANGES for place in (0, 1, LEVELS)),
    *(f"refused: {str(one.name).lower()}" for one in Refusal),
    "replace onto a live reference",
    "order into the stash",
    "order out of the stash",
    "row ran short",
    "level looked for",
    "level brought",
    "no level left",
    "level dropped",
    "change while a refill is in the pipe",
]
Met = data.ArrayLayout(1, len(HAZARDS))


class Witness(wiring.Component):
    """Watches order table and level rows of a feed handler by their ports; disturbs nothing.

    Members
    -------
    met : Out(one bit for each of `HAZARDS`)
        Whether it has happened since power-up.
    """

    met: Out(Met)

    def __init__(self, books):
        self._books = books
        super().__init__()

    def elaborate(self, platform):
        """Look at ops as they are taken, at changes as they are answered, at rows as they leave."""
        m = Module()
        self._ops(m)
        self._changes(m)
        self._updates(m)
        return m

    def _mark(self, m, name, now):
        with m.If(now):
            m.d.sync += self.met[HAZARDS.index(name)].eq(1)

    def _ops(self, m):
        """Ops that name an order which one shortly before them touched, or brought in."""
        table = self._books.table
        op, taken = table.i.payload, Signal()
        m.d.comb += taken.eq(table.i.valid & table.i.ready & (op.action != Action.NONE))
        enters = op.action == Action.REPLACE
        past = _past(m, Cat(op.reference, op.other, enters, taken), max(NEAR))
        for cycles in NEAR:
            reference, other, entered, was = _cut(past[cycles - 1], 64, 64, 1, 1)
            again = taken & was
            self._mark(
                m, f"same reference {cycles} cycles later", again & (op.reference == reference)
            )
            if cycles >= 4:
                name = f"what a replace brought in {cycles} cycles later"
                self._mark(m, name, again & entered & (op.reference == other))
        self._refusals(m, past)

    def _refusals(self, m, past):
        table = self._books.table
        statistics = table.statistics
        before = Signal.like(statistics.stashed)
        m.d.sync += before.eq(statistics.stashed)
        self._mark(m, "order into the stash", statistics.stashed > before)
        self._mark(m, "order out of the stash", statistics.stashed < before)
        for bit, one in enumerate(Refusal):
            now = table.valid & table.o.refusal[bit]
            self._mark(m, f"refused: {str(one.name).lower()}", now)
            if one == Refusal.REPEATED_REFERENCE:
                entered = past[5][128]  # the answer stands six cycles after its op
                self._mark(m, "replace onto a live reference", now & entered)

    def _changes(self, m):
        """Changes of a row, or of one level, that another has changed shortly before."""
        rows = self._books.levels
        change, now = rows.i, Signal()
        m.d.comb += now.eq(rows.i_valid & (change.kind != 0))
        past = _past(m, Cat(change.side, change.instrument, change.price, now), max(NEAR))
        for cycles in NEAR:
            side, instrument, price, was = _cut(past[cycles - 1], 1, 8, 32, 1)
            row = now & was & (Cat(side, instrument) == Cat(change.side, change.instrument))
            self._mark(m, f"same row {cycles} cycles later", row)
            self._mark(m, f"same level {cycles} cycles later", row & (price == change.price))

    def _updates(self, m):
        """What a change did to its row, and what a refill did."""
        rows, levels = self._books.levels, self._books.levels.levels
        past = _past(m, Cat(rows.i.kind, rows.i_valid), 5)
        kind, was = _cut(past[4], 4, 1)
        for one in CHANGES:
            for place in (0, 1, LEVELS):
                now = rows.o_valid & was & (kind == one) & (rows.o.at == place)
                self._mark(m, f"{one.name.lower()} at place {place}", now)
        self._mark(m, "row ran short", rows.o_valid & rows.o.incomplete & (rows.o.levels < levels))
        asked, taken = rows.refill.payload, rows.refill.valid & rows.refill.ready
        self._mark(m, "level looked for", taken & asked.look)
        self._mark(m, "change while a refill is in the pipe", rows.refill.valid & rows.i_valid)
        (what,) = (_past(m, Cat(asked.append, asked.none, taken), 4)[3],)
        append, none, came = _cut(what, 1, 1, 1)
        stirred = rows.refilled & came & rows.row.stirred
        self._mark(m, "level brought", rows.refilled & came & append & ~rows.row.stirred)
        self._mark(m, "no level left", rows.refilled & came & none & ~rows.row.stirred)
        self._mark(m, "level dropped", stirred & (append | none))


def _past(m, now, count):
    """The value of one cycle ago, of two, ..."""
    past = [Signal(len(now), name=f"past_{k}") for k in range(count)]
    m.d.sync += [later.eq(earlier) for earlier, later in zip([now, *past], past, strict=False)]
    return past


def _cut(value, *widths):
    """Parts of a value, lowest first."""
    parts, at = [], 0
    for width in widths:
        parts.append(value[at : at + width])
        at += width
    return parts
