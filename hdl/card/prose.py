"""What `docs/device.md` says in words: chapters, and what each counter, flag and field means."""

HEAD = """# The device

What a host sees of the card: a window of registers, a ring of records in the host's memory, and an
order path. Two Ethernet lines go in, orders come out. Everything here is made of the tables that
gateware and driver are built from (`hdl/card/layout.py` and those it names) by `python -m
tapeout.hdl.card.page docs/device.md`; a test holds this page to them.

**No board has run this.** It is simulated, cycle by cycle, and parts are proved; see the end.

A driver must refuse a card whose `magic` or major `version` it does not know. Numbers are
little-endian, counters wrap, addresses are bytes, reserved bits read as zero and are written as
zero.
"""

BUS = """
One clock, `clk`; `rst` is synchronous, active high, and also the bus's reset: from its second
cycle on nothing is offered. Each channel is a stream: a payload, `valid` and `ready`; a payload
that is offered stands until it is taken, and is offered without waiting for `ready`.

* **Registers** (AXI4-Lite, Arm IHI 0022): 32 bits, one read and one write at a time, beside one
  another. A read is answered three cycles after its address is taken and shows the cycle after
  that. A write is answered three cycles after the later of AW and W, which come in any order, and
  is done then. Without all four strobes, at an address that is no register's, or of one that is
  only read, it does nothing and is answered SLVERR. AWPROT and ARPROT do not exist. A write to
  `listen`, `limit_write` or `order_send` is answered when its part takes it.
* **DMA** (AXI4, writes only): tie AWID to 0, AWSIZE to 3 (8 bytes), AWBURST to 1 (INCR); AWCACHE,
  AWPROT and AWQOS are the integrator's. A burst is 8 beats (a record) or 1 (the index), aligned to
  its size, so none crosses 4 KiB. At most 8 wait for their response; responses come in order,
  BREADY is always high. W may lead AW by one burst. AR and R do not exist.
* **Lines and orders** carry frames, 8 bytes a word, the first byte lowest. `a` and `b` are always
  ready.
"""

BRING_UP = """
From power-up, in this order. Every value is an example; `ring_base` and `ring_index` are addresses
as the card's bus sees them, of memory that the host has pinned and cleared.
"""

BRING_UP_CODE = """
Steps 1 to 8 against the model of the window, which the gateware's is held to:

```python
from tapeout.hdl.card.layout import MAGIC, REGISTERS
from tapeout.hdl.registers.model import Registers

card = Registers()  # over a bus: 32-bit accesses to the window


def read(name):
    value, response = card.read(REGISTERS[name].at)
    assert response == 0
    return value


def write(name, value):
    assert card.write(REGISTERS[name].at, value) == 0


assert read("magic") == MAGIC and read("version") >> 16 == 1
for name, value in [
    ("control", 0), ("kill", 1), ("ring_bits", 0), ("reset", 1),
    ("ring_base_low", 0x4000_0000), ("ring_base_high", 0x1),
    ("ring_index_low", 0x4001_0000), ("ring_index_high", 0x1),
    ("ring_consumer", 0), ("ring_bits", 10),
    ("filter_port", 1 << 16 | 26400), ("filter_group", 0xE9360C6F), ("filter_group_enable", 1),
    ("listen", 1 << 24 | 0 << 16 | 7), ("errors", 0x3F), ("control", 0b0111),
]:  # fmt: skip
    write(name, value)
assert card.setting("ring_base") == 0x1_4000_0000
assert ("listen", 1 << 24 | 7) in card.done  # instrument 0 is stock locate 7
```
"""

RING = """
The host gives a piece of memory of `2**ring_bits` entries of {entry} bytes at `ring_base`, and 8
bytes for the index at `ring_index` (both aligned to {alignment} bytes; the lowest six bits are
taken as zero). `ring_bits` is {few} to {many}; any other value, 0 above all, means that nothing is
written. Change these only while `ring_bits` is 0.

1. Record n, counting from 0 since the reset, goes to `ring_base` + {entry} * (n mod
   `2**ring_bits`), 8 bytes a beat, lowest address first.
2. When its write response has come it is counted: `ring_producer` goes up. A record that is
   counted is in memory.
3. The count is then written to `ring_index`, as 64 bits of which the upper 32 are zero; one such
   write at a time, so it may jump by several. It is not written before the first record: clear it
   while `busy` is 0 and before `ring_bits` is set.
4. The host reads the index, then entries from its own count up to the index, then writes that
   count to `ring_consumer`. From there on the card may write `2**ring_bits` entries. Writing it
   once for many is well.
5. Counts are modulo `2**32`. If `ring_producer - ring_consumer` is not 0 to `2**ring_bits`,
   nothing is written.

Entries hold what the books report and what the gate decides, in the order in which they came.
`number` counts the records of the books from 1, without a hole but where an entry of kind OVERFLOW
stands: it says in `subject` how many entries were dropped in its place, and in `arrival_ns` when
the first of them came. Until `ring_bits` is set and while the ring is full, 513 records wait on
the card; only what finds no place there is dropped. It counts in `ring_dropped`, sets `overflow`
in `errors` and `stale` in `status`. After a loss nothing is taken in until half of them have left,
so losses are few and long. A record takes eight cycles of the bus, and its count one: 17.4 million
records a second at 156.25 MHz. A line that is packed with the shortest messages makes more for as
long as it is: about 700 messages back to back are taken without a loss (`benchmarks/hil_feed.py`).

If the memory answers a write by an error, `bus` in `errors` is set and the ring stops: that record
and all behind it are not counted, nothing more is written until the reset, and what comes is
dropped and counted.

```python
from tapeout.hdl.ring.model import Ring
from tapeout.hdl.top.layout import BOOK_RECORD, BookRecord, unpack

ring, memory, consumer = Ring(places=512, bits=4), bytearray(64 << 4), 0
for number in range(1, 4):  # the card
    ring.offer(BookRecord(number=number, kind=1, price=1_000_000))
    place, entry = ring.write()
    low, word = 0, 0
    for (name, bits), value in zip(BOOK_RECORD.items(), entry, strict=True):
        word, low = word | value << low, low + bits
    memory[place : place + 64] = word.to_bytes(64, "little")
    ring.answer()
while consumer != ring.producer:  # the host: `producer` is what stands at `ring_index`
    at = 64 * (consumer % 16)
    record = unpack(int.from_bytes(memory[at : at + 64], "little"))
    consumer += 1
    assert record.number == consumer
```
"""

CLOCK = """
The clock counts ns since the host's epoch in 64 bits, with {fraction} more behind the point; each
cycle it adds `clock_rate` (ns with {fraction} bits behind the point: {rate:,} is 6.4 ns). After
`rst` it is 0 at that rate; the reset of register `reset` leaves it alone. Frames are stamped with
it when their first word comes.

Reading `now_low` keeps the upper half of the same cycle for the next read of `now_high`. To align:

1. Read the host's clock, `now_low`, the host's clock again: t0, n, t1. Then `now_high`.
2. The card's clock is off by n - (t0 + t1) / 2, within (t1 - t0) / 2: half the round trip is the
   bound. Of many tries the one with the shortest round trip is the best.
3. Write minus that offset, signed, 64 bits, to `adjust_low`, then to `adjust_high`: the jump
   happens once, at the second write.
4. A while later measure again: what the offset grew by, per ns, is what `clock_rate` is wrong by.
   Write `clock_rate` * (1 - growth), and align again.

```python
from tapeout.hdl.card.layout import LINE_RATE
from tapeout.hdl.clock.model import Clock

clock = Clock()
for _ in range(1000):
    clock.step(LINE_RATE)
t0, now, t1 = 50_000, clock.now_ns, 50_400  # what the host measured around its read
offset, bound = now - (t0 + t1) // 2, (t1 - t0) // 2
clock.step(LINE_RATE, adjust_ns=-offset)
assert abs(clock.now_ns - 50_200) <= 6 + 1 and bound == 200
```
"""

RESET = """
A 1 written to `reset` begins a new day: books, ring, gate and counters are as after power-up, and
`busy` in `status` is set until the last burst of the old day has its response. A burst that is
going on is ended as AXI demands, its remaining beats without a byte in them, so the memory it was
meant for must stay the card's until `busy` is clear. Settings, `errors`, the kept statistics and
the clock stay. A count of the old day may still arrive at `ring_index` while `busy` is set: clear
it after that. `ring_consumer` is a setting: write 0 before `ring_bits`. `rst` resets all of it,
and the bus with it.
"""

ORDERS = """
The host's order is what stands in `order_...`; a 1 written to `order_send` hands it to the gate
and is answered when it is taken. The policy's orders go the same way, if `trade` in `control` is
set. The gate judges every order by the limits below, answers each by one entry of kind DECISION in
the ring with the first reason that applies, and lets only what it accepts out, as OUCH, on
`orders`. After power-up it is closed: `kill` is 1 and every limit 0. Set `kill` before a reset,
and write the limits anew after it.

An exchange wants the numbers of one OUCH port to rise strictly. The policy's count from 1, the
host's must have their top bit set: to trade with both on a real session, give each a port of its
own. An order that was to replace one that is gone is ignored by the exchange, which does not say
so; the gate takes it for gone, too.

Prices are ticks of 1/10,000 dollar. Notionals are ticks times shares in units of {unit:,}
({dollars} dollars). Limits of one slot of {slots} stand in `limit_...`; a write of the slot to
`limit_write` gives it all of them at once. Named after the controls they support (Commission
Delegated Regulation (EU) 2017/589, Article 15; SEC Rule 15c3-5); nothing here claims that using
them complies with either.
"""

BOARDS = """
* No board has run this, no PCIe, no host's memory controller: AXI has been spoken with models of
  memories only.
* Simulated: register window, clock and ring on Amaranth's simulator, Icarus and Verilator, against
  their models, with random stalls, late and refused responses, full rings and restarts in
  mid-burst (`tests/hdl/test_registers.py`, `tests/hdl/test_clock.py`, `tests/hdl/test_ring.py`,
  `tests/hdl/test_ring_engines.py`). The bus models are our own: cocotbext-axi needs cocotb-bus,
  which installs scapy (GPL-2.0), and no such package is a dependency here.
* Proved, to a bounded depth: bursts stay in the ring, off what is not read, and as long as their
  address says; what is offered stands (`tests/hdl/formal/test_ring.py`).
* The clock rate on a part has been measured for the parts alone, not for the card as a whole.
"""

STEPS = (
    ("is it this card", 'read `magic`, `version`, `capabilities`: "TAPE", major 1'),
    ("be quiet", "write `control` 0x0, `kill` 0x1, `ring_bits` 0x0"),
    ("begin a day", "write `reset` 0x1; read `status` until `busy` is 0 and `ready` is 1"),
    (
        "give it memory",
        "write `ring_base_low` 0x4000_0000, `ring_base_high` 0x1, `ring_index_low` 0x4001_0000,"
        " `ring_index_high` 0x1, `ring_consumer` 0x0, `ring_bits` 0xA: 1,024 entries, 64 KiB",
    ),
    ("set its clock", "see below: `adjust_low`, `adjust_high`"),
    (
        "say what the feed is",
        "write `filter_port` 0x1_6720 (UDP port 26400), `filter_group` 0xE936_0C6F (233.54.12.111),"
        " `filter_group_enable` 0x1",
    ),
    (
        "say who is listened to",
        "write `listen` 0x0100_0007: instrument 0 is stock locate 7; or set `learn` in `control`,"
        " and read `listing_...` once the directory has come",
    ),
    ("listen", "write `errors` 0x3F, `control` 0x3 (both lines; 0x7 learns, 0x8 trades)"),
    ("take records", "see below; every second, `snapshot` 0x1 and read `statistics_...`"),
    (
        "let orders out",
        "write `gate_...`; for each slot `limit_...`, then `limit_write`; then `kill` 0x0",
    ),
)

REMEDY = {
    "overflow": "the host is too slow, or the ring too small: recover the books, enlarge the ring",
    "bus": "the ring has stopped: check `ring_base`, `ring_index` and their mapping, then reset",
    "gap": "both lines lost it: recover the books from a snapshot or the CPU twin",
    "refused": "more orders rest than the table holds: listen to fewer instruments",
    "cut": "frames came faster than they are taken: the other line fills the gap, or it is told",
    "checksum": "look at the cable and at `statistics_a_bad`, `statistics_b_bad`; messages in front"
    " of the fault had left when it was seen, unless the gateware is built with `whole=True`",
}

LINE = {
    "frames": "frames that ended on the line",
    "bad": "of them, received badly",
    "cut": "frames that lost their end for want of room",
    "filtered": "frames for another port or group",
    "messages": "messages in the packets let in",
    "first": "messages this line had first",
    "repeated": "messages the other line had before",
}
COUNTED = {
    **{f"{line}_{name}": f"line {line}: {said}" for line in "ab" for name, said in LINE.items()},
    "delivered": "messages in sequence, each once",
    "gaps": "holes in the sequence that neither line filled",
    "lost": "messages in them",
    "sessions": "sessions of the feed",
    "refused": "orders the table had no place for",
    "records": "records that the books made",
    "written": "records and decisions in the ring: `ring_producer`",
    "dropped": "records and decisions without a place: `ring_dropped`",
    "most": "entries that the ring held at most, between `ring_consumer` and what is written",
}

FIELD = {
    "number": "of the record, from 1 since the reset",
    "kind": "see below",
    "flags": "bits, see below",
    "locate": "stock locate of the feed",
    "sequence": "of the message; of a gap, of the first message lost",
    "arrival_ns": "the card's clock at the first word of the frame",
    "timestamp": "the exchange's clock, ns since midnight in New York",
    "at": "place of the changed level, the best is 0; 8: beyond the levels known",
    "levels": "levels known of this side",
    "subject": "order reference; match number of a trade; how many a gap lost; shares paired",
    "price": "of the changed level; of a trade; of an imbalance its reference; ticks",
    "lots": "that changed, were traded, or are missing in an auction; letter of a state",
    "best_price": "of this side after the change; 0 where it is empty; ticks",
    "best_lots": "at the best price",
    "level_lots": "at the changed level; upper half of the lots of an auction",
    "detail": "attribution of an add; type of a cross or imbalance; reason of a state",
}

LIMIT = {
    "locate": "stock locate whose book its quotes come from",
    "symbol_low": "last four letters of the symbol in orders",
    "symbol_high": "first four letters, the first one highest",
    "restricted": "1: no order but a cancel",
    "collar": "ticks that a buy may be above the best offer, a sale below the best bid",
    "max_shares": "shares of an order",
    "max_notional": "of an order",
    "max_position": "shares long or short, if all that is open on one side were executed",
    "max_gross": "notional executed since the reset, and open",
    "rate_cycles": "cycles until one more order may leave",
    "rate_burst": "orders that may leave at once",
    "repeat_cycles": "cycles in which the same order again is a repetition",
}
