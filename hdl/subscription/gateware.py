"""Subscription: which instrument a stock locate is, looked up while the order table works."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.orders.layout import INSTRUMENT_BITS
from tapeout.hdl.subscription.layout import ENTRY

Entry = data.StructLayout(ENTRY)
Heard = data.StructLayout({"instrument": INSTRUMENT_BITS, "subscribed": 1})
WRITING = 4  # cycles from a directory message to the first that finds what it taught


class Subscription(wiring.Component):
    """A row of block RAM for each stock locate, written by the host or by directory messages.

    The answer stands two cycles after the question; one question every cycle. A stock directory
    message of a locate that is not listened to takes the next free instrument while `learn` is set;
    four cycles pass before the next question then.

    Parameters
    ----------
    locates : int
        A power of two. Nobody listens to locates from there on.
    instruments : int
        How many can be learned. The host may give any number below this to any locate.

    Members
    -------
    asked : In(1), locate : In(16)
        A question. It may be asked while `ready`.
    directory : In(1), symbol : In(64)
        With `asked`: the message is a directory message, and whose.
    ready : Out(1)
    subscribed : Out(1), instrument : Out(8)
        The answer.
    learn : In(1)
        Directory messages are listened to.
    i : In(stream of `ENTRY`)
        The host's own words; they wait for a cycle in which nothing is learned.
    listed : Out(1), entry : Out(`ENTRY`)
        A row was written.
    shown : In(8), shown_symbol : Out(64)
        The symbol that an instrument was learned by, two cycles later.
    learned, refused : Out(32)
        How many instruments were learned, and how many found none free.

    Reset forgets everything; `ready` comes when every row is cleared, one a cycle.
    """

    asked: In(1)
    locate: In(16)
    directory: In(1)
    symbol: In(64)
    ready: Out(1)
    subscribed: Out(1)
    instrument: Out(INSTRUMENT_BITS)
    learn: In(1)
    i: In(stream.Signature(Entry))
    listed: Out(1)
    entry: Out(Entry)
    shown: In(INSTRUMENT_BITS)
    shown_symbol: Out(64)
    learned: Out(32)
    refused: Out(32)

    def __init__(self, locates=1 << 14, instruments=1 << INSTRUMENT_BITS):
        if locates < 2 or locates & locates - 1 or locates > 1 << 16:
            raise ValueError(f"locates must be a power of two up to 65536; got {locates}")
        self._bits, self._instruments = locates.bit_length() - 1, instruments
        super().__init__()

    def elaborate(self, platform):
        """Look up, and write what is cleared, learned or said."""
        m = Module()
        m.submodules.rows = rows = memory.Memory(shape=Heard, depth=1 << self._bits, init=[])
        read, write = rows.read_port(), rows.write_port()
        inside, heard = Signal(2), Signal(Heard, reset_less=True)
        m.d.comb += [
            read.addr.eq(self.locate),
            self.instrument.eq(heard.instrument),
            self.subscribed.eq(heard.subscribed & inside[1]),
        ]
        m.d.sync += [
            heard.eq(read.data),
            inside.eq(Cat(~self.locate[self._bits :].any(), inside)),
        ]

        cleared = Signal(self._bits + 1)
        clearing, waits = ~cleared[-1], Signal(range(WRITING + 1))
        teaching = self.asked & self.directory
        m.d.comb += self.ready.eq(~clearing & (waits == 0))
        with m.If(teaching):
            m.d.sync += waits.eq(WRITING)
        with m.Elif(waits != 0):
            m.d.sync += waits.eq(waits - 1)

        learns, free = self._learn(m, teaching)
        said = self.i.valid & self.i.ready
        m.d.comb += [
            self.i.ready.eq(~clearing & ~learns),
            self.listed.eq(learns | said),
            self.entry.eq(self.i.payload),
            write.en.eq(clearing | self.listed & ~self.entry.locate[self._bits :].any()),
            write.addr.eq(Mux(clearing, cleared, self.entry.locate)),
        ]
        with m.If(learns):
            m.d.comb += [self.entry.locate.eq(free.locate), self.entry.subscribed.eq(1)]
            m.d.comb += self.entry.instrument.eq(free.instrument)
        with m.If(~clearing):
            m.d.comb += [
                write.data.instrument.eq(self.entry.instrument),
                write.data.subscribed.eq(self.entry.subscribed),
            ]
        m.d.sync += cleared.eq(cleared + clearing)
        return m

    def _learn(self, m, teaching):
        """Whether a directory message is learned in this cycle, and its locate and instrument."""
        m.submodules.names = names = memory.Memory(shape=64, depth=self._instruments, init=[])
        read, write = names.read_port(), names.write_port()
        taught, learns = Signal(2), Signal()
        free, symbol = Signal(Entry, reset_less=True), Signal(64, reset_less=True)
        new = taught[1] & ~self.subscribed & ~free.locate[self._bits :].any()
        m.d.sync += taught.eq(Cat(teaching & self.learn, taught))
        with m.If(teaching):
            m.d.sync += [free.locate.eq(self.locate), symbol.eq(self.symbol)]
            m.d.sync += free.instrument.eq(self.learned)
        m.d.comb += [
            learns.eq(new & (self.learned < self._instruments)),
            write.addr.eq(free.instrument),
            write.data.eq(symbol),
            write.en.eq(learns),
            read.addr.eq(self.shown),
        ]
        m.d.sync += [
            self.learned.eq(self.learned + learns),
            self.refused.eq(self.refused + (new & ~learns)),
            self.shown_symbol.eq(read.data),
        ]
        return learns, free
