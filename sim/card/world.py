"""The card among what surrounds it: a host's memory behind AXI4, that takes its time."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.elastic.gateware import Slice, SmallFifo
from tapeout.hdl.ring.layout import ADDRESS, RESPONSE, WORD

SLVERR = 0b10
PAGE_BITS = 12  # no burst crosses a multiple of 4,096 bytes
BURSTS = 16  # that wait for their response
ON_THE_WAY = 4  # addresses, and words, that wait for each other
SMALL = 64  # rows of the order table
ROWS = 2048  # of a bank of the order table: 16,392 orders, four times what a card has by itself
SETTINGS = ("delay", "stalls", "refuse")
#: One beat as it goes into memory: the bytes of the eight at `address` that have a `strobe`.
WRITTEN = {"address": 64, "data": 64, "strobe": 8}

Address, Word = data.StructLayout(ADDRESS), data.StructLayout(WORD)
Response, Written = data.StructLayout(RESPONSE), data.StructLayout(WRITTEN)


class Memory(wiring.Component):
    """An AXI4 slave that is only written: takes bursts, tells each beat, answers later.

    A beat leaves at `o` two cycles after it was taken, if its address was taken by then, and burst
    behind burst without a cycle between. Memory is behind `o`: while that is held back nothing is
    taken, but for what finds room on the way.

    Members
    -------
    address, data : In(streams of `ADDRESS`, `WORD`)
        AXI4's AW and W; bursts of `length` + 1 beats of 8 bytes, incrementing.
    response : Out(stream of `RESPONSE`)
        AXI4's B, in the order of the bursts.
    o : Out(stream of `WRITTEN`)
        Each beat, in order.
    delay : In(16)
        Cycles from a burst's last beat to its response, and a few.
    stalls : In(8)
        In so many of 256 cycles no address is taken, and in as many others no data.
    refuse : In(1)
        Bursts that end now are answered by an error; they are written all the same.
    broken : Out(1)
        A burst was not as it must be: it crossed a page, was not aligned, or did not end with
        `last`. It stays to the reset.
    """

    address: In(stream.Signature(Address))
    data: In(stream.Signature(Word))
    response: Out(stream.Signature(Response))
    o: Out(stream.Signature(Written))
    delay: In(16)
    stalls: In(8)
    refuse: In(1)
    broken: Out(1)

    def elaborate(self, platform):
        """Addresses wait for their data, as many as `BURSTS` bursts to be answered."""
        m = Module()
        m.submodules.desk = desk = Slice(Written)
        m.submodules.addresses = addresses = SmallFifo(Address, ON_THE_WAY)
        m.submodules.words = words = SmallFifo(Word, ON_THE_WAY)
        m.submodules.answers = answers = SmallFifo(
            data.StructLayout({"due": 32, "resp": 2}), BURSTS
        )
        wiring.connect(m, desk.o, wiring.flipped(self.o))
        now, going, at, left = Signal(32), Signal(), Signal(64), Signal(8)
        beat, last, taken = words.o.payload, left == 0, Signal()
        self._take(m, addresses, words)
        m.d.comb += [
            addresses.o.ready.eq(~going | (taken & last)),
            words.o.ready.eq(going & desk.i.ready & answers.i.ready),
            taken.eq(words.o.valid & words.o.ready),
            desk.i.valid.eq(taken),
            desk.i.payload.eq(Cat(at, beat.data, beat.strobe)),
            answers.i.valid.eq(taken & last),
            answers.i.payload.due.eq(now + self.delay),
            answers.i.payload.resp.eq(Mux(self.refuse, SLVERR, 0)),
        ]
        m.d.sync += now.eq(now + 1)
        with m.If(taken):
            m.d.sync += [at.eq(at + 8), left.eq(left - 1), going.eq(~last)]
            with m.If(beat.last != last):
                m.d.sync += self.broken.eq(1)
        with m.If(addresses.o.valid & addresses.o.ready):
            begin, length = addresses.o.payload.addr, addresses.o.payload.length
            end = begin[:PAGE_BITS] + (length << 3)
            m.d.sync += [going.eq(1), at.eq(begin), left.eq(length)]
            with m.If(begin[:3].any() | end[PAGE_BITS]):
                m.d.sync += self.broken.eq(1)
        self._answer(m, answers, now)
        return m

    def _take(self, m, addresses, words):
        """Both channels, but in the cycles in which one stalls."""
        stall_address, stall_data = self._stalls(m)
        for pins, fifo, stall in (
            (self.address, addresses, stall_address),
            (self.data, words, stall_data),
        ):
            m.d.comb += [
                fifo.i.payload.eq(pins.payload),
                fifo.i.valid.eq(pins.valid & ~stall),
                pins.ready.eq(fifo.i.ready & ~stall),
            ]

    def _answer(self, m, answers, now):
        """The oldest burst, when it is due."""
        waited = (now - answers.o.payload.due)[:32]
        with m.If(~self.response.valid | self.response.ready):
            m.d.comb += answers.o.ready.eq(~waited[31])
            m.d.sync += [
                self.response.valid.eq(answers.o.valid & ~waited[31]),
                self.response.payload.resp.eq(answers.o.payload.resp),
            ]

    def _stalls(self, m):
        """Two bits that are set in `stalls` of 256 cycles, from generators of full length."""
        stalled = []
        for name, start in (("address", 0xACE1), ("data", 0x1D0F)):
            bits = Signal(16, init=start, name=f"chance_{name}")
            m.d.sync += bits.eq(Cat(bits[1:], bits[0] ^ bits[2] ^ bits[3] ^ bits[5]))
            stalled.append((bits[:8] ^ bits[8:]) < self.stalls)
        return stalled


class World(wiring.Component):
    """A card, and its host's memory: streams and plain inputs, for the compiled bench.

    Members
    -------
    a, b, write_address, write_data, write_response, read_address, read_data, orders, reports
        Those of the card.
    written, delay, stalls, refuse, broken
        Those of `Memory`; its `o` is `written`.
    addressed : Out(stream of `ADDRESS`)
        The address of each burst in the cycle in which the card offers it first; to be looked at,
        by one who is always ready.
    """

    def __init__(self, card):
        self._card, self._memory = card, Memory()
        streams = {
            name: member
            for name, member in card.signature.members.items()
            if member.is_signature and not name.startswith("dma_")
        }
        super().__init__(
            streams
            | {
                "written": Out(stream.Signature(Written)),
                "addressed": Out(stream.Signature(Address)),
                "delay": In(16),
                "stalls": In(8),
                "refuse": In(1),
                "broken": Out(1),
            }
        )

    def elaborate(self, platform):
        """Join both."""
        m = Module()
        m.submodules.card, m.submodules.memory = card, memory = self._card, self._memory
        for name in self._card.signature.members:
            if name.startswith("dma_"):
                end = getattr(memory, name.removeprefix("dma_"))
                wiring.connect(m, getattr(card, name), end)
            elif name in self.signature.members:
                wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(card, name))
        wiring.connect(m, memory.o, wiring.flipped(self.written))
        m.d.comb += [getattr(memory, name).eq(getattr(self, name)) for name in SETTINGS]
        m.d.comb += self.broken.eq(memory.broken)
        offered, stands = card.dma_address, Signal()
        m.d.sync += stands.eq(offered.valid & ~offered.ready)
        m.d.comb += [
            self.addressed.payload.eq(offered.payload),
            self.addressed.valid.eq(offered.valid & ~stands),
        ]
        return m


def component():
    """What the simulated card's process plays."""
    from tapeout.hdl.card.gateware import Card

    return World(Card(rows=ROWS))


def small():
    """The same with few places for orders, so that they run out, and little to be swept."""
    from tapeout.hdl.card.gateware import Card

    return World(Card(rows=SMALL, locates=4 * SMALL))
