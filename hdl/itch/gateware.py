"""ITCH 5.0 decoder: the words of one message in, one 64-byte record out."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.itch.layout import LONGEST, MESSAGES, RECORD, SOURCES, WORD, source

WORDS = -(-LONGEST // 8)
Word = data.StructLayout(WORD)
Record = data.StructLayout(RECORD)


class Decoder(wiring.Component):
    """Turns messages into records, as `tapeout.hdl.itch.model.decode` says.

    Latency is one cycle from the last word of a message to its record. A message of w words takes w
    cycles; the record leaves while the next message comes in, so nothing waits as long as `o` is
    taken at once.

    Members
    -------
    i : In(stream of `WORD`)
        Eight bytes of one message, the first in the lowest bits. Held back while a record waits.
    o : Out(stream of `RECORD`)
        One record a message. It stands until it is taken.

    Reset clears the record in waiting and the message in progress; payload registers keep what they
    hold and are never shown without `valid`.
    """

    i: In(stream.Signature(Word))
    o: Out(stream.Signature(Record))

    def elaborate(self, platform):
        """Collect words, then decode."""
        m = Module()
        message = Signal(64 * WORDS, reset_less=True)
        length = Signal(16)
        index = Signal(range(WORDS + 1))
        tags = Signal(data.StructLayout({"sequence": 64, "arrival_ns": 64}), reset_less=True)

        taken = self.i.valid & self.i.ready
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(taken):
            with m.Switch(index):
                for place in range(WORDS):
                    with m.Case(place):
                        m.d.sync += message.word_select(place, 64).eq(self.i.payload.data)
            m.d.sync += [
                index.eq(Mux(self.i.payload.last, 0, index + (index != WORDS))),
                length.eq(Mux(index == 0, 0, length) + self.i.payload.count),
                tags.sequence.eq(self.i.payload.sequence),
                tags.arrival_ns.eq(self.i.payload.arrival_ns),
                self.o.valid.eq(self.i.payload.last),
            ]
        m.d.comb += [
            self.o.payload.sequence.eq(tags.sequence),
            self.o.payload.arrival_ns.eq(tags.arrival_ns),
            self.o.payload.length.eq(length),
            self.o.payload.type.eq(Mux(length == 0, 0, message[:8])),
        ]
        with m.Switch(message[:8]):
            for kind, layout in MESSAGES.items():
                with m.Case(ord(kind)), m.If(length == layout.length):
                    m.d.comb += self._fields(kind, message)
        return m

    def _fields(self, kind, message):
        """The record fields of a whole message of this kind; all others stay zero."""
        yield self.o.payload.flags.eq(1)
        for name in SOURCES:
            if found := source(kind, name):
                wire = [message.word_select(found.start + at, 8) for at in range(found.length)]
                yield self.o.payload[name].eq(Cat(reversed(wire)))
