"""Headers of a frame in gateware: where the UDP payload starts, and whether to let it in."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.line.layout import FILTER
from tapeout.hdl.net.layout import (
    ETHERTYPE_IPV4,
    ETHERTYPE_QINQ,
    ETHERTYPE_VLAN,
    IPV4_BYTES,
    PROTOCOL_UDP,
    REASONS,
    UDP_BYTES,
    WINDOW,
)

Window = data.StructLayout(WINDOW)
Filter = data.StructLayout(FILTER)
Reasons = data.StructLayout(REASONS)

VERDICT_CYCLES = 4  # from the window with the last byte of the UDP header


def number(*octets):
    """The big-endian integer of some bytes."""
    return Cat(reversed(octets))


def field(shape):
    """A register that reset leaves alone: nobody looks at it before it is written."""
    return Signal(shape, reset_less=True)


class Headers(wiring.Component):
    """Follows Ethernet, IPv4 and UDP while the words of a frame pass by; it never holds them up.

    All headers behind the ethertype are made of four bytes, of which two lots end in each word: one
    in lane 1, begun in lane 6 of the word before, and one in lane 5. What is judged, and how, says
    `tapeout.hdl.line.model`.

    Members
    -------
    i : In(`WINDOW`)
    ahead : In(64)
        The word that will be `data` of the next window, if `coming`.
    coming : In(1)
    filter : In(`FILTER`)
    start : Out(1)
        The UDP payload starts in this word: in lane 6 if `late`, else in lane 2.
    late : Out(1)
    length : Out(16)
        With `start`, of the UDP datagram.
    judged : Out(1)
        Four cycles after `start` (of frames that are not IPv4, after their ethertype), the verdict
        is new. It holds until four cycles after the first word of the next frame.
    accepted, refused : Out(1)
        The verdict; neither as long as there is none.
    reasons : Out(`REASONS`)
        With `judged`, the one reason why the frame is refused.

    Reset is not needed between frames; it forgets the frame in progress.
    """

    i: In(Window)
    ahead: In(64)
    coming: In(1)
    filter: In(Filter)
    start: Out(1)
    late: Out(1)
    length: Out(16)
    judged: Out(1)
    accepted: Out(1)
    refused: Out(1)
    reasons: Out(Reasons)

    def elaborate(self, platform):
        """Find the headers, read their fields, judge."""
        m = Module()
        here = [self.i.data.word_select(lane, 8) for lane in range(8)]
        before = [self.i.before.word_select(lane, 8) for lane in range(8)]
        foreign, early, late = self._network(m)
        words = self._transport(m, here, before, early, late)
        faults = self._fields(m, here, before, early, late)
        intact = self._checksum(m, here, before, early, late, words)
        self._verdict(m, foreign, faults, intact)
        return m

    def _network(self, m):
        """Whether the frame is not IPv4; whether IPv4 starts at lane 6 before, or at lane 2."""
        ipv4, tag = field(2), field(2)  # what is named in lanes 0 and 1, and in lanes 4 and 5
        for place, lane in enumerate((0, 4)):
            kind = number(*(self.ahead.word_select(lane + n, 8) for n in (0, 1)))
            with m.If(self.coming):
                m.d.sync += ipv4[place].eq(kind == ETHERTYPE_IPV4)
                m.d.sync += tag[place].eq((kind == ETHERTYPE_VLAN) | (kind == ETHERTYPE_QINQ))
        there = [self.i.arrived[1], self.i.arrived[5]]
        second, third, tagged, early = Signal(), Signal(), Signal(), Signal()
        outer = second & there[1]
        middle = third & tagged & there[0]
        inner = middle & tag[0] & there[1]
        with m.If(self.i.valid):
            m.d.sync += [
                second.eq(self.i.first),
                third.eq(second),
                tagged.eq(tag[1]),
                early.eq((outer | inner) & ipv4[1]),
            ]
            with m.If(self.i.last):
                m.d.sync += [second.eq(0), third.eq(0), early.eq(0)]
        foreign = (outer & ~ipv4[1] & ~tag[1]) | (middle & ~ipv4[0] & ~tag[0]) | (inner & ~ipv4[1])
        return foreign, early, middle & ipv4[0]

    def _transport(self, m, here, before, early, late):
        """Count the words of IPv4 down to the last one of UDP, where the payload starts."""
        sizes = [max(size, IPV4_BYTES // 4) for size in range(16)]
        left = Mux(
            early, Array(size - 1 for size in sizes)[before[6][:4]], Array(sizes)[here[2][:4]]
        )
        words, inside = Signal(5), Signal()  # from the lot that ends in lane 1 of this word
        ends = Signal()  # it is the last lot, or the one before; a header has five lots or more
        with m.If(self.i.valid):
            m.d.sync += ends.eq(inside & (words[1:] == 1) & ~(early | late | self.i.last))
            m.d.sync += words.eq(Mux(early | late, left, Cat(words[0], words[1:] - 1)))
            m.d.sync += inside.eq(1)
            with m.If(self.i.last | ends | ~(early | late | inside)):
                m.d.sync += [words.eq(0), inside.eq(0)]
        m.d.comb += [
            self.start.eq(
                ends & self.i.valid & Mux(words[0], self.i.arrived[5], self.i.arrived[1])
            ),
            self.late.eq(words[0]),
            self.length.eq(Mux(words[0], number(*here[2:4]), number(*before[6:8]))),
        ]
        return words

    def _fields(self, m, here, before, early, late):
        """What is wrong with the fields, a signal a reason; all stand two cycles after `start`."""
        low, high = number(*here[0:2]), number(*here[4:6])
        first, total, protocol, fragment = field(8), field(16), field(8), field(14)
        group, port, length, blank = field(32), field(16), field(16), field(1)
        then, thereafter, apart = field(1), field(1), field(1)  # apart: IPv4 starts at lane 2
        with m.If(self.i.valid):
            m.d.sync += [then.eq(early | late), thereafter.eq(then)]
            with m.If(early | late):
                m.d.sync += apart.eq(late)
                m.d.sync += first.eq(Mux(late, here[2], before[6]))
                m.d.sync += total.eq(Mux(late, high, low))
            with m.If(early | (then & apart)):
                m.d.sync += fragment.eq(Mux(early, high, low))
            with m.If(then):
                m.d.sync += protocol.eq(Mux(apart, here[3], before[7]))
                m.d.sync += blank.eq(Mux(apart, high, low) == 0)
            with m.If(thereafter):
                m.d.sync += group.eq(
                    Mux(apart, number(*here[2:6]), number(*before[6:8], *here[0:2]))
                )
            with m.If(self.start):
                m.d.sync += port.eq(Mux(self.late, low, number(*before[4:6])))
                m.d.sync += length.eq(self.length)
        room, faults = field(signed(18)), field(Reasons)
        m.d.sync += [
            room.eq(total - Cat(C(0, 2), first[:4])),
            faults.not_udp.eq(protocol != PROTOCOL_UDP),
            faults.bad_header.eq((first[4:] != 4) | (first[:4] < 5)),
            faults.bad_checksum.eq(~blank),
            faults.fragment.eq(fragment != 0),
            faults.bad_length.eq((room < length) | (length < UDP_BYTES)),
            faults.filtered.eq(
                (self.filter.port_enable & (port != self.filter.port))
                | (self.filter.group_enable & (group != self.filter.group))
            ),
        ]
        return faults

    def _checksum(self, m, here, before, early, late, words):
        """Whether the ones' complement sum is right: four cycles after the header's last word."""
        lots = [(before[6:8], here[0:2]), (here[2:4], here[4:6])]
        inside = [early | (words >= 2), early | late | (words >= 3)]
        halves, both, total = [field(17), field(17)], field(18), field(22)
        fresh, intact = Signal(2), field(1)
        m.d.sync += fresh.eq(Cat(self.i.valid & self.i.first, fresh[0]))
        for half, lot, within in zip(halves, lots, inside, strict=True):
            m.d.sync += half.eq(number(*lot[0]) + number(*lot[1]))
            with m.If(~(self.i.valid & within)):
                m.d.sync += half.eq(0)
        m.d.sync += both.eq(halves[0] + halves[1])
        m.d.sync += total.eq(total + both)
        with m.If(fresh[1]):
            m.d.sync += total.eq(0)
        m.d.sync += intact.eq(total[16:] == ~total[:16])
        return intact

    def _verdict(self, m, foreign, faults, intact):
        """Three cycles on, all is known: the first reason counts."""
        foreigns, starts, fresh = Signal(3), Signal(3), Signal(3)
        m.d.sync += [
            foreigns.eq(Cat(self.i.valid & foreign, foreigns)),
            starts.eq(Cat(self.start, starts)),
            fresh.eq(Cat(self.i.valid & self.i.first, fresh)),
        ]
        found = {name: faults[name] for name in REASONS}
        found["bad_checksum"] &= ~intact
        wrong, reasons = C(0, 1), {}
        for name in ["bad_header", "bad_checksum", "fragment", "not_udp", "bad_length", "filtered"]:
            reasons[name] = starts[2] & found[name] & ~wrong
            wrong |= found[name]
        reasons["not_udp"] |= foreigns[2]
        for name, reason in reasons.items():
            m.d.sync += self.reasons[name].eq(reason)
        m.d.sync += self.judged.eq(starts[2] | foreigns[2])
        with m.If(fresh[2]):
            m.d.sync += [self.accepted.eq(0), self.refused.eq(0)]
        with m.If(foreigns[2]):
            m.d.sync += self.refused.eq(1)
        with m.If(starts[2]):
            m.d.sync += [self.accepted.eq(~wrong), self.refused.eq(wrong)]
