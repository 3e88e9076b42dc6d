"""Reads one line for the arbiter: what stands at its head, against the number waited for."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import kept
from tapeout.hdl.distance.gateware import Distance
from tapeout.hdl.itch.layout import RECORD
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.moldudp.layout import END_OF_SESSION, HEARTBEAT

Record = data.StructLayout(RECORD)
Session = data.StructLayout({"subject": RECORD["subject"], "locate": RECORD["locate"]})
INPUTS = "enable run free locked ended late other granted again forget".split()
COUNTERS = ("first", "repeated", "foreign")


#: What is known of the record at the head: one bit of these is set.
STATES = (
    "lost",  # it is of this session; how far it is ahead must be asked
    "compare",  # that is asked; the answer is there in the next cycle
    "weigh",  # it is a packet without messages; how far it is ahead is known
    "foreign",  # it is of another session, or it is the next packet
    "read",  # it is a message, and how far it is ahead is known; or it is the next packet
)
LOST, COMPARE, WEIGH, FOREIGN, READ = (1 << at for at in range(len(STATES)))
State = data.StructLayout(dict.fromkeys(STATES, 1))


class Reader(wiring.Component):
    """Takes from a line what nobody waits for, and tells of the message that somebody does.

    A packet stands at the head for two cycles, in which its session and number are compared; its
    messages take one each. A packet without messages that is ahead waits as a message does: what
    it tells is missing may still come on the other line.

    Members
    -------
    i : In(stream of `RECORD`)
        Packets and messages. Ready for what is dropped, for the message that is waited for, and
        while there is none.
    enable, run, free : In(1)
        Without `enable` all is taken and forgotten; without `run` nothing is taken; without `free`
        the message that is waited for is not.
    locked, ended, session : In
        Where the feed stands: a session is known, is over, its name.
    expected, late : In(64), In(1)
        The number waited for, one cycle late, and whether a message was delivered in that cycle.
    other, granted : In(1)
        At the other line's head is the message waited for; if both have it, this one is delivered.
    again, forget : In(1)
        The number waited for has jumped; and it is of another session.
    wants, waits : Out(1)
        At the head is the message waited for; is something ahead of it.
    begins, ends : Out(1)
        At the head is a packet that begins a session; the end of this one, and it is reached.
    number, ahead : Out(64), Out(signed 64)
        The number at the head, one cycle late, and how far it is ahead, two cycles late.
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
                "number": Out(64),
                "ahead": Out(signed(64)),
                **{name: Out(32) for name in COUNTERS},
            }
        )

    def elaborate(self, platform):
        """What is known of the head, and what follows from it."""
        m = Module()
        m.submodules.distance = distance = Distance()
        state = Signal(State, init={"foreign": 1})
        unread = Signal(init=1)  # not `state.read`: for `wants`, which chooses all of a record
        packet, message = Signal(), Signal()  # `message`: in sequence with what was read before
        same, follows, final = self._identify(m)
        reached, fresh = distance.zero | distance.behind, ~self.locked | (~same & self.ended)
        delivers = self.run & self.free
        m.d.comb += [
            packet.eq((self.i.payload.flags & Flag.PACKET.value).any()),
            message.eq(state.read & ~packet),
            self.wants.eq(kept(m, ~(unread | packet) & self.i.valid & distance.zero, "wants")),
            self.waits.eq(self.enable & ((message & self.i.valid) | state.weigh) & ~reached),
            self.begins.eq(self.run & self.enable & state.compare & packet & fresh),
            self.ends.eq(self.run & state.weigh & final & reached),
            distance.ahead.eq(self.i.payload.sequence),
            distance.valid.eq(self.i.valid),
            distance.of.eq(self.expected),
            distance.late.eq(self.late),
            distance.load.eq(
                self.run & self.i.valid & (state.lost | (packet & (state.foreign | state.read)))
            ),
            distance.down.eq(delivers & self.other & ~self.wants),  # else the line goes on as well
            distance.up.eq(self.run & self.i.valid & message & distance.behind),
            self.number.eq(distance.number),
            self.ahead.eq(distance.value),
        ]
        self._drop(m, state, packet, ~fresh & (~same | follows), reached)
        self._step(m, state, unread, distance.load, packet & ~same, packet & ~follows, reached)
        self._count(
            m,
            first=delivers & self.wants & self.granted,
            repeated=self.enable & (distance.up | (delivers & self.wants & ~self.granted)),
            foreign=self.enable & self.run & self.i.valid & ~packet & state.foreign,
        )
        return m

    def _drop(self, m, state, packet, done, reached):
        """What is not waited for goes, with a packet that is `done` when it is compared.

        As a tree of four tables a stage: what waits is wide, and this is the enable of it all.
        """
        distance = m.submodules.distance
        goes = distance.behind | (distance.zero & self.free)
        first = [~(self.enable & self.i.valid), goes, done, state.compare & packet, reached]
        idle, goes, done, compared, reached = kept(m, Cat(first), "dropped_for")
        second = [
            (state.read & ~packet & goes) | (state.foreign & ~packet),
            (compared & done) | (state.weigh & reached),
        ]
        m.d.comb += self.i.ready.eq(idle | (self.run & kept(m, Cat(second), "dropped").any()))

    def _step(self, m, state, unread, ask, other, quiet, reached):
        """A packet is compared; so is a message, where the number waited for has jumped."""
        compared = Mux(other, FOREIGN, Mux(quiet, WEIGH, READ))
        steps = [
            (ask, C(COMPARE, len(STATES))),
            (self.run & state.compare, compared),
            (self.run & state.weigh & reached, C(READ, len(STATES))),
            (self.again & ~state.foreign, C(LOST, len(STATES))),
            (self.forget | ~self.enable, C(FOREIGN, len(STATES))),
        ]
        for when, what in steps:
            with m.If(when):
                m.d.sync += [state.as_value().eq(what), unread.eq(~what[STATES.index("read")])]

    def _identify(self, m):
        """Of a packet, one cycle late: whose it is, whether messages follow, or ever will."""
        head, same, follows, final = self.i.payload, Signal(), Signal(), Signal()
        m.d.sync += [
            same.eq(Cat(head.subject, head.locate) == Value.cast(self.session)),
            follows.eq((head.length != HEARTBEAT) & (head.length != END_OF_SESSION)),
            final.eq(head.length == END_OF_SESSION),
        ]
        return same, follows, final

    def _count(self, m, **events):
        """One cycle late."""
        for name, event in events.items():
            counter, late = getattr(self, name), Signal(name=f"{name}_late")
            m.d.sync += [late.eq(event), counter.eq(counter + late)]
