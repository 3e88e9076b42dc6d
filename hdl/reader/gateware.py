"""Reads one line for the arbiter: what stands at its head, against the number waited for."""

from amaranth import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.distance.gateware import Distance
from tapeout.hdl.itch.layout import RECORD
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.moldudp.layout import END_OF_SESSION, HEARTBEAT

Record = data.StructLayout(RECORD)
Session = data.StructLayout({"subject": RECORD["subject"], "locate": RECORD["locate"]})
INPUTS = ("enable", "run", "locked", "ended", "granted", "other", "again", "forget")
COUNTERS = ("first", "repeated", "foreign")


class State(enum.Enum, shape=3):
    """What is known of the record at the head. The highest bit alone says `READ`: it is urgent."""

    LOST = 0b000  # of this session; how far it is ahead must be asked
    COMPARE = 0b001  # asked; the answer is there in the next cycle
    WEIGH = 0b010  # it is a packet without messages; how far it is ahead is known
    FOREIGN = 0b011  # it is of another session, or it is the next packet
    READ = 0b100  # it is a message, and how far it is ahead is known; or it is the next packet


class Reader(wiring.Component):
    """Takes from a line what nobody waits for, and tells of the message that somebody does.

    A packet stands at the head for two cycles, in which its session and number are compared; its
    messages take one each. A packet without messages that is ahead waits as a message does: what
    it tells is missing may still come on the other line.

    Members
    -------
    i : In(stream of `RECORD`)
        Packets and messages. Ready for what is dropped, and for the message that is `granted`.
    enable, run : In(1)
        Without `enable` all is taken and forgotten; without `run` nothing is taken.
    locked, ended, session, expected : In
        Where the feed stands: a session is known, is over, its name, the number waited for.
    granted, other : In(1)
        The message at the head is delivered; the one of the other line is.
    again, forget : In(1)
        The number waited for has jumped; and it is of another session.
    wants, waits : Out(1)
        At the head is the message waited for; is something ahead of it.
    begins, ends : Out(1)
        At the head is a packet that begins a session; the end of this one, and it is reached.
    ahead : Out(signed 64)
        How far the line is ahead, one cycle late.
    first, repeated, foreign : Out(32)
        Messages delivered; dropped as delivered, or given up, before; dropped for their session.

    Reset forgets where the line stands: all up to the next packet counts as foreign.
    """

    def __init__(self):
        super().__init__(
            {
                "i": In(stream.Signature(Record)),
                "session": In(Session),
                "expected": In(64),
                **{name: In(1) for name in INPUTS},
                **{name: Out(1) for name in ("wants", "waits", "begins", "ends")},
                "ahead": Out(signed(64)),
                **{name: Out(32) for name in COUNTERS},
            }
        )

    def elaborate(self, platform):
        """What is known of the head, and what follows from it."""
        m = Module()
        m.submodules.distance = distance = Distance()
        head, state = self.i.payload, Signal(State, init=State.FOREIGN)
        packet, drop, repeated = Signal(), Signal(), Signal()
        known, reached = Value.cast(state)[-1], distance.zero | distance.behind
        m.d.comb += [
            packet.eq((head.flags & Flag.PACKET.value).any()),
            repeated.eq(known & ~packet & distance.behind),
            self.wants.eq(known & self.i.valid & ~packet & distance.zero),
            self.waits.eq(
                self.enable & ((known & self.i.valid & ~packet) | (state == State.WEIGH)) & ~reached
            ),
            self.i.ready.eq(~self.enable | self.granted | (self.run & drop)),
            distance.ahead.eq(head.sequence),
            distance.of.eq(self.expected),
            distance.down.eq(self.other),  # delivered here, the line goes on as well
            distance.up.eq(self.run & self.i.valid & repeated),
            self.ahead.eq(distance.value),
        ]
        same, quiet, final = self._identify(m)
        with m.Switch(state):
            with m.Case(State.LOST, State.FOREIGN, State.READ):
                self._next(m, state, distance, packet, drop, repeated)
            with m.Case(State.COMPARE):
                self._compare(m, state, packet, drop, same, quiet)
            with m.Case(State.WEIGH):
                m.d.comb += [drop.eq(reached), self.ends.eq(self.run & final & reached)]
                m.d.sync += state.eq(Mux(self.run & reached, State.READ, State.WEIGH))
        with m.If(self.again & (state != State.FOREIGN)):
            m.d.sync += state.eq(State.LOST)
        with m.If(self.forget | ~self.enable):
            m.d.sync += state.eq(State.FOREIGN)
        foreign = state == State.FOREIGN
        taken = self.run & self.enable & self.i.valid & drop & ~packet
        self._count(m, first=self.granted, repeated=taken & ~foreign, foreign=taken & foreign)
        return m

    def _identify(self, m):
        """Of a packet, one cycle late: whose it is, whether nothing follows, nor ever will."""
        head, same, quiet, final = self.i.payload, Signal(), Signal(), Signal()
        m.d.sync += [
            same.eq(Cat(head.subject, head.locate) == Value.cast(self.session)),
            quiet.eq((head.length == HEARTBEAT) | (head.length == END_OF_SESSION)),
            final.eq(head.length == END_OF_SESSION),
        ]
        return same, quiet, final

    def _next(self, m, state, distance, packet, drop, repeated):
        """A packet is compared; so is a message, where the number waited for has jumped."""
        m.d.comb += [
            drop.eq(repeated | (~packet & (state == State.FOREIGN))),
            distance.load.eq(self.run & self.i.valid & (packet | (state == State.LOST))),
        ]
        with m.If(distance.load):
            m.d.sync += state.eq(State.COMPARE)

    def _compare(self, m, state, packet, drop, same, quiet):
        """Of a packet the session is known now; how far it is ahead will be in the next cycle."""
        fresh = packet & (~self.locked | (~same & self.ended))
        m.d.comb += [
            self.begins.eq(self.run & self.enable & fresh),
            drop.eq(packet & ~fresh & ~(same & quiet)),
        ]
        with m.If(self.run):
            with m.If(packet & ~same):
                m.d.sync += state.eq(State.FOREIGN)
            with m.Else():
                m.d.sync += state.eq(Mux(packet & quiet, State.WEIGH, State.READ))

    def _count(self, m, **events):
        """One cycle late."""
        for name, event in events.items():
            counter, late = getattr(self, name), Signal(name=f"{name}_late")
            m.d.sync += [late.eq(event), counter.eq(counter + late)]
