"""The ring: records leave as AXI4 bursts into the host's memory, and their count after them."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.card.layout import ALIGNMENT, RING_BITS
from tapeout.hdl.elastic.gateware import Slice
from tapeout.hdl.ring.layout import ADDRESS, BEATS, OUTSTANDING, RESPONSE, WORD
from tapeout.hdl.waiting.gateware import BookRecord, Waiting

Address, Word = data.StructLayout(ADDRESS), data.StructLayout(WORD)
Response = data.StructLayout(RESPONSE)

ALIGNED = ALIGNMENT.bit_length() - 1  # lowest bits of an address that are zero
FEWEST, MOST = RING_BITS
DATA = WORD["data"]


class Ring(wiring.Component):
    """Writes records to the host's memory, as `tapeout.hdl.ring.model.Ring` says.

    A record's address is offered three cycles after the record came, its first beat four: then one
    beat a cycle, burst behind burst without a cycle between, while the memory takes them. When
    responses have made the count of records grow, it is written, too, in a burst of one beat, one
    such burst at a time. `depth` + 1 records wait, beside the one that is written.

    Parameters
    ----------
    depth : int
        As in `Waiting`.
    outstanding : int
        Bursts that may wait for their response; a power of two.

    Members
    -------
    i : In(stream of `BOOK_RECORD`)
        Always ready; see `Waiting`.
    restart : In(1)
        Forget all records and counts. A burst that is begun is ended, its further beats without a
        byte in them, and all responses are waited for before another begins.
    base, index : In(64)
        Where record 0 goes; where the count goes, as 64 bits: nowhere if it is zero. The lowest
        six bits are taken as zero.
    bits : In(5)
        The host's ring holds 2**bits records; none is written if that is not within `RING_BITS`.
    consumer : In(32)
        Records the host has done with: 2**bits from there on may be written.
    dma_address, dma_data : Out(streams of `ADDRESS`, `WORD`)
        AXI4's AW and W; neither waits for the other. A burst is 64 bytes, or the 8 of the count,
        and never crosses a multiple of its size.
    dma_response : In(stream of `RESPONSE`)
        AXI4's B, in the order of the bursts: always ready.
    producer, dropped, most : Out(32)
        Records whose response came; that found no place; that the host's ring held at most.
    full, overflowed : Out(1)
        As in `Waiting`.
    bus, stopped : Out(1)
        For one cycle: the memory refused a write. From then on to the restart nothing is written
        and `producer` stands: what waits is dropped in its turn.
    busy : Out(1)
        A burst from before the restart is not answered yet.

    Reset is that of the bus, too: nothing is ended nor waited for.
    """

    i: In(stream.Signature(BookRecord))
    restart: In(1)
    base: In(64)
    bits: In(5)
    consumer: In(32)
    index: In(64)
    dma_address: Out(stream.Signature(Address))
    dma_data: Out(stream.Signature(Word))
    dma_response: In(stream.Signature(Response))
    producer: Out(32)
    dropped: Out(32)
    most: Out(32)
    full: Out(1)
    overflowed: Out(1)
    bus: Out(1)
    stopped: Out(1)
    busy: Out(1)

    def __init__(self, depth=512, outstanding=OUTSTANDING):
        self._depth, self._outstanding = depth, outstanding
        super().__init__()

    def elaborate(self, platform):
        """What a restart forgets, and what it must not."""
        m = Module()
        m.submodules.waiting = waiting = ResetInserter(self.restart)(Waiting(self._depth))
        wiring.connect(m, wiring.flipped(self.i), waiting.i)
        for name in ("dropped", "full", "overflowed"):
            m.d.comb += getattr(self, name).eq(getattr(waiting, name))
        record, count = Signal(), Signal()  # a burst of this kind begins
        place, target = self._place(m, record)
        due = self._due(m, count)
        ready = self._bursts(m, waiting.o.payload, target, record | count, due)
        self._responses(m, record, count)
        m.d.comb += [
            count.eq(ready & due & ~self.stopped),
            record.eq(ready & ~due & place & waiting.o.valid & ~self.stopped),
            waiting.o.ready.eq(record),
        ]
        return m

    def _place(self, m, record):
        """Whether the host's ring has a place for another record, and where it is.

        Three registers lie between the count of records and both; so far apart are two records.
        """
        issued, held, mask = Signal(32), Signal(32), Signal(MOST)
        on, still_on, beyond, place = (
            Signal(name=n) for n in ("on", "still_on", "beyond", "place")
        )
        offset, target = Signal(MOST), Signal(DATA - ALIGNED)
        m.d.sync += [
            issued.eq(issued + record),
            on.eq((self.bits >= FEWEST) & (self.bits <= MOST)),
            mask.eq(Cat(self.bits > bit for bit in range(MOST))),
            still_on.eq(on),
            held.eq(issued - self.consumer),
            beyond.eq((held & ~mask).any()),
            place.eq(still_on & ~beyond),
            offset.eq(issued & mask),
            target.eq(self.base[ALIGNED:] + offset),
        ]
        with m.If((held[: MOST + 1] > self.most) & ~held[MOST + 1 :].any()):
            m.d.sync += self.most.eq(held)
        with m.If(self.restart):
            m.d.sync += [one.eq(0) for one in (issued, held, on, still_on, place, self.most)]
        return place, target

    def _due(self, m, count):
        """Whether the count of records should be written: it has grown, and none is on its way."""
        self._counting = Signal()  # one is on its way
        told, somewhere, due = Signal(32), Signal(), Signal()
        m.d.sync += [
            somewhere.eq(self.index[ALIGNED:].any()),
            due.eq((told != self.producer) & somewhere & ~self._counting & ~count),
        ]
        with m.If(count):
            m.d.sync += told.eq(self.producer)
        with m.If(self.restart):
            m.d.sync += [told.eq(0), due.eq(0)]
        return due

    def _bursts(self, m, record, target, begins, due):
        """The burst that is going on, beat by beat; whether another may begin.

        Slices stand at the pins, so nothing in here waits for what the memory says in that cycle.
        """
        m.submodules.addresses = addresses = Slice(Address)
        m.submodules.words = words = Slice(Word)
        wiring.connect(m, addresses.o, wiring.flipped(self.dma_address))
        wiring.connect(m, words.o, wiring.flipped(self.dma_data))
        entry, number = Signal(BookRecord, reset_less=True), Signal(32, reset_less=True)
        going, short, last, beat = Signal(), Signal(), Signal(), Signal(range(BEATS))
        self._open = Signal(range(self._outstanding + 1))  # bursts without their response
        self._few, self._draining = Signal(), Signal()
        free, ready = Signal(), Signal()
        beats = Value.cast(entry).word_select(beat, DATA)
        m.d.comb += [
            free.eq(~going | (words.i.ready & last)),
            addresses.i.valid.eq(begins),
            addresses.i.payload.addr.eq(Cat(C(0, ALIGNED), Mux(due, self.index[ALIGNED:], target))),
            addresses.i.payload.length.eq(Mux(due, 0, BEATS - 1)),
            words.i.valid.eq(going),
            words.i.payload.data.eq(Mux(short, number, beats)),
            words.i.payload.strobe.eq((~self._draining).replicate(len(words.i.payload.strobe))),
            words.i.payload.last.eq(last),
            ready.eq(free & addresses.i.ready & self._few & ~(self._draining | self.restart)),
        ]
        with m.If(words.i.ready & going):
            m.d.sync += [beat.eq(beat + 1), last.eq(beat == BEATS - 2), going.eq(~last)]
        with m.If(begins):
            m.d.sync += [going.eq(1), short.eq(due), last.eq(due), beat.eq(0)]
        with m.If(free):  # whether it is meant or not: few wait for that to be known
            m.d.sync += entry.eq(record)
        m.d.sync += number.eq(self.producer)
        with m.If(going & short):
            m.d.sync += number.eq(number)
        return ready

    def _responses(self, m, record, count):
        """Whose responses come, and what they count."""
        size = self._outstanding
        kinds = Signal(size)  # of the bursts without response, in a circle: the count's
        newest, oldest, after = Signal(range(size)), Signal(range(size)), Signal.like(self._open)
        came, refused, counts = Signal(), Signal(), Signal()
        answer = self.dma_response
        m.d.comb += [answer.ready.eq(1), after.eq(self._open + (record | count) - answer.valid)]
        m.d.sync += [
            self._open.eq(after),
            self._few.eq(after < size),
            newest.eq(newest + (record | count)),
            oldest.eq(oldest + answer.valid),
            came.eq(answer.valid),
            refused.eq(answer.payload.resp[1]),
            counts.eq(kinds.bit_select(oldest, 1)),
            self._draining.eq(self._draining & (self._open != 0)),
        ]
        with m.If(record | count):
            m.d.sync += kinds.bit_select(newest, 1).eq(count)
        with m.If(count):
            m.d.sync += self._counting.eq(1)
        with m.Elif(came & counts):
            m.d.sync += self._counting.eq(0)
        told = came & ~self._draining & ~self.stopped
        m.d.comb += self.busy.eq(self._draining)
        m.d.sync += [
            self.bus.eq(told & refused),
            self.stopped.eq(self.stopped | (told & refused)),
            self.producer.eq(self.producer + (told & ~counts & ~refused)),
        ]
        with m.If(self.restart):
            m.d.sync += [self.bus.eq(0), self.stopped.eq(0), self.producer.eq(0)]
            m.d.sync += self._draining.eq(1)
