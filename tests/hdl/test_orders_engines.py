"""The order table on every engine that is here, under random pauses: the answers of its model."""

import random

import pytest

from tapeout.hdl.itch.layout import pack
from tapeout.hdl.orders.layout import CHANGE, INSTRUMENT_BITS, OP, Action, Refusal
from tapeout.hdl.orders.model import Change, Op, Orders, Places
from tapeout.sim.engine import READY, engines, play

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.hdl import Module, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.orders.gateware import OrderTable

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
ENGINES = engines()
SHAPE = (4, 2, 2)  # rows, ways, stash
ROOM, DEPTH = 8, 32  # an op is let in while fewer answers wait; the fifo holds all that may come
HEARD = {"op": data.StructLayout(OP), "subscribed": 1, "instrument": INSTRUMENT_BITS}
PACKED = {"op": sum(OP.values()), "subscribed": 1, "instrument": INSTRUMENT_BITS}


class Streamed(wiring.Component):
    """The order table between two streams: the subscription comes with the op, answers wait."""

    i: In(stream.Signature(data.StructLayout(HEARD)))
    o: Out(stream.Signature(data.StructLayout(CHANGE)))

    def elaborate(self, platform):
        m = Module()
        m.submodules.table = table = OrderTable(*SHAPE)
        m.submodules.answers = answers = fifo.SyncFIFOBuffered(
            width=sum(CHANGE.values()), depth=DEPTH
        )
        heard = [Signal(1 + INSTRUMENT_BITS, name=f"heard{k}") for k in range(2)]
        room = answers.level < ROOM
        m.d.sync += [
            heard[0].eq(self.i.payload.as_value()[-1 - INSTRUMENT_BITS :]),
            heard[1].eq(heard[0]),
        ]
        m.d.comb += [
            table.i.payload.eq(self.i.payload.op),
            table.i.valid.eq(self.i.valid & room),
            self.i.ready.eq(table.i.ready & room),
            table.subscribed.eq(heard[1][0]),
            table.instrument.eq(heard[1][1:]),
            answers.w_data.eq(table.o),
            answers.w_en.eq(table.valid),
            self.o.payload.eq(answers.r_data),
            self.o.valid.eq(answers.r_rdy),
            answers.r_en.eq(self.o.ready),
        ]
        return m


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


def unpacked(word):
    fields = []
    for bits in CHANGE.values():
        fields.append(word & (1 << bits) - 1)
        word >>= bits
    return Change(*fields)


def meaning(change):
    """What of a change is said; the rest of a refused one means nothing."""
    if change.kind:
        return change
    full = change.refusal & Refusal.FULL
    return Change(
        instrument=change.instrument if full else 0, last=change.last, refusal=change.refusal
    )


@pytest.mark.every_engine
def test_every_engine_gives_the_models_answers(engine):
    rng = random.Random(21)
    pool = [rng.getrandbits(64) for _ in range(60)]
    words, want, orders = [], [], Orders(Places(*SHAPE))
    for _ in range(500):
        op = Op(rng.choice([Action.ADD, Action.ADD, *Action]), rng.choice(b"BBSSX"),
                *rng.choices(pool, k=2), rng.randrange(4), rng.getrandbits(32))  # fmt: skip
        heard = rng.random() < 0.9, rng.choice([1, 1, 7])
        words.append(pack((pack(op, OP), *heard), PACKED))
        want += [meaning(change) for change in orders.apply(op, *heard)]
    assert {change.refusal & refusal for change in want for refusal in Refusal} == {0, *Refusal}
    out = play(Streamed(), words, engine=engine, seed=5)
    assert [meaning(unpacked(word)) for word in out] == want
