"""Two banks of block RAM rows: reads every order that may be the one asked for, and compares."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.alike.gateware import alike, kept
from tapeout.hdl.orders.layout import ENTRY, REFERENCE_BITS, row_bits

BANKS = 2
Entry = data.StructLayout(ENTRY)


class Ways(wiring.Component):
    """`BANKS` banks of `rows` rows, each row with places for `ways` orders.

    A place holds an order and its tag: the bits of its reference that the row number leaves out.
    Three cycles from `row` to the answer, one row a cycle in each bank, writes beside them.

    A word that is written in the cycle in which it is read comes out as nobody promises, so its
    place is left out of the answer; whoever reads has the written order at hand and knows better.

    Members
    -------
    row : In(array of 2, row number)
        The rows to read, one in each bank, in cycle t.
    tag : In(tag)
        What to look for, in cycle t + 1.
    unless : In(1)
        It is known elsewhere, so nothing is to be found, in cycle t + 2.
    hit : Out(one bit a place)
        Where it is, in cycle t + 3; bank 0 in the lowest bits.
    entry : Out(array of `ENTRY`)
        All that was in the rows, in cycle t + 3.
    put : In(one bit a place)
        Places to write in this cycle.
    put_row : In(array of 2, row number)
    put_tag : In(tag)
    put_entry : In(`ENTRY`)

    Nothing is reset: rows are written one by one before they are trusted.
    """

    def __init__(self, rows: int, ways: int):
        self.rows, self.ways = rows, ways
        bits = row_bits(rows)
        places, tag = BANKS * ways, REFERENCE_BITS - bits
        self.word = data.StructLayout({"entry": Entry, "tag": tag})
        super().__init__(
            {
                "row": In(data.ArrayLayout(bits, BANKS)),
                "tag": In(tag),
                "unless": In(1),
                "hit": Out(places),
                "entry": Out(data.ArrayLayout(Entry, places)),
                "put": In(places),
                "put_row": In(data.ArrayLayout(bits, BANKS)),
                "put_tag": In(tag),
                "put_entry": In(Entry),
            }
        )

    def elaborate(self, platform):
        """One RAM a place."""
        m = Module()
        for bank in range(BANKS):
            meets = Signal(reset_less=True, name=f"meets{bank}")
            m.d.sync += meets.eq(alike(m, self.row[bank], self.put_row[bank], f"rows{bank}"))
            tag = Signal(len(self.tag), init=-bank, reset_less=True, name=f"tag{bank}")
            m.d.sync += tag.eq(self.tag)  # near to each bank: other `init`, or they are merged
            for way in range(self.ways):
                self._place(m, bank, bank * self.ways + way, tag, meets)
        return m

    def _place(self, m, bank, place, tag, meets):
        """RAM, the register behind it, and the comparison."""
        ram = memory.Memory(shape=self.word, depth=self.rows, init=[])
        m.submodules[f"ram{place}"] = ram
        write, read = ram.write_port(), ram.read_port()
        word = Signal(self.word, reset_less=True, name=f"word{place}")
        written = Signal(reset_less=True, name=f"written{place}")
        doubtful = Signal(reset_less=True, name=f"doubtful{place}")
        valid = word.entry.valid & ~doubtful
        halves = Signal(2, reset_less=True, name=f"halves{place}")
        m.d.comb += [
            self.hit[place].eq(kept(m, halves.all(), f"hit{place}")),  # much hangs on it
            write.en.eq(self.put[place]),
            write.addr.eq(self.put_row[bank]),
            write.data.entry.eq(self.put_entry),
            write.data.tag.eq(self.put_tag),
            read.addr.eq(self.row[bank]),
        ]
        m.d.sync += [
            written.eq(self.put[place]),
            doubtful.eq(written & meets),
            word.eq(read.data),
            self.entry[place].eq(word.entry),
            self.entry[place].valid.eq(valid),
            halves[0].eq(alike(m, word.tag[0::2], tag[0::2], f"tag{place}_0")),
            halves[1].eq(
                alike(m, word.tag[1::2], tag[1::2], f"tag{place}_1") & valid & ~self.unless
            ),
        ]
