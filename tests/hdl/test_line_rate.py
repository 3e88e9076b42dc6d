"""At one word a cycle no word waits: the worst legal mixes of messages, wire to book records."""

from collections import defaultdict

import pytest

from tapeout.hdl.itch.model import decode, encode
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.net.layout import beats
from tapeout.hdl.top.layout import Report, unpack
from tapeout.hdl.top.model import Feed, agrees
from tapeout.sim.bench.simulators import READY, engines
from tapeout.sim.pcap import frame as ethernet

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from tapeout.hdl.top.gateware import Statistics
from tapeout.sim.whole.play import NAMES, SWEPT, played

STATE = engines()["verilator"]
pytestmark = [
    pytest.mark.rtl,
    pytest.mark.blocks,
    pytest.mark.skipif(STATE != READY, reason=f"verilator: {STATE}"),
]
HEADERS = 14 + 4 + 20 + 8 + 20  # bytes before the first block, behind one tag
BLOCK = 2  # bytes of a length before each message
EARLIER = 2  # cycles that a message may wait for the one before it: an order a cycle, at most
MOST_ORDERS = 1_500  # the table has places for all


def adds(count, names, first=1):
    """Orders of some names in turn, at eight prices."""
    return [
        encode(
            "A", stock_locate=1 + k % names, order_reference=first + k, side="BS"[k // 8 % 2],
            shares=100, price=10_000 + 100 * (k % 8) + 5_000 * (k // 8 % 2),
        )
        for k in range(count)
    ]  # fmt: skip


def deletes(count, names):
    """The shortest book message, for each of them."""
    return [encode("D", stock_locate=1 + k % names, order_reference=1 + k) for k in range(count)]


def replaces(count, names):
    """Each order is replaced, and what replaced it, and so on: three times in a row."""
    made = []
    for k in range(count):
        for turn in range(3):
            old, new = ((1 + k) + 10_000 * (turn + at) for at in (0, 1))
            made.append(
                encode(
                    "U", stock_locate=1 + k % names, order_reference=old,
                    new_order_reference=new, shares=50, price=10_000 + 100 * ((k + turn) % 8),
                )
            )  # fmt: skip
    return made


def executions(count, names):
    """Executions with their prints: two records of each, every other one at a price of its own."""
    made = []
    for k in range(count):
        one = {"stock_locate": 1 + k % names, "order_reference": 1 + k, "executed_shares": 10}
        made.append(encode("E", **one))
        made.append(encode("C", **one, printable="Y", execution_price=20_000 + k))
    return made


def mixed(count, names):
    """A delete, a replace and a message that nobody wants, in turn."""
    made = []
    for k in range(0, count - 1, 2):
        made.append(encode("D", stock_locate=1 + k % names, order_reference=1 + k))
        made.append(
            encode(
                "U", stock_locate=1 + (k + 1) % names, order_reference=2 + k,
                new_order_reference=50_000 + k, shares=70, price=10_300,
            )
        )  # fmt: skip
        made.append(encode("Y", stock_locate=1 + k % names, reg_sho_action="0"))
    return made


BURSTS = {"deletes": deletes, "replaces": replaces, "executions": executions, "mixed": mixed}


def sent(messages, size, between):
    """Words back to back, when each is due, and the word with each message's last byte."""
    words, due, last, at = [], [], {}, SWEPT
    for start in range(0, len(messages), size):
        told, end = messages[start : start + size], HEADERS
        for number, message in enumerate(told, start + 1):
            end += BLOCK + len(message)
            last[number] = len(words) + (end - 1) // 8
        frame = beats(ethernet(packet(b"SESSION001", start + 1, told)))
        words += frame
        due += range(at, at + len(frame))
        at += len(frame) + between
    return words, due, last


def waits(done, last):
    """Number of a message -> cycles from the word with its last byte to its first record."""
    out, taken, found = done.outputs["o"], done.inputs["a"].taken, {}
    for word, cycle in zip(out.payloads(), out.shown, strict=True):
        record = unpack(word)
        if record.kind != Report.PRINT:
            found.setdefault(record.sequence, int(cycle) - int(taken[last[record.sequence]]))
    return found


@pytest.mark.parametrize("between", [0, 3])
@pytest.mark.parametrize("names", [1, NAMES])
@pytest.mark.parametrize("burst", BURSTS)
def test_no_word_waits(burst, names, between):
    """Frames follow each other with `between` words of gap and preamble: 0 is beyond Ethernet."""
    count = MOST_ORDERS if burst != "replaces" else 400
    messages = adds(count, names) + BURSTS[burst](count, names)
    words, due, last = sent(messages, size=60, between=between)
    records, done = played((words, due), enable=1)
    assert list(done.inputs["a"].taken) == due, "the pins take a word in each cycle"
    told = Statistics.from_bits(done.plain["statistics"]).a
    assert (told.line.messages, told.bad, told.cut, told.dropped) == (len(messages), 0, 0, 0)
    feed, true = Feed(range(1, NAMES + 1)), []
    for number, message in enumerate(messages, 1):
        true += feed.apply(decode(message, number))
    made = [record._replace(arrival_ns=0) for record in records]
    assert len(made) == len(true)
    assert all(
        agrees(one, other._replace(arrival_ns=0)) for one, other in zip(made, true, strict=True)
    )
    found = waits(done, last)
    kinds = defaultdict(set)
    for number, cycles in found.items():
        kinds[chr(messages[number - 1][0])].add(cycles)
    least = min(found.values())
    print({kind: sorted(each) for kind, each in sorted(kinds.items())})
    assert max(found.values()) <= least + EARLIER


def test_a_host_that_pauses_makes_words_wait():
    """The bound can break: a host that takes a record in ten cycles is too slow."""
    messages = adds(300, 1)
    words, due, last = sent(messages, size=60, between=0)
    _, done = played((words, due), enable=1, pause=0.9)
    found = waits(done, last)
    assert max(found.values()) > min(found.values()) + EARLIER
