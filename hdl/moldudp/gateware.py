"""MoldUDP64 framer in gateware: words of a frame in, whole messages out, at any alignment."""

from itertools import pairwise

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.choice.gateware import any_of, chosen
from tapeout.hdl.moldudp.layout import (
    BLOCK,
    BODY_BYTES,
    END_OF_SESSION,
    HEADER_BYTES,
    HEARTBEAT,
    KIND,
    PREFIX_BYTES,
    SHORTEST_MESSAGE,
)
from tapeout.hdl.net.layout import UDP_BYTES, WINDOW

LANES = range(8)
PIECES = -(-(PREFIX_BYTES + BODY_BYTES) // 8)
Window = data.StructLayout(WINDOW)
Block = data.StructLayout(BLOCK)
Kind = data.StructLayout(KIND)
SHORTEST_PAYLOAD = UDP_BYTES + HEADER_BYTES


def number(*octets):
    """The big-endian integer of some bytes."""
    return Cat(reversed(octets))


def payload(shape, **known):
    """A register that reset leaves alone: nobody looks at it before it is written."""
    return Signal(shape, reset_less=True, **known)


class Framer(wiring.Component):
    """Cuts the payload of a UDP datagram into blocks while its words pass by.

    Latency is two cycles from the window with a block's last byte. A block can end in every window,
    and never two in one, because the shortest has 13 bytes; one that says it is shorter never ends.
    Nothing is held up.

    What closes the loop from one block to the next is small: where a block ends is kept as one bit
    a lane, set from the length bytes of eight lanes, of which those that count are chosen by where
    the block before ended.

    Members
    -------
    i : In(`WINDOW`)
    ahead : In(64)
        The word that will be `data` of the next window, if `coming`.
    coming : In(1)
    start, late : In(1)
        The payload starts in this window; in lane 6 if `late`, else in lane 2.
    length : In(16)
        With `start`, of the UDP datagram.
    o : Out(`BLOCK`)
        One cycle long where `valid`.
    kind : Out(`KIND`)
        Two cycles before `o`, of the block that ends in this window.
    over : Out(1)
        One cycle after the last window of a frame: the payload is here in full, or too short to be
        a packet.
    sound : Out(1)
        From then until the next payload starts: the blocks fill the payload.

    Reset forgets the frame in progress.
    """

    i: In(Window)
    ahead: In(64)
    coming: In(1)
    start: In(1)
    late: In(1)
    length: In(16)
    o: Out(Block)
    kind: Out(Kind)
    over: Out(1)
    sound: Out(1)

    def elaborate(self, platform):
        """The loop over blocks, what of them the payload holds, and their bytes."""
        m = Module()
        ends, header = Signal(8), Signal()  # lane of a block's last byte; of the packet's header
        begins = Signal(8)  # lane of a block's first byte, as soon as its length is known
        length = self._loop(m, ends, header, begins)
        good = self._bounds(m, ends, header)
        shift, piece = self._place(m, ends)
        self._kind(m, begins, length, header)
        self._gather(m, shift, piece, good)
        return m

    def _lengths(self, m):
        """Of a block that begins in each lane, as registers beside `i`: where and when it ends.

        `last` is the lane of its last byte, `next_` tells it for one that ends in the next word,
        `after` those that end in the word after that; `carry` is the number of words ahead, less
        one, less the eighths of the length. The length of a block that begins in lane 7 is known
        one word later, and counts from there.
        """
        octets = [self.ahead.word_select(lane, 8) for lane in LANES]
        found = []
        for lane in LANES:
            past = (lane + 1) % 8  # bytes from the start of the word to the first of the message
            pair = octets[lane : lane + 2] if lane < 7 else [self.i.data[56:], octets[0]]
            length = number(*pair)
            small = length[5:] == 0
            last, carry, after = payload(3), payload(1), payload(1)
            next_ = {}
            with m.If(self.coming):
                m.d.sync += last.eq(length[:3] + past)
                m.d.sync += carry.eq(length[:3] + past >= 8)
                whole = [size for size in range(SHORTEST_MESSAGE, 32) if 16 <= size + past < 24]
                m.d.sync += after.eq(small & any_of(length[:5] == n for n in whole))
                for size in range(SHORTEST_MESSAGE, 16 - past):
                    bit = next_[size + past - 8] = payload(1, name=f"next_{lane}_{size}")
                    m.d.sync += bit.eq(small & (length[:5] == size))
            found.append((last, carry, after, next_))
        return found

    def _loop(self, m, ends, header, begins):
        """From where a block ends to where the next one does."""
        found = self._lengths(m)
        fresh, split, soon = Signal(), Signal(), Signal()
        eighths, carry, last = Signal(13), payload(1), payload(3)
        first, second, late = Signal(), Signal(), payload(1)
        octets = [self.i.data.word_select(lane, 8) for lane in LANES]
        pairs = [*pairwise(octets), (self.i.before[56:], octets[0])]
        length = Signal(16)
        m.d.comb += begins.eq(Cat(fresh, ends[:6], split))
        m.d.comb += length.eq(chosen(begins, [number(*pair) for pair in pairs]))
        with m.If(self.i.valid):
            m.d.sync += [fresh.eq(ends[7]), split.eq(ends[6])]
            m.d.sync += [first.eq(self.start), second.eq(first)]
            with m.If(self.start):
                m.d.sync += late.eq(self.late)
            with m.If(begins.any()):
                m.d.sync += eighths.eq(length[3:])
                m.d.sync += carry.eq(chosen(begins, [entry[1] for entry in found]))
                m.d.sync += last.eq(chosen(begins, [entry[0] for entry in found]))
            with m.Else():
                m.d.sync += eighths.eq(eighths - 1)
            after = chosen(begins, [entry[2] for entry in found])
            m.d.sync += soon.eq(after | (eighths == Mux(carry, 2, 3)))
            m.d.sync += header.eq(Mux(late, second, first))
            for lane in LANES:
                now = chosen(begins, [entry[3].get(lane, C(0, 1)) for entry in found])
                head = {5: first & ~late, 1: second & late}.get(lane, 0)
                m.d.sync += ends[lane].eq(now | (soon & (last == lane)) | head)
            with m.If(self.i.last):
                m.d.sync += [fresh.eq(0), split.eq(0), soon.eq(0), eighths.eq(0), ends.eq(0)]
                m.d.sync += [first.eq(0), second.eq(0), header.eq(0)]
        return length

    def _bounds(self, m, ends, header):
        """Whether a block ends here that the payload holds and its header has announced."""
        end, index, short = payload(16), payload(13), payload(1)  # from the payload's first word
        inside, final, past, over = Signal(), Signal(), Signal(), Signal()
        within, exact = payload(8), payload(8)
        whole = ends & self.i.arrived
        m.d.sync += [
            exact.eq(1 << end[:3]),
            within.eq((2 << end[:3]) - 1),
            over.eq(past | (final & (exact & self.i.arrived).any())),
        ]
        m.d.comb += self.over.eq(over | short)
        with m.If(self.i.valid):
            m.d.sync += [index.eq(index + 1), past.eq(past | final)]
            m.d.sync += final.eq(inside & (index == end[3:]))
            with m.If(self.start):
                m.d.sync += end.eq(self.length - Mux(self.late, 11, 15))
                m.d.sync += [index.eq(1), inside.eq(1), short.eq(self.length < SHORTEST_PAYLOAD)]
            with m.If(self.i.last):
                m.d.sync += [inside.eq(0), final.eq(0), past.eq(0)]
        fits = (whole & (within | ~final.replicate(8))).any() & ~past & self.i.valid
        last, good = Signal(), Signal()
        self._count(m, header, last, good)
        open_ = Signal()
        m.d.comb += good.eq(fits & open_ & ~short)
        with m.If(good & last):
            m.d.sync += [open_.eq(0), self.sound.eq(final & (whole & exact).any())]
        with m.If(self.i.valid):
            with m.If(self.start):
                m.d.sync += [open_.eq(1), self.sound.eq(0)]
            with m.If(self.i.last):
                m.d.sync += open_.eq(0)
        return good

    def _count(self, m, header, last, good):
        """Whether the block that ends next is the last; the packet's header counts as one, too."""
        late, left, only = payload(1), payload(16), payload(1)
        none, one = payload(2), payload(2)
        for at, lane in enumerate((4, 0)):
            count = number(*(self.ahead.word_select(lane + n, 8) for n in (0, 1)))
            with m.If(self.coming):
                m.d.sync += none[at].eq((count == HEARTBEAT) | (count == END_OF_SESSION))
                m.d.sync += one[at].eq(count == 1)
        here = [number(*(self.i.data.word_select(at + n, 8) for n in (0, 1))) for at in (4, 0)]
        m.d.comb += last.eq(Mux(header, none.bit_select(late, 1), only))
        with m.If(self.start & self.i.valid):
            m.d.sync += late.eq(self.late)
        with m.If(good):
            m.d.sync += left.eq(Mux(header, Mux(late, here[1], here[0]), left - 1))
            m.d.sync += only.eq(Mux(header, one.bit_select(late, 1), left == 2))

    def _place(self, m, ends):
        """The lane where the block in progress began, and which eight bytes of it end here."""
        shift, wait, piece = payload(3), payload(1), payload(PIECES)
        with m.If(self.i.valid):
            m.d.sync += [wait.eq(ends[7]), piece.eq(Cat(wait, piece))]
            with m.If(ends.any()):
                m.d.sync += piece.eq(~ends[7])
                m.d.sync += shift.eq(chosen(ends, [(lane + 1) % 8 for lane in LANES]))
            with m.If(self.start):
                m.d.sync += [shift.eq(Mux(self.late, 4, 0)), piece.eq(1)]
        return shift, piece

    def _kind(self, m, begins, length, header):
        """Type and length of the message in progress, also in the word in which it ends."""
        octets = [self.i.data.word_select(lane, 8) for lane in LANES]
        split, type_, size = (
            payload(1),
            payload(8),
            payload(16),
        )  # split: the type is in the next word
        with m.If(self.i.valid):
            m.d.sync += split.eq(begins[6])
            with m.If(begins.any()):
                m.d.sync += size.eq(length)
            with m.If(begins.any() | split):
                places = Cat(begins[:6], begins[7], split)
                m.d.sync += type_.eq(chosen(places, [*octets[2:], octets[1], octets[0]]))
        m.d.comb += [self.kind.type.eq(type_), self.kind.length.eq(size)]
        m.d.comb += self.kind.header.eq(header)

    def _gather(self, m, shift, piece, good):
        """Shift the bytes of a block to its start; the last eight may not all be its own."""
        before, here, by = payload(64), payload(64), payload(3)
        pieces, valid, head = payload(PIECES), Signal(), payload(1)
        m.d.sync += [before.eq(self.i.before), here.eq(self.i.data), by.eq(shift)]
        m.d.sync += [pieces.eq(piece & self.i.valid.replicate(PIECES)), valid.eq(good)]
        both, rest = Signal(64), Signal(64)
        m.d.comb += both.eq(Cat(before, here) >> (by << 3))
        m.d.comb += rest.eq(here >> (by << 3))
        held = [payload(64, name=f"piece{place}") for place in range(PIECES)]
        for place, kept in enumerate(held):
            with m.If(pieces[place]):
                m.d.sync += kept.eq(both)
            if place:
                with m.Elif(pieces[place - 1]):
                    m.d.sync += kept.eq(rest)
        ended, top = Signal(), payload(1)
        m.d.sync += [ended.eq(valid), head.eq(self.kind.header), top.eq(head)]
        m.d.comb += [self.o.valid.eq(ended), self.o.header.eq(top)]
        m.d.comb += self.o.body.eq(Cat(held)[8 * PREFIX_BYTES :])
