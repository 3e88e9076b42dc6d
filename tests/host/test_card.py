"""A card's driver says and reads what the contract says; its stream survives the card."""

import random
import sys

import numpy as np
import pytest

from tapeout.card.driver import INDEX_BYTES, Alignment, Card
from tapeout.card.entries import (
    ENTRY_DTYPE,
    Missing,
    Numbers,
    book_records,
    continued,
    timestamps,
)
from tapeout.card.registers import Registers
from tapeout.card.transport import Transport, Wired
from tapeout.errors import DataError, DeviceError
from tapeout.hdl.card.layout import MAGIC, RECORD_BYTES, REGISTERS, Entry
from tapeout.hdl.itch.layout import pack
from tapeout.hdl.line.model import Frame
from tapeout.hdl.pretrade.layout import GLOBAL_LIMITS, INTENT, LIMITS
from tapeout.hdl.top.layout import BOOK_RECORD, BookRecord, unpack
from tapeout.hdl.top.model import Feed as Golden
from tapeout.hdl.top.model import one_line
from tapeout.sim.card.model import BUS
from tapeout.sim.card.model import Card as Model
from tapeout.sim.whole.packets import day, framed, packets

NAMES = range(1, 13)


class Time:
    """Seconds that pass when they are waited for."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


def model(bits=12, **options):
    return Model(memoryview(bytearray(INDEX_BYTES + (RECORD_BYTES << bits))), **options)


def started(transport, bits=12, **options):
    card = Card(transport, bits=bits, **options)
    card.start(lines="a")
    card.listen(NAMES)
    return card


def frames(count, seed=3):
    print(f"seed {seed}")
    messages = [*day(count, seed)]
    return [Frame(framed(*one)) for one in packets(messages, random.Random(seed), most=8)]


def truth(sent):
    return [one for made in one_line(sent, Golden(set(NAMES))) for one in made]


def untimed(records):
    return [one._replace(arrival_ns=0) for one in records]


def entry(**fields):
    word = pack(BookRecord(**fields), BOOK_RECORD)
    return np.frombuffer(word.to_bytes(RECORD_BYTES, "little"), ENTRY_DTYPE)


def test_an_entry_in_memory_is_the_record_that_was_packed():
    rng = random.Random(1)
    words = [rng.getrandbits(512) for _ in range(100)]
    raw = b"".join(word.to_bytes(64, "little") for word in words)
    entries = np.frombuffer(raw, ENTRY_DTYPE)
    assert book_records(entries) == [unpack(word) for word in words]
    assert timestamps(entries).tolist() == [unpack(word).timestamp for word in words]


def test_numbers_go_on_over_batches_and_where_they_wrap():
    first = np.concatenate([entry(number=(1 << 32) - 1), entry(number=0), entry(number=1)])
    numbers, good, missing = continued(first, Numbers((1 << 32) - 2))
    assert (numbers, good, missing) == (Numbers(1), 3, None)
    assert continued(entry(kind=Entry.DECISION), numbers)[0] == numbers


@pytest.mark.parametrize(("told", "number", "fine"), [(2, 4, True), (1, 4, False), (5, 4, True)])
def test_as_many_numbers_may_be_missing_as_an_entry_tells(told, number, fine):
    """The entry may be the last of one batch, and what it tells about in the next."""
    overflow = entry(kind=Entry.OVERFLOW, subject=told)
    after, good, missing = continued(np.concatenate([entry(number=1), overflow]), Numbers())
    assert (after, good, missing) == (Numbers(1, told), 2, None)
    after, good, missing = continued(entry(number=number), after)
    assert (good, missing is None) == ((1, True) if fine else (0, False))


def test_a_number_that_is_missing_is_told_with_what_was_expected():
    entries = np.concatenate([entry(number=7), entry(number=8), entry(number=10)])
    _, good, missing = continued(entries, Numbers(6))
    assert good == 2
    assert isinstance(missing, Missing)
    assert str(missing) == (
        "record must be number 9; got 10, and the ring told of 0 dropped between"
    )


def test_the_contract_in_python_is_a_transport_and_a_wire():
    transport: Transport = model()
    assert isinstance(transport, Wired)
    assert transport.bus_address == BUS


def test_a_card_tells_who_it_is():
    card = Card(model(), bits=12)
    one = card.identity
    assert (one.version, one.capabilities) == ((1, 0), ("books", "ring"))
    assert (one.instruments, one.levels, one.clock_hz) == (256, 8, 156_250_000)


class Says(Model):
    """A card of which one register says something else."""

    def __init__(self, name, value):
        self._says = REGISTERS[name].at, value
        super().__init__(memoryview(bytearray(1 << 19)))

    def read(self, at):
        return self._says[1] if at == self._says[0] else super().read(at)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("magic", 0, "the card must say b'TAPE'; it says 0x00000000"),
        ("version", 2 << 16 | 1, "the card's contract must be version 1; it is 2.1"),
    ],
)
def test_another_card_or_contract_is_refused(name, value, said):
    with pytest.raises(DeviceError, match=said):
        Card(Says(name, value), bits=4)


def test_a_card_that_does_not_get_ready_is_not_waited_for_for_ever():
    time = Time()
    card = Card(Says("status", 16), bits=4, clock=time, wait=time.wait)
    with pytest.raises(DeviceError, match=r"the card must be ready within 3 s; it is busy"):
        card.start(patience_s=3)
    assert 3 < time.now < 4


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        (21, "bits must be 4 to 20; got 21"),
        (13, "the ring needs 524,352 bytes; the transport has 262,208"),
    ],
)
def test_a_ring_that_does_not_fit_is_refused(bits, said):
    with pytest.raises(DataError, match=said):
        Card(model(12), bits=bits)


def test_fields_that_are_none_or_do_not_fit_are_refused():
    registers = Registers(model())
    with pytest.raises(DataError, match=r"locate of listen must be 0 to 65,535; got 65,536"):
        registers.put("listen", locate=1 << 16)
    with pytest.raises(DataError, match="kill must have a field shut; it has none"):
        registers.put("kill", shut=1)
    with pytest.raises(DataError, match="limit must have a field colour; it has none"):
        registers.put_each("limit", {"colour": 1})
    with pytest.raises(RuntimeError, match="register 0xffc must be one of the contract's"):
        model().read(0xFFC)


def test_records_come_out_of_the_ring_whole_and_once_as_it_goes_round():
    """Sixteen places, hundreds of records: the model's, in as many pieces as there are frames."""
    sent, made = frames(400), []
    card = started(model(4), bits=4)
    for frame in sent:
        card.transport.wire("a", [frame])
        made += book_records(card.records())
    assert untimed(made) == untimed(truth(sent))
    assert len(made) > 16 * 10
    assert card.errors() == ()
    counted = card.statistics()
    assert (counted["records"], counted["written"], counted["dropped"]) == (len(made),) * 2 + (0,)
    card.start(lines="a")
    assert len(card.records()) == card.waiting == 0, "a new day begins with an empty ring"


def test_a_full_ring_is_told_with_how_many_entries_it_cost():
    sent = frames(200)
    card = started(model(4), bits=4)
    card.transport.wire("a", sent[:40])
    assert len(card.records()) == 16
    assert {"stale"} <= set(card.status())
    assert card.errors() == ("overflow",)
    assert card.errors() == ()
    card.transport.wire("a", sent[40:44])
    made = book_records(card.records())
    assert made[0].kind == Entry.OVERFLOW
    assert made[0].subject == made[1].number - 17 <= card.registers.get("ring_dropped")


def test_an_index_that_cannot_be_is_refused():
    card = started(model(4), bits=4)
    card.transport.memory[:4] = (17).to_bytes(4, "little")
    with pytest.raises(DeviceError, match="the ring must hold 16 records at most; its index says"):
        card.records()


def test_settings_stand_in_their_registers():
    transport = model()
    card = started(transport)
    card.filter(port=26_477, group=0xE9360C6F)
    assert card.registers.fields("filter_port") == {"port": 26_477, "port_enable": 1}
    assert card.registers.get("filter_group") == 0xE9360C6F
    card.filter()
    assert card.registers.flags("filter_port") == card.registers.flags("filter_group_enable") == ()
    assert card.status() == ("ready", "killed"), "the gate is shut until somebody opens it"
    card.kill(False)
    assert card.status() == ("ready",)
    card.trade()
    assert card.registers.fields("control") == {"lines": 1, "learn": 0, "trade": 1}
    assert card.registers.wide("ring_base") == BUS + INDEX_BYTES
    assert card.registers.wide("ring_index") == BUS
    with pytest.raises(DataError, match="locates must be 256 at most; got more"):
        card.listen(range(1, 300))


@pytest.mark.parametrize(
    ("table", "prefix", "done"),
    [(LIMITS, "limit", "limits"), (GLOBAL_LIMITS, "gate", "gate"), (INTENT, "order", "order")],
)
def test_limits_and_orders_fill_the_registers_of_their_table(table, prefix, done):
    card = started(model())
    values = {field: at + 1 & (1 << bits) - 1 for at, (field, bits) in enumerate(table.items())}
    getattr(card, done)(*([3] if done == "limits" else []), values)
    assert {field: card.registers.get(f"{prefix}_{field}") for field in table} == values
    del values[first := next(iter(table))]
    with pytest.raises(DataError, match=f"; {first} is missing"):
        getattr(card, done)(*([3] if done == "limits" else []), values)


def test_the_clocks_are_aligned_within_the_error_that_is_told():
    """The card's clock is 5 ms ahead; reads take a time that nobody knows, some very long."""
    rng, now = random.Random(5), [10**15]
    print("seed 5")
    transport = model(clock=lambda: (now[0] + 5_000_000) * 5 // 32)  # 6.4 ns a cycle

    def reads(at, read=transport.read):
        now[0] += rng.choice([300, 800, 5_000, 90_000])
        word = read(at)
        now[0] += rng.choice([300, 800, 5_000, 90_000])
        return word

    transport.read = reads
    card = Card(transport, bits=12)
    found = card.align(reads=32, now_ns=lambda: now[0])
    assert abs(found.offset_ns - 5_000_000) <= found.error_ns < 1_000
    left = card.set_clock(reads=32, now_ns=lambda: now[0])
    assert abs(left.offset_ns) <= found.error_ns + left.error_ns
    assert isinstance(left, Alignment)
    with pytest.raises(DataError, match="reads must be 1 or more; got 0"):
        card.align(reads=0)


def test_the_driver_says_magic_as_the_contract_spells_it():
    assert MAGIC.to_bytes(4) == b"TAPE"
    assert sys.byteorder == "little" or ENTRY_DTYPE["number"].byteorder == "<"
