"""A model that runs on takes words over any pieces as it does at once, cycle by cycle."""

import random

import numpy as np
import pytest

from tapeout.sim.bench.simulators import READY, verilator

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.sim.bench.compiled import Model, packed
from tapeout.sim.bench.outline import kept_outline
from tapeout.sim.bench.running import Running
from tapeout.sim.card import world

STATE = verilator()
pytestmark = [pytest.mark.rtl, pytest.mark.skipif(STATE != READY, reason=f"verilator: {STATE}")]
SEED = 4


class Late(wiring.Component):
    """Takes a word every third cycle and gives it with the cycle, exclusive-or `key`."""

    i: In(stream.Signature(16))
    key: In(16)
    o: Out(stream.Signature(32))
    total: Out(16)

    def elaborate(self, platform):
        m = Module()
        cycle, turn = Signal(16), Signal(2)
        m.d.sync += [cycle.eq(cycle + 1), turn.eq(turn + (turn != 2)), self.o.valid.eq(0)]
        m.d.comb += self.i.ready.eq(turn == 2)
        with m.If(self.i.ready & self.i.valid):
            m.d.sync += [
                turn.eq(0),
                self.o.valid.eq(1),
                self.o.payload.eq((self.i.payload ^ self.key) | cycle << 16),
                self.total.eq(self.total + 1),
            ]
        return m


@pytest.fixture(scope="module")
def model():
    return Model(Late())


def test_pieces_of_any_length_are_as_one(model):
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    words = [rng.getrandbits(16) for _ in range(40)]
    due = np.cumsum([rng.choice([0, 1, 5]) for _ in words]).astype(np.uint64)
    with Running(model) as once, Running(model) as running:
        whole = once.run(400, {"i": packed(words, 16)}, due={"i": due}).outputs["o"].payloads()
        out, at, gone = [], 0, 0
        while gone < 400:
            more, cycles = rng.randrange(4), rng.randrange(12)
            rows = {"i": packed(words[at : at + more], 16)}
            piece = running.run(cycles, rows, due={"i": due[at : at + more]})
            assert piece.cycles == running.cycle == gone + cycles
            out, at, gone = out + piece.outputs["o"].payloads(), at + more, gone + cycles
        assert [word & 0xFFFF for word in out] == words
        assert running.waiting == 0
        # What was there early enough came in the same cycle; no word came before it was due.
        assert [word & 0xFFFF for word in whole] == words
        assert all(word >> 16 >= when for word, when in zip(out, due.tolist(), strict=True))


def test_a_word_that_is_waited_for_ends_the_piece_early(model):
    with Running(model, {"key": 0xFFFF}) as running:
        said = running.run(1_000, {"i": packed([1], 16)}, until="o")
        assert said.outputs["o"].payloads()[0] & 0xFFFF == 0xFFFE
        assert running.cycle <= 16
        running.set({"key": 0})
        said = running.run(1_000, {"i": packed([1], 16)}, until="o")
        assert said.outputs["o"].payloads()[0] & 0xFFFF == 1
        assert said.plain["total"] == 2
        assert running.run(50, until="o").cycles == running.cycle
        with pytest.raises(ValueError, match=r"rows must name input streams of Late \(i\); got x"):
            running.run(1, {"x": packed([1], 16)})


def test_a_reset_forgets_what_waits(model):
    with Running(model) as running:
        running.run(4, {"i": packed([1, 2, 3, 4], 16)})
        assert running.waiting
        running.reset()
        assert running.waiting == 0
        told = running.run(50)
        assert (told.outputs["o"].payloads(), told.plain["total"]) == ([], 0)


def test_an_outline_is_kept_for_as_long_as_its_sources_stay(tmp_path):
    made = []

    def late():
        made.append(1)
        return Late()

    source = tmp_path / "source.py"
    for text, times in (("a = 1", 1), ("a = 1", 1), ("a = 2", 2), ("a = 1", 2)):
        source.write_text(text)
        kept = kept_outline(late, tmp_path, build=tmp_path / "kept")
        assert len(made) == times
    with Running(Model(kept)) as running:
        assert running.run(9, {"i": packed([7], 16)}).outputs["o"].payloads()[0] & 0xFFFF == 7


def test_memory_gives_every_beat_once_in_order_whatever_the_bursts():
    """Bursts of all lengths up to the end of a page, stalls on both channels, late answers."""
    print(f"seed {SEED}")
    rng, bursts, beats, want = random.Random(SEED), [], [], []
    for _ in range(60):
        length = rng.choice([0, 0, 7, 7, rng.randrange(256)])
        page = rng.randrange(1 << 40) << 12
        at = page + 8 * rng.randrange(512 - length)
        bursts.append(at | length << 64)
        for beat in range(length + 1):
            data, strobe = rng.getrandbits(64), rng.choice([0xFF, rng.getrandbits(8)])
            beats.append(data | strobe << 64 | (beat == length) << 72)
            want.append(at + 8 * beat | data << 64 | strobe << 128)
    rows = {"address": packed(bursts, 72), "data": packed(beats, 73)}
    model = Model(world.Memory())
    for stalls, delay in ((0, 0), (100, 40), (200, 1)):
        done = model.play(
            rows, settings={"stalls": stalls, "delay": delay}, pause=0.1 * (stalls > 0),
            patience=200,
        )  # fmt: skip
        assert done.outputs["o"].payloads() == want
        assert done.outputs["response"].payloads() == [0] * len(bursts)
        assert not done.plain["broken"]
        ends = np.flatnonzero([beat >> 72 for beat in beats])
        waited = done.outputs["response"].shown - done.inputs["data"].taken[ends]
        assert waited.min() >= delay
    assert model.play(rows, settings={"refuse": 1}).outputs["response"].payloads() == [2] * 60


@pytest.mark.parametrize(
    ("burst", "beats"),
    [
        (0xFF8 | 1 << 64, [0xFF << 64, 0x1FF << 64]),  # into the next page
        (0x004, [0x1FF << 64]),  # not aligned
        (0x000 | 1 << 64, [0x1FF << 64, 0x1FF << 64]),  # `last` too early
        (0x000, [0xFF << 64]),  # no `last`
    ],
)
def test_a_burst_that_breaks_the_rules_is_told(burst, beats):
    model = Model(world.Memory())
    rows = {"address": packed([burst], 72), "data": packed(beats, 73)}
    assert model.play(rows).plain["broken"] == 1
