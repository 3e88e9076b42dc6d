"""ITCH 5.0 decoder: the words of one message in, one 64-byte record out."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.choice.gateware import any_of
from tapeout.hdl.itch.layout import LONGEST, MESSAGES, RECORD, SOURCES, WORD, source

WORDS = -(-LONGEST // 8)
Word = data.StructLayout(WORD)
Record = data.StructLayout(RECORD)


LENGTHS = sorted({layout.length for layout in MESSAGES.values()})
Told = data.StructLayout({"types": len(MESSAGES), "lengths": len(LENGTHS)})


def places():
    """Where each record field may stand in a message, and in messages of which types."""
    found = {name: {} for name in SOURCES}
    for name, kind in ((name, kind) for name in SOURCES for kind in MESSAGES):
        if field := source(kind, name):
            found[name].setdefault((field.start, field.length), []).append(kind)
    return found


PLACES = places()
Chosen = data.StructLayout({"known": 1, "whole": 1, **{name: len(PLACES[name]) for name in PLACES}})


def tell(type_, length):
    """Type and length of a message, one bit for each there is: the first half of `choose`."""
    types = (type_ == ord(kind) for kind in MESSAGES)
    return Told(Cat(*types, *(length == each for each in LENGTHS)))


def choose(told):
    """Which place of each field counts in a message: none unless its length is its type's."""
    whole = {
        kind: of_type & told.lengths[LENGTHS.index(MESSAGES[kind].length)]
        for kind, of_type in zip(MESSAGES, told.types, strict=True)
    }
    bits = [
        any_of(whole[kind] for kind in kinds) for name in SOURCES for kinds in PLACES[name].values()
    ]
    return Chosen(Cat(told.types.any(), any_of(whole.values()), *bits))


def fields(body, chosen):
    """The record fields of a message: the number at each one's chosen place, or zero."""
    for name in SOURCES:
        bits = zip(PLACES[name], chosen[name], strict=True)
        numbers = [Mux(bit, number(body, *place), 0) for place, bit in bits]
        yield name, any_of(numbers)


def number(body, start, length):
    """The big-endian integer of some bytes."""
    return Cat(body.word_select(at, 8) for at in reversed(range(start, start + length)))


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
        chosen = Signal(Chosen)
        m.d.comb += [
            chosen.eq(choose(tell(message[:8], length))),
            self.o.payload.sequence.eq(tags.sequence),
            self.o.payload.arrival_ns.eq(tags.arrival_ns),
            self.o.payload.length.eq(length),
            self.o.payload.type.eq(Mux(length == 0, 0, message[:8])),
            self.o.payload.flags.eq(chosen.whole),
        ]
        m.d.comb += [self.o.payload[name].eq(value) for name, value in fields(message, chosen)]
        return m
