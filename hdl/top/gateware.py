"""The feed handler: frames of two lines in, book records out."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.arbiter.gateware import Arbiter
from tapeout.hdl.books.gateware import Books, Listing, Record, Subscribe
from tapeout.hdl.books.gateware import Statistics as BooksStatistics
from tapeout.hdl.elastic.gateware import SmallFifo
from tapeout.hdl.framebuffer.gateware import FrameBuffer
from tapeout.hdl.line.gateware import Beat, Counts, Filter, Line
from tapeout.hdl.publisher.gateware import BookRecord

MESSAGES = 16  # of one line, that wait for the other
HEAD = ("sequence", "subject", "locate", "type", "flags", "length")  # what the arbiter looks at
ON_THE_WAY = 8  # that a line makes, at most, of words let in before it is held back

LineStatistics = data.StructLayout(
    {
        "line": Counts,
        "bad": 32,  # frames the pins said were received badly
        "cut": 32,  # frames that lost their end for want of room
        "dropped": 32,  # frames of which nothing was kept
        "first": 32,  # messages it had first
        "repeated": 32,
        "foreign": 32,  # of another session
    }
)
Statistics = data.StructLayout(
    {
        "a": LineStatistics,
        "b": LineStatistics,
        "delivered": 32,
        "unwanted": 32,
        "gaps": 32,
        "lost": 64,
        "sessions": 32,
        "books": BooksStatistics,
    }
)


class FeedHandler(wiring.Component):
    """Two lines of one feed to book records, at one word a cycle and line.

    Models: `tapeout.hdl.line.model` for each line, `tapeout.hdl.arbiter.model` for both,
    `tapeout.hdl.top.model` for the books. How many cycles each message takes stands in
    `docs/gateware.md`.

    Parameters
    ----------
    words : int
        Words a line may wait with, in block RAM.
    whole : bool
        Let a frame in only when all of it has come well: safer, and later by its length.
    window : int
        Cycles that a missing message is waited for.
    books : int
        As the parameters of `Books`.

    Members
    -------
    a, b : In(stream of `BEAT`)
        What two Ethernet MACs receive, first byte lowest. Always ready.
    now_ns : In(64)
        The clock that frames are stamped with.
    filter : In(`FILTER`)
        Which datagrams are the feed's.
    enable : In(2)
        Lines that are listened to, `a` lowest.
    listen, learn, listing_instrument, listing
        Which instruments are listened to: see `Subscription`.
    o : Out(stream of `BOOK_RECORD`)
        Records in order. While the host takes none, the pipeline fills up to the frame buffers;
        then frames are cut, which `o` tells as a gap when it goes on.
    statistics : Out(`Statistics`)

    Reset begins a new day: every book is empty, nobody is listened to.
    """

    a: In(stream.Signature(Beat))
    b: In(stream.Signature(Beat))
    now_ns: In(64)
    filter: In(Filter)
    enable: In(2, init=3)
    listen: In(stream.Signature(Subscribe))
    learn: In(1)
    listing_instrument: In(8)
    listing: Out(Listing)
    o: Out(stream.Signature(BookRecord))
    statistics: Out(Statistics)

    def __init__(self, words=512, *, whole=False, window=1 << 15, **books):
        self._words, self._whole = words, whole
        self.arbiter, self.books = Arbiter(window=window), Books(**books)
        super().__init__()

    def elaborate(self, platform):
        """Lines to arbiter, arbiter to books."""
        m = Module()
        m.submodules.merge = merge = Module()  # a part of its own, as FIFO and arbiter work as one
        merge.submodules.arbiter = arbiter = self.arbiter
        m.submodules.books = books = self.books
        pressed = Cat(self._line(m, merge, name) for name in "ab")
        m.d.sync += arbiter.pressed.eq(pressed.any())
        wiring.connect(m, arbiter.o, books.i)
        wiring.connect(m, books.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.listen), books.listen)
        m.d.comb += [
            arbiter.enable.eq(self.enable),
            books.learn.eq(self.learn),
            books.listing_instrument.eq(self.listing_instrument),
            self.listing.eq(books.listing),
            self.statistics.books.eq(books.statistics),
        ]
        for name in ("delivered", "unwanted", "gaps", "lost", "sessions"):
            m.d.comb += self.statistics[name].eq(getattr(arbiter, name))
        return m

    def _line(self, m, merge, name):
        """Everything before the arbiter on one side; whether its buffer is nearly full."""
        m.submodules[f"buffer_{name}"] = buffer = FrameBuffer(self._words, whole=self._whole)
        m.submodules[f"line_{name}"] = line = Line()
        merge.submodules[f"messages_{name}"] = messages = SmallFifo(Record, MESSAGES, HEAD)
        pins, counts = getattr(self, name), self.statistics[name]
        m.d.sync += buffer.go.eq(messages.level <= MESSAGES - ON_THE_WAY)
        m.d.comb += [
            pins.ready.eq(1),
            buffer.i.eq(pins.payload),
            buffer.i_valid.eq(pins.valid),
            buffer.now_ns.eq(self.now_ns),
            line.i.payload.eq(buffer.o),
            line.i.valid.eq(buffer.o_valid),
            line.arrival_ns.eq(buffer.arrival_ns),
            line.filter.eq(self.filter),
            messages.i.payload.eq(line.o),
            messages.i.valid.eq(line.valid),
        ]
        wiring.connect(m, messages.o, getattr(self.arbiter, name))
        m.d.comb += counts.line.eq(line.counts)
        m.d.comb += [counts[each].eq(getattr(buffer, each)) for each in ("bad", "cut", "dropped")]
        for each in ("first", "repeated", "foreign"):
            m.d.comb += counts[each].eq(getattr(self.arbiter, f"{name}_{each}"))
        return buffer.pressed
