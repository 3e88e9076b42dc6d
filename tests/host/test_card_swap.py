"""Whatever a card does, its stream is the twin's: every number once, and the change is told."""

import random
import re
import shutil
import sys

import pytest

from tapeout.card.driver import INDEX_BYTES, Card
from tapeout.card.simulated import Simulated
from tapeout.card.swap import Feed, Reason, Swapped
from tapeout.errors import DataError, DeviceError
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.card.layout import RECORD_BYTES, Entry
from tapeout.hdl.line.model import Frame
from tapeout.hdl.top.layout import BookRecord, Mark
from tapeout.hdl.top.model import Feed as Golden
from tapeout.hdl.top.model import agrees, one_line
from tapeout.sim.bench.simulators import READY, engines
from tapeout.sim.card.fault import Fault, read_fault
from tapeout.sim.card.model import Card as Model
from tapeout.sim.whole.packets import day, framed, packets

NAMES = range(1, 13)
STATE = engines()["verilator"]
#: Fault -> why the stream changes, and whether its first good entries are told by the card.
FAULTS = {
    "stall": Reason.STALL,
    "reset": Reason.STALL,
    "lie": Reason.LIE,
    "skip": Reason.LOST,
    "overflow": Reason.OVERFLOW,
    "checksum": Reason.LOST,
}


class Time:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


def frames(count, seed):
    print(f"seed {seed}")
    messages = [*day(count, seed)]
    return [Frame(framed(*one)) for one in packets(messages, random.Random(seed), most=8)]


def truth(sent, refused=()):
    return [one for made in one_line(sent, Golden(set(NAMES), refused)) for one in made]


def model(fault=None, bits=8):
    return Model(memoryview(bytearray(INDEX_BYTES + (RECORD_BYTES << bits))), fault)


def fed(transport, sent, batch=16, bits=8, wire=None):
    """The stream of a card in step with its twin, batch by batch."""
    card, time = Card(transport, bits=bits), Time()
    card.start(lines="a")
    card.listen(NAMES)
    feed = Feed(
        card, NAMES, clock=time, wait=time.wait, patience_s=1.0,
        deliver=wire or (lambda some: transport.wire("a", some)),
    )  # fmt: skip
    out = []
    for at in range(0, len(sent), batch):
        out += feed.hear(sent[at : at + batch])
    return out + feed.finish(), card


def held(out, true):
    """Every record of the model once and in order; the changes between them."""
    records = [one for one in out if isinstance(one, BookRecord) and one.kind not in list(Entry)]
    assert [one.number for one in records] == list(range(1, len(true) + 1))
    for one, other in zip(records, true, strict=True):
        assert agrees(one._replace(arrival_ns=0), other._replace(arrival_ns=0))
    return [one for one in out if isinstance(one, Swapped)]


def test_a_good_card_tells_its_own_records_to_the_end():
    sent = frames(800, seed=1)
    out, card = fed(model(), sent)
    assert held(out, truth(sent)) == []
    assert all(one.arrival_ns > 0 for one in out), "stamped by the card's clock"
    assert card.statistics()["records"] == len(out)


@pytest.mark.parametrize("after", [0, 1, 250])
@pytest.mark.parametrize("kind", FAULTS)
def test_the_twin_goes_on_with_the_next_record_whatever_fails(kind, after):
    sent = frames(800, seed=2)
    true = truth(sent)
    fault = Fault(kind, after // 4 if kind == "checksum" else after)
    out, card = fed(model(fault), sent)
    (change,) = held(out, true)
    assert change.reason == FAULTS[kind]
    place = out.index(change)
    assert change.number == place + 1
    assert all(one.arrival_ns > 0 for one in out[:place]), "the card's until then"
    assert not any(one.arrival_ns for one in out[place + 1 :]), "the twin's from then on"
    assert change.sequence <= out[place + 1].sequence
    if kind in ("lie", "skip", "stall"):
        assert after - 3 <= place <= after, "of a message all is told or nothing"
    if kind != "stall":
        assert "killed" in card.status(), "a card that is not trusted does not trade"


def test_what_was_seen_is_told():
    sent = frames(300, seed=3)
    said = {
        "lie": r"record \d+: price must be [\d,]+; got [\d,]+",
        "skip": r"record must be number \d+; got \d+, and the ring told of 0 dropped between",
        "overflow": r"the ring was full: \d+ entries dropped",
        "stall": r"nothing of message \d+ within 1 s",
        "checksum": r"record \d+: kind must be \d+; got 11, ",
    }
    for kind, words in said.items():
        out, _ = fed(model(Fault(kind, 20)), sent, bits=4, batch=1)
        (change,) = held(out, truth(sent))
        assert re.match(words, change.told), (kind, change.told)


def test_a_transport_that_fails_is_a_failure_and_costs_nothing():
    sent, transport = frames(400, seed=4), model()

    def wire(some):
        if some[0] is sent[48]:
            raise DeviceError("the cable is out")
        transport.wire("a", some)

    out, _ = fed(transport, sent, wire=wire)
    (change,) = held(out, truth(sent))
    assert (change.reason, change.told) == (Reason.FAILED, "the cable is out")


def test_a_register_that_fails_costs_no_entry_that_was_taken():
    """The write that gives the places back fails: what was taken is told, then the change."""
    sent, transport = frames(400, seed=5), model()
    write, count = transport.write, [0]

    def writes(at, value):
        if at == 0x090 and (count := count_up()) > 3:
            raise DeviceError(f"the bus is gone at {count}")
        write(at, value)

    def count_up():
        count[0] += 1
        return count[0]

    transport.write = writes
    out, _ = fed(transport, sent)
    (change,) = held(out, truth(sent))
    assert change.reason == Reason.FAILED


def test_a_record_of_no_message_is_a_lie_and_one_that_is_only_early_is_not():
    """A card may hear a frame before the twin does, but not for longer than patience."""
    sent, transport = frames(100, seed=6), model()
    card, time = Card(transport, bits=8), Time()
    card.start(lines="a")
    card.listen(NAMES)
    feed = Feed(card, NAMES, clock=time, wait=time.wait, patience_s=1.0)
    transport.wire("a", sent[:10])
    assert feed.poll() == []
    time.wait(0.9)
    early = feed.hear(sent[:10])
    assert len(early) == len(truth(sent[:10])) > 0
    transport.wire("a", sent[10:20])
    assert feed.poll() == []
    time.wait(1.1)
    (change,) = feed.poll()
    assert change.reason == Reason.LIE
    assert change.told == f"record {len(early) + 1} is of no message"
    held([*early, change, *feed.hear(sent[10:])], truth(sent))


def test_orders_that_a_card_has_no_room_for_are_its_own_to_know():
    """The card refuses one order in ten: the twin is told by its records, and agrees."""
    sent = frames(600, seed=7)
    adds = [one for one in truth(sent) if one.kind in (Kind.ADD, Kind.REPLACE_IN)]
    refused = {one.subject for one in adds[::10]}
    out, _ = fed(Refusing(refused), sent)
    assert held(out, truth(sent, refused)) == []
    assert {one.subject for one in out if one.kind == Kind.STALE} == refused
    assert any(one.flags & Mark.STALE for one in out)


class Refusing(Model):
    def __init__(self, refused):
        self._gone = refused
        super().__init__(memoryview(bytearray(INDEX_BYTES + (RECORD_BYTES << 8))))

    def _begin(self):
        super()._begin()
        self._books = Golden(self._listened.values(), self._gone)


def test_decisions_of_the_gate_come_where_they_stand_and_are_not_held_to_the_twin():
    sent, transport = frames(300, seed=8), model()
    put = transport._put

    def puts(record):
        put(record)
        if record.number % 10 == 0:
            put(BookRecord(kind=Entry.DECISION, subject=record.number))

    transport._put = puts
    out, _ = fed(transport, sent)
    assert held(out, truth(sent)) == []
    decided = [at for at, one in enumerate(out) if one.kind == Entry.DECISION]
    assert len(decided) == len(truth(sent)) // 10


@pytest.mark.parametrize("text", ["fire:3", "stall", "stall:x", "stall:-1"])
def test_a_fault_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"fault must be one of stall, .*, like stall:1000; got '"):
        read_fault(text)
    with pytest.raises(DataError, match="fault must be one of"):
        Simulated("model", fault=text)


@pytest.fixture(scope="module", params=["model", pytest.param("gateware", marks=pytest.mark.rtl)])
def process(request):
    """A simulated card in its process: the contract in Python, and the gateware."""
    if request.param == "gateware" and STATE != READY:
        pytest.skip(f"verilator: {STATE}")
    transport = Simulated(request.param)
    yield transport
    transport.close()


@pytest.mark.parametrize("kind", [None, *FAULTS])
def test_a_card_in_its_own_process_is_any_card(process, kind):
    """The host cannot tell: the same driver, the same stream, the same changes."""
    sent = frames(2_500, seed=9)
    most = len(sent) * 8 if kind == "overflow" else 100  # messages the card may be behind
    process.power_up(f"{kind}:{40 if kind == 'checksum' else 250}" if kind else "")
    card = Card(process, bits=8)
    card.start(lines="a")
    card.listen(NAMES)
    feed = Feed(card, NAMES, deliver=lambda some: process.wire("a", some), patience_s=1.0)
    out = []
    for at in range(0, len(sent), 16):
        out += feed.hear(sent[at : at + 16])
        while feed.behind > most:
            out += feed.wait()
    out += feed.finish()
    changes = held(out, truth(sent))
    assert [one.reason for one in changes] == ([FAULTS[kind]] if kind else [])
    if not kind:
        assert card.statistics()["written"] == len(out)
        assert card.errors() == ()


def test_memory_that_takes_its_time_changes_nothing(process):
    """Bursts are answered late and taken with stalls: the ring waits, and nothing is lost."""
    sent = frames(500, seed=10)
    process.power_up()
    process.host_memory(delay=200, stalls=100)
    card = Card(process, bits=12)
    card.start(lines="a")
    card.listen(NAMES)
    process.wire("a", sent)
    true, made = truth(sent), []
    while len(made) < len(true):
        made += card.records().tolist()
    assert [one[0] for one in made] == [one.number for one in true]
    process.host_memory()


def test_a_card_whose_process_is_gone_has_failed():
    transport = Simulated("model")
    card = Card(transport, bits=8)
    card.start(lines="a")
    transport._process.kill()
    transport._process.wait()
    with pytest.raises(DeviceError, match="the simulated card is gone: it said nothing"):
        card.status()
    card.close()


def test_a_simulated_card_that_cannot_begin_says_why(monkeypatch):
    with pytest.raises(DataError, match=r"memory_bytes must be a multiple of 4,096; got 100"):
        Simulated("model", memory_bytes=100)
    with pytest.raises(DataError, match="kind must be gateware or model; got 'card'"):
        Simulated("card")
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(DeviceError, match="the simulated card is gone: it said nothing"):
        Simulated("model")
