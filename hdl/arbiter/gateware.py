"""Merges two lines of one feed: each message once and in sequence, from whichever has it first."""

from amaranth import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike_bits
from tapeout.hdl.arbiter.layout import WANTED
from tapeout.hdl.itch.layout import RECORD
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.reader.gateware import COUNTERS as READER_COUNTERS
from tapeout.hdl.reader.gateware import Reader, Session

Record = data.StructLayout(RECORD)
COUNTERS = ("delivered", "unwanted", "gaps", "sessions")


class State(enum.Enum, shape=3):
    """What is done now; nothing is taken from a line but in `RUN`."""

    RUN = 0  # lines are read
    HALT = 1  # a line has waited long enough: all distances come to be known exactly
    COMPARE = 2  # whose number is lower
    JUDGE = 3  # which line goes on
    TELL = 4  # the gap before it
    JUMP = 5  # another number is waited for: lines are compared anew
    BEGIN = 6  # a session: what they are in the middle of is forgotten


class Arbiter(wiring.Component):
    """Delivers each number of a session once and in order, from the line that has it first.

    Latency is one cycle from a message at the head of its line to `o`. In each cycle one message is
    delivered, and on the other line the same, or one that was before, is dropped. Packets are taken
    and not delivered; the first locks the session and the number to begin with. After the end of
    the session the next packet of another locks that one: no line may be a whole session behind.

    A line whose next number is ahead waits, and nothing is taken from it, until the other line
    brings what is missing; until it waits, too; until `window` cycles have passed in which nothing
    was delivered; or until `pressed`. Then what is before the lowest number that waits is lost: a
    record with `Flag.GAP` says so, and it goes on from there. A heartbeat or an end of session that
    is ahead waits in the same way. What comes in the last cycle before that is decided does not
    wait yet: if it is before that number, it is lost, too. A gap is at `o` five cycles after it is
    decided, the message behind it four cycles later.

    Members
    -------
    a, b : In(stream of `RECORD`)
        The lines: packets and messages, as `tapeout.hdl.line.layout` says; each has its own number.
    enable : In(2)
        Lines listened to, `a` lowest; the others are taken and forgotten, and never waited for.
    pressed : In(1)
        There is no room to wait.
    start_valid, start : In(1), In(64)
        The number to begin with, if not that of the first packet after reset.
    o : Out(stream of `RECORD`)
        Messages of the types wanted that are well formed, and gaps. Of a gap `sequence`, `subject`,
        `arrival_ns` (of what came after it), `flags` and `type` (zero) mean something. A record
        stands until it is taken; while it does, lines still drop what was delivered.
    locked, session, begun, expected : Out
        Whether a session is known; its name, its first number and the number waited for.
    a_first, a_repeated, a_foreign, b_first, b_repeated, b_foreign : Out(32)
        Messages of a line that were delivered; that had been, or had been given up; that are of
        another session than that known.
    delivered, unwanted, gaps, sessions : Out(32)
        Messages delivered, those among them not wanted at `o`; gaps told; sessions begun.
    lost : Out(64)
        Messages in the gaps: within one session `delivered + lost = expected - begun`.

    Reset forgets the session; of lines in mid-packet all up to the next packet is dropped.
    """

    def __init__(self, *, window=1 << 15, wanted=WANTED):
        self._window, self._wanted = window, sorted(wanted)
        lines = {f"{line}_{name}": Out(32) for line in "ab" for name in READER_COUNTERS}
        super().__init__(
            {
                "a": In(stream.Signature(Record)),
                "b": In(stream.Signature(Record)),
                "enable": In(2, init=3),
                "pressed": In(1),
                "start_valid": In(1),
                "start": In(64),
                "o": Out(stream.Signature(Record)),
                "locked": Out(1),
                "session": Out(Session),
                "begun": Out(64),
                "expected": Out(64),
                "lost": Out(64),
                **lines,
                **{name: Out(32) for name in COUNTERS},
            }
        )

    def elaborate(self, platform):
        """Two readers, and what they may do."""
        m = Module()
        m.submodules.a, m.submodules.b = a, b = Reader(), Reader()
        state, run, ended, chosen = Signal(State), Signal(init=1), Signal(), Signal()
        free, advance, late = Signal(), Signal(), Signal()
        vacant = Signal(init=1)  # nothing is at `o`: for the readers, who are far from `o`
        telling, jump = Signal(), Signal()
        m.d.comb += [
            free.eq(~self.o.valid | self.o.ready),
            telling.eq(state == State.TELL),
            jump.eq(state == State.JUMP),
            a.granted.eq(1),
            b.granted.eq(~a.wants),
            advance.eq(run & free & (a.wants | b.wants)),
        ]
        for index, (line, reader) in enumerate(zip("ab", (a, b), strict=True)):
            wiring.connect(m, reader.i, wiring.flipped(getattr(self, line)))
            m.d.comb += [
                reader.enable.eq(self.enable[index]),
                reader.run.eq(run),
                reader.locked.eq(self.locked),
                reader.ended.eq(ended),
                reader.session.eq(self.session),
                reader.expected.eq(self.expected),
                reader.late.eq(late),
                reader.free.eq(vacant | self.o.ready),
                reader.other.eq((b, a)[index].wants),
                reader.again.eq(jump),
                reader.forget.eq(state == State.BEGIN),
            ]
            for name in READER_COUNTERS:
                m.d.comb += getattr(self, f"{line}_{name}").eq(getattr(reader, name))
        m.d.sync += late.eq(advance)
        self._wait(m, (a, b), state, run, chosen, free, late)
        self._deliver(m, (a, b), free, vacant, advance, telling, run, chosen)
        self._follow(m, (a, b), state, ended, chosen, late)
        return m

    def _wait(self, m, readers, state, run, chosen, free, late):
        """How long a line that is ahead is let wait, and which one goes on then."""
        a, b = readers
        waits, stood, ran = Signal(2), Signal(2), Signal()  # in the cycle before; before that
        less = self._less(m, b.number, a.number)
        waiting, stuck, due = Signal(), Signal(), Signal()
        passed = Signal(range(self._window + 1))  # cycles, this one included
        m.d.sync += [
            waits.eq(Cat(a.waits, b.waits)),
            stood.eq(waits),
            ran.eq(run),
            passed.eq(passed + 1),
            due.eq(passed == self._window - 1),
        ]
        with m.If(~waiting | late):
            m.d.sync += [passed.eq(1), due.eq(self._window == 1)]
        m.d.comb += [waiting.eq(ran & waits.any()), stuck.eq((waits | ~self.enable).all())]
        with m.Switch(state):
            with m.Case(State.RUN):
                m.d.sync += chosen.eq(~a.begins)
                with m.If(a.begins | b.begins):
                    m.d.sync += [state.eq(State.BEGIN), run.eq(0)]
                with m.Elif(waiting & (((stuck | due) & ~late) | self.pressed)):
                    m.d.sync += [state.eq(State.HALT), run.eq(0)]
            with m.Case(State.HALT):
                m.d.sync += state.eq(State.COMPARE)
            with m.Case(State.COMPARE):
                m.d.sync += state.eq(State.JUDGE)
            with m.Case(State.JUDGE):  # again: what is missing may have come in the last cycle
                first, second = stood
                m.d.sync += [
                    chosen.eq(second & (~first | less)),
                    state.eq(Mux(first | second, State.TELL, State.RUN)),
                    run.eq(~(first | second)),
                ]
            with m.Case(State.TELL), m.If(free):
                m.d.sync += state.eq(State.JUMP)
            with m.Case(State.BEGIN):
                m.d.sync += state.eq(State.JUMP)
            with m.Default():
                m.d.sync += [state.eq(State.RUN), run.eq(1)]

    def _less(self, m, one, other):
        """Whether a number is less, one cycle late: halves at a time, as one adder is slow."""
        half = len(one) // 2
        low, high, same = (Signal(reset_less=True) for _ in range(3))
        m.d.sync += [
            low.eq(one[:half] < other[:half]),
            high.eq(one[half:] < other[half:]),
            same.eq(alike_bits(one[half:], other[half:])),
        ]
        return high | (same & low)

    def _deliver(self, m, readers, free, vacant, advance, telling, run, chosen):
        """What goes to `o`: the head of the line that has it first, as it is or as a gap."""
        a, b = readers
        out, missing = Signal(Record, reset_less=True), Signal(64, reset_less=True)
        wanted = Mux(a.wants, self._is_wanted(self.a.payload), self._is_wanted(self.b.payload))
        valid = telling | (run & (a.wants | b.wants) & wanted)
        arrivals = self.b.payload.arrival_ns, self.a.payload.arrival_ns
        m.d.comb += self.o.payload.eq(out)
        with m.If(free):
            m.d.sync += [
                self.o.valid.eq(valid),
                vacant.eq(~valid),
                out.eq(Mux(a.wants, self.a.payload, self.b.payload)),
            ]
            with m.If(telling):
                m.d.sync += [
                    out.sequence.eq(self.expected),
                    out.arrival_ns.eq(Mux(chosen, *arrivals)),
                    out.subject.eq(Mux(chosen, b.ahead, a.ahead)),
                    out.flags.eq(Flag.GAP.value),
                    out.type.eq(0),
                ]
        told, late = telling & free, Signal()
        m.d.sync += [late.eq(told), missing.eq(Mux(chosen, b.ahead, a.ahead))]
        with m.If(late):
            m.d.sync += self.lost.eq(self.lost + missing)
        self._count(m, delivered=advance, unwanted=advance & ~wanted, gaps=told)

    def _is_wanted(self, record):
        """Whether anybody downstream has a use for it."""
        kinds = Cat(record.type == ord(kind) for kind in self._wanted)
        return kinds.any() & (record.flags & Flag.WELL_FORMED.value).any()

    def _follow(self, m, readers, state, ended, chosen, step):
        """The session, and the number waited for, one cycle late."""
        a, b = readers
        head, begins = Signal(Session), Signal()
        following, expected = Signal(64, reset_less=True), Signal(64, reset_less=True)
        heads = (Cat(port.payload.subject, port.payload.locate) for port in (self.b, self.a))
        m.d.comb += [Value.cast(head).eq(Mux(chosen, *heads)), self.expected.eq(expected)]
        number = Mux(chosen, b.number, a.number)
        m.d.sync += [
            following.eq(Mux(self.start_valid & ~self.locked, self.start, number)),
            begins.eq(state == State.BEGIN),
            expected.eq(Mux(state == State.JUMP, following, expected + step)),
        ]
        with m.If(begins):
            m.d.sync += [
                self.locked.eq(1),
                self.session.eq(head),
                self.begun.eq(following),
                ended.eq(0),
            ]
        with m.Elif(a.ends | b.ends):
            m.d.sync += ended.eq(1)
        self._count(m, sessions=begins)

    def _count(self, m, **events):
        """One cycle late."""
        for name, event in events.items():
            counter, late = getattr(self, name), Signal(name=f"{name}_late")
            m.d.sync += [late.eq(event), counter.eq(counter + late)]
