"""Finds the instrument of a stock locate, and learns it from the stock directory."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.subscription.layout import LISTING, LOCATE_BITS, SUBSCRIBE

Subscribe = data.StructLayout(SUBSCRIBE)
Listing = data.StructLayout(LISTING)
INSTRUMENT_BITS = SUBSCRIBE["instrument"]
Entry = data.StructLayout({"instrument": INSTRUMENT_BITS, "subscribed": 1})


class Subscription(wiring.Component):
    """A table of `locates` entries, one lookup every cycle; it learns or is told what is in it.

    The answer to a `locate` of cycle t is there in cycle t + 2. It knows what was learned from a
    directory message of cycle t - 2 or before, and what the host's stream brought up to t.

    Members
    -------
    locate : In(16)
        Looked up in every cycle. Numbers from `locates` on are never subscribed.
    subscribed, instrument : Out(1), Out(8)
        What was found.
    directory, symbol : In(1), In(64)
        The locate of this cycle is of a stock directory message, and this is its stock.
    learn : In(1)
        A directory message of a locate that is not subscribed takes the next instrument.
    i : In(stream of `SUBSCRIBE`)
        What the host says of a locate. Not ready during the sweep nor while a directory message
        may be learned: for three cycles after it.
    listed, entry : Out(1), Out(`SUBSCRIBE`)
        What is written for a subscribed locate: a cycle after it was told, four after the directory
        message.
    listing_instrument : In(8)
        Looked up for the host.
    listing : Out(LISTING)
        Symbol and locate learned for it, two cycles later; of one not learned it means nothing.
    learned, refused : Out(32)
        Instruments taken by learning; directory messages for which there was none left, or whose
        locate is beyond the table.
    ready : Out(1)
        After reset the table is swept for `locates` cycles; until then nothing is subscribed and
        nothing is learned.

    Raises
    ------
    ValueError
        "locates must be a power of two up to 65536; got 1000"
        "instruments must be 1 to 256; got 0"
    """

    def __init__(self, locates=16384, instruments=256):
        if not 2 <= locates <= 1 << LOCATE_BITS or locates & locates - 1:
            raise ValueError(f"locates must be a power of two up to 65536; got {locates}")
        if not 1 <= instruments <= 1 << INSTRUMENT_BITS:
            raise ValueError(f"instruments must be 1 to {1 << INSTRUMENT_BITS}; got {instruments}")
        self._locates, self._instruments = locates, instruments
        super().__init__(
            {
                "locate": In(LOCATE_BITS),
                "subscribed": Out(1),
                "instrument": Out(INSTRUMENT_BITS),
                "directory": In(1),
                "symbol": In(64),
                "learn": In(1),
                "i": In(stream.Signature(Subscribe)),
                "listed": Out(1),
                "entry": Out(Subscribe),
                "listing_instrument": In(INSTRUMENT_BITS),
                "listing": Out(Listing),
                "learned": Out(32),
                "refused": Out(32),
                "ready": Out(1),
            }
        )

    def elaborate(self, platform):
        """Read, answer, judge, write: a cycle each."""
        m = Module()
        read, write = self._table(m)
        beyond = Signal(3)
        learns, locate, again, coming = self._learn(m, beyond)
        self._answer(m, read, write, beyond[1], learns & again)
        sweep = Signal(len(read.addr) + 1)
        m.d.comb += [
            self.ready.eq(sweep[-1]),
            self.i.ready.eq(self.ready & ~coming.any()),
            self.listed.eq(write.en & write.data.subscribed),
            self.entry.locate.eq(write.addr),
            self.entry.instrument.eq(write.data.instrument),
            self.entry.subscribed.eq(write.data.subscribed),
        ]
        told = self.i.payload
        within = ~told.locate[len(write.addr) :].any()
        m.d.sync += [
            beyond.eq(Cat(self.locate[len(read.addr) :].any(), beyond)),
            sweep.eq(sweep + ~sweep[-1]),
            write.en.eq(~self.ready | learns | (self.i.valid & self.i.ready & within)),
        ]
        with m.If(~self.ready):
            m.d.sync += [write.addr.eq(sweep), Value.cast(write.data).eq(0)]
        with m.Elif(coming[-1]):
            m.d.sync += [
                write.addr.eq(locate),
                write.data.subscribed.eq(1),
                write.data.instrument.eq(self.learned),
            ]
        with m.Else():
            m.d.sync += [
                write.addr.eq(told.locate),
                write.data.subscribed.eq(told.subscribed),
                write.data.instrument.eq(told.instrument),
            ]
        return m

    def _table(self, m):
        """A block RAM for each bit: as deep as can be, so that nothing chooses between them."""
        address = range(self._locates)
        read = Signal(data.StructLayout({"addr": address, "data": Entry}))
        write = Signal(data.StructLayout({"addr": address, "data": Entry, "en": 1}))
        m.d.comb += read.addr.eq(self.locate)
        for at in range(Entry.size):
            m.submodules[f"table_{at}"] = table = memory.Memory(
                shape=1, depth=self._locates, init=[]
            )
            reads, writes = table.read_port(), table.write_port()
            m.d.comb += [
                reads.en.eq(1),
                reads.addr.eq(read.addr),
                Value.cast(read.data)[at].eq(reads.data),
                writes.en.eq(write.en),
                writes.addr.eq(write.addr),
                writes.data.eq(Value.cast(write.data)[at]),
            ]
        return read, write

    def _answer(self, m, read, write, beyond, learns):
        """What is written while it is looked up goes round the table, and the latest wins.

        What is learned for the locate that was read a cycle ago wins over all of it.
        """
        answer, asked = Signal(Entry, reset_less=True), Signal.like(read.addr, reset_less=True)
        newer = [Signal(data.StructLayout({"entry": Entry, "valid": 1})) for _ in range(2)]
        m.d.sync += [
            Value.cast(answer).eq(read.data),
            asked.eq(read.addr),
            newer[0].entry.eq(write.data),
            newer[0].valid.eq(write.en & (write.addr == read.addr)),
            newer[1].eq(newer[0]),
        ]
        with m.If(learns):
            m.d.sync += [
                newer[1].entry.instrument.eq(self.learned),
                newer[1].entry.subscribed.eq(1),
                newer[1].valid.eq(1),
            ]
        with m.Elif(write.en & (write.addr == asked)):
            m.d.sync += [newer[1].entry.eq(write.data), newer[1].valid.eq(1)]
        found = Mux(newer[1].valid, newer[1].entry, answer)
        m.d.comb += [
            self.instrument.eq(found[:INSTRUMENT_BITS]),
            self.subscribed.eq(found[INSTRUMENT_BITS] & ~beyond & self.ready),
        ]

    def _learn(self, m, beyond):
        """Whether the directory message of three cycles ago is learned now, and its locate.

        Then whether the locate of the last cycle is the same, and which of the directory messages
        on their way may be learned.

        What was learned in the cycle before this is not in the answer. The host tells nothing from
        the message to its verdict.
        """
        asked = [Signal(Listing, name=f"asked_{k}", reset_less=True) for k in range(3)]
        coming, before = Signal(3), Signal()  # directory messages; one was learned a cycle ago
        answer, again, repeats, taken, learns, refused = (
            Signal(name=name)
            for name in ("answer", "again", "repeats", "taken", "learns", "refused")
        )
        m.d.sync += [
            asked[0].symbol.eq(self.symbol),
            asked[0].locate.eq(self.locate),
            asked[1].eq(asked[0]),
            asked[2].eq(asked[1]),
            coming.eq(Cat(self.directory & self.learn & self.ready, coming)),
            again.eq(asked[1].locate == self.locate),
            repeats.eq(asked[1].locate == asked[2].locate),
            answer.eq(self.subscribed),
            before.eq(learns),
        ]
        new = coming[2] & ~(answer | (before & repeats))
        m.d.comb += learns.eq(new & ~beyond[2] & ~taken)
        m.d.sync += [refused.eq(new & (beyond[2] | taken)), self.refused.eq(self.refused + refused)]
        with m.If(learns):
            m.d.sync += [
                self.learned.eq(self.learned + 1),
                taken.eq(self.learned == self._instruments - 1),
            ]
        self._list(m, asked[2], taken)
        return learns, asked[2].locate, again, coming

    def _list(self, m, asked, taken):
        """Keep symbol and locate by instrument.

        They are written in every cycle, at the next instrument, and count once that is taken.
        """
        m.submodules.listings = listings = memory.Memory(
            shape=Listing, depth=1 << INSTRUMENT_BITS, init=[]
        )
        write, read = listings.write_port(), listings.read_port()
        shown = Signal(Listing, reset_less=True)
        m.d.comb += [
            write.en.eq(~taken),
            write.addr.eq(self.learned),
            write.data.eq(asked),
            read.addr.eq(self.listing_instrument),
            read.en.eq(1),
            self.listing.eq(shown),
        ]
        m.d.sync += shown.eq(read.data)
