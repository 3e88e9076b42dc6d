"""A line in gateware: words of frames in, records of packets and messages out, never waiting."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.itch.gateware import Chosen, Record, Told, choose, fields, number, tell
from tapeout.hdl.line.layout import COUNTS, FILTER, Flag
from tapeout.hdl.moldudp.gateware import Framer, Kind, payload
from tapeout.hdl.moldudp.layout import (
    END_OF_SESSION,
    HEARTBEAT,
    LAST_SEQUENCE,
    MESSAGE_COUNT,
    SEQUENCE,
)
from tapeout.hdl.net.gateware import Headers, Window
from tapeout.hdl.net.layout import BEAT, REASONS

Beat = data.StructLayout(BEAT)
Filter = data.StructLayout(FILTER)
Counts = data.StructLayout(COUNTS)


class Line(wiring.Component):
    """Reads Ethernet frames of MoldUDP64 packets as they come, as `tapeout.hdl.line.model` says.

    Latency is four cycles from the word with a message's last byte to its record, and the same to
    the record of a packet. A word is taken every cycle, whatever is in it. What comes later in a
    frame, also that it was received badly, takes back no record that has left.

    Members
    -------
    i : In(stream of `BEAT`)
        Always ready; words may pause anywhere.
    arrival_ns : In(64)
        Sampled with the first word of a frame, for all its records.
    filter : In(`FILTER`)
        Must stand still while a frame is judged.
    o : Out(`RECORD`)
        One cycle long where `valid`. It cannot be held back: whoever lets words in has seen to room
        for their records, of which there is at most one a word.
    valid : Out(1)
    counts : Out(`COUNTS`)
        Some cycles late.

    Reset forgets the frame in progress and clears the counters; the rest of that frame is read as a
    frame, and counted.
    """

    i: In(stream.Signature(Beat))
    arrival_ns: In(64)
    filter: In(Filter)
    o: Out(Record)
    valid: Out(1)
    counts: Out(Counts)

    def elaborate(self, platform):
        """The window of two words, what reads it, and the record."""
        m = Module()
        self._wild = Signal()
        m.submodules.headers = headers = Headers()
        m.submodules.framer = framer = Framer()
        window, error = self._window(m)
        m.d.comb += [
            headers.i.eq(window),
            headers.ahead.eq(self.i.payload.data),
            headers.coming.eq(self.i.valid),
            headers.filter.eq(self.filter),
            framer.i.eq(window),
            framer.ahead.eq(self.i.payload.data),
            framer.coming.eq(self.i.valid),
            framer.start.eq(headers.start),
            framer.late.eq(headers.late),
            framer.length.eq(headers.length),
        ]
        arrival_ns = self._arrival(m, headers.start)
        events = self._record(m, framer, headers.accepted, arrival_ns)
        events["frames"] = window.valid & window.first
        events |= {name: headers.judged & headers.reasons[name] for name in REASONS}
        events |= self._outcome(m, window, error, framer, headers)
        self._count(m, events)
        return m

    def _window(self, m):
        """Register each word with the one before it, and how much of it counts."""
        window, here, error = Signal(Window), payload(Window), payload(1)
        valid, first, word = Signal(), Signal(init=1), self.i.payload
        m.d.comb += [self.i.ready.eq(1), window.eq(here), window.valid.eq(valid)]
        m.d.sync += [valid.eq(self.i.valid), here.before.eq(here.data)]
        with m.If(self.i.valid):
            m.d.sync += [
                here.data.eq(word.data),
                here.arrived.eq(Mux(word.error, 0, (1 << word.count) - 1)),
                here.first.eq(first),
                here.last.eq(word.last),
                error.eq(word.error),
                first.eq(word.last),
            ]
        return window, error

    def _arrival(self, m, start):
        """When the frame began whose packet is read: the next may begin before its last record."""
        sampled, kept = payload(64), payload(64)
        first = Signal(init=1)
        with m.If(self.i.valid):
            m.d.sync += first.eq(self.i.payload.last)
            with m.If(first):
                m.d.sync += sampled.eq(self.arrival_ns)
        with m.If(start):
            m.d.sync += kept.eq(sampled)
        return kept

    def _record(self, m, framer, accepted, arrival_ns):
        """Decode a block, number it, and tell what it was."""
        told, chosen = payload(Told), payload(Chosen)
        early, kind, record = payload(Kind), payload(Kind), payload(Record)
        m.d.sync += [told.eq(tell(framer.kind.type, framer.kind.length)), early.eq(framer.kind)]
        m.d.sync += [chosen.eq(choose(told)), kind.eq(early)]
        with m.If(early.header):
            m.d.sync += [chosen.eq(0), kind.type.eq(0)]
        body, header = framer.o.body, framer.o.header
        starts, count = (
            number(body, at.start, at.stop - at.start) for at in (SEQUENCE, MESSAGE_COUNT)
        )
        wild, shown, read = Signal(), Signal(), Signal()
        sequence = payload(64)
        m.d.comb += wild.eq(starts[LAST_SEQUENCE.bit_length() :].any())
        m.d.comb += shown.eq(Mux(header, accepted & ~wild, read))
        with m.If(framer.o.valid):
            m.d.sync += sequence.eq(Mux(header, starts, sequence + 1))
            m.d.sync += read.eq(shown)
            with m.If(header):
                m.d.sync += self._wild.eq(wild)
        for name, value in fields(body, chosen):
            if place := {"subject": (0, 8), "locate": (8, 2)}.get(name):
                value |= Mux(header, number(body, *place), 0)
            m.d.sync += record[name].eq(value)
        m.d.sync += [
            self.valid.eq(framer.o.valid & shown),
            record.sequence.eq(Mux(header, starts, sequence)),
            record.arrival_ns.eq(arrival_ns),
            record.type.eq(kind.type),
            record.flags.eq(Mux(header, Flag.PACKET, chosen.whole)),
            record.length.eq(Mux(header, count, kind.length)),
        ]
        m.d.comb += self.o.eq(record)
        known = payload(1)
        m.d.sync += known.eq(chosen.known)
        return self._told(known)

    def _told(self, known):
        """What the record that leaves is counted as."""
        packet = self.valid & self.o.flags[1]
        message = self.valid & ~self.o.flags[1]
        return {
            "packets": packet,
            "heartbeats": packet & (self.o.length == HEARTBEAT),
            "ends": packet & (self.o.length == END_OF_SESSION),
            "messages": message,
            "unknown_type": message & ~known,
            "wrong_length": message & known & ~self.o.flags[0],
        }

    def _outcome(self, m, window, error, framer, headers):
        """What became of a frame that is not refused, by when its verdict must be there."""
        ended, cut, loose = Signal(4), Signal(4), Signal(4)
        m.d.sync += [
            ended.eq(Cat(window.valid & window.last, ended)),
            cut.eq(Cat(error, cut[0] | ~framer.over, cut[1:])),
            loose.eq(Cat(0, ~framer.sound, loose[1:])),
        ]
        lost = cut[3] | ~headers.accepted
        return {
            "cut": ended[3] & ~headers.refused & lost,
            "not_moldudp64": ended[3] & ~headers.refused & ~lost & (loose[3] | self._wild),
        }

    def _count(self, m, events):
        """Count one cycle after what is counted."""
        for name in COUNTS:
            event = Signal(name=f"counts_{name}")
            m.d.sync += event.eq(events[name])
            with m.If(event):
                m.d.sync += self.counts[name].eq(self.counts[name] + 1)
