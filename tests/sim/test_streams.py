"""Several streams at once play the same on every engine, the compiled one included."""

import random

import numpy as np
import pytest

from tapeout.sim.bench.simulators import verilator
from tapeout.sim.engine import READY, engines, play_streams, watch

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.sim.bench import library
from tapeout.sim.bench.compiled import Model, packed, unpacked
from tapeout.sim.bench.coverage import Covered, by_module, covered

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
ENGINES = [*engines(), "compiled"]
SEED = 5
COUNT = 60
FAULTS = {"moves": 1, "vanishes": 2}


class Pairs(wiring.Component):
    """Joins a word of `a` and a word of `b`, tells when, and copies `b` if it is odd."""

    a: In(stream.Signature(8))
    b: In(stream.Signature(40))
    key: In(4, init=3)
    fault: In(2)
    pair: Out(stream.Signature(72))
    odd: Out(stream.Signature(40))
    taken: Out(33)

    def elaborate(self, platform):
        m = Module()
        cycle, waited = Signal(16), Signal()
        free = (~self.pair.valid | self.pair.ready) & (~self.odd.valid | self.odd.ready)
        both = self.a.valid & self.b.valid & free
        m.d.comb += [self.a.ready.eq(both), self.b.ready.eq(both)]
        m.d.sync += [cycle.eq(cycle + 1), waited.eq(self.pair.valid & ~self.pair.ready & ~waited)]
        with m.If(self.pair.ready):
            m.d.sync += self.pair.valid.eq(0)
        with m.If(self.odd.ready):
            m.d.sync += self.odd.valid.eq(0)
        with m.If(both):
            m.d.sync += [
                self.pair.valid.eq(1),
                self.pair.payload.eq(Cat(self.a.payload ^ self.key, self.b.payload, cycle)),
                self.odd.valid.eq(self.b.payload[0]),
                self.odd.payload.eq(self.b.payload),
                self.taken.eq(self.taken + 1),
            ]
        with m.If(waited & (self.fault == 1)):
            m.d.sync += self.pair.payload.eq(self.pair.payload + 1)
        with m.If(waited & (self.fault == 2)):
            m.d.sync += self.pair.valid.eq(0)
        return m


def words():
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    return {
        "a": [rng.getrandbits(8) for _ in range(COUNT)],
        "b": [rng.getrandbits(40) for _ in range(COUNT)],
    }


def compiled(component, sent, *, settings=None, **options):
    widths = {"a": 8, "b": 40}
    rows = {name: packed(one, widths[name]) for name, one in sent.items()}
    played = Model(component).play(rows, settings=settings, **options)
    return {name: one.payloads() for name, one in played.outputs.items()}


def on(engine, sent, **options):
    """What comes out of `Pairs` on an engine; skipped where the engine is not here."""
    state = verilator() if engine == "compiled" else engines()[engine]
    if state != READY:
        pytest.skip(f"{engine}: {state}")
    if engine == "compiled":
        return compiled(Pairs(), sent, **options)
    return play_streams(Pairs(), sent, engine=engine, **options)


def shifted(out):
    """Words of `pair` without the cycle they tell."""
    return [word & (1 << 48) - 1 for word in out["pair"]]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_stream_gets_its_words_and_settings_hold(engine):
    sent = words()
    out = on(engine, sent, settings={"key": 9}, pause=0.4)
    assert shifted(out) == [(a ^ 9) | b << 8 for a, b in zip(*sent.values(), strict=True)]
    assert out["odd"] == [b for b in sent["b"] if b & 1]
    assert list(out) == ["pair", "odd"]


@pytest.mark.parametrize("engine", ENGINES)
def test_pauses_are_those_of_the_seed_cycle_by_cycle(engine):
    """Words tell the cycle they were taken in: an engine that drew otherwise would differ."""
    for seed in (1, 2):
        ours = on(engine, words(), seed=seed, pause=0.4)
        assert ours == on("amaranth", words(), seed=seed, pause=0.4)
        assert {word & 255 ^ a for word, a in zip(ours["pair"], words()["a"], strict=True)} == {3}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_word_that_does_not_wait_is_told_by_its_stream(engine, fault):
    said = {"moves": r"to 0x[0-9a-f]+$", "vanishes": "to nothing$"}[fault]
    with pytest.raises(RuntimeError, match=r"^pair must hold word \d+ until it is .*" + said):
        on(engine, words(), settings={"fault": FAULTS[fault]}, pause=0.4)


def test_every_engine_tells_the_same_breach():
    said = set()
    for engine in [engine for engine in engines() if engines()[engine] == READY] + ["compiled"]:
        with pytest.raises(RuntimeError) as told:
            on(engine, words(), settings={"fault": 1}, pause=0.4)
        said.add(str(told.value))
    assert len(said) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stream_that_is_not_named_stays_silent(engine):
    assert on(engine, {"a": [1, 2]}, pause=0.0) == {"pair": [], "odd": []}


def test_names_that_are_not_the_components_are_refused():
    pairs = Pairs()
    with pytest.raises(
        ValueError, match=r"^words must name input streams of Pairs \(a, b\); got x$"
    ):
        play_streams(pairs, {"x": []}, engine="amaranth")
    with pytest.raises(
        ValueError, match=r"^settings must name plain inputs of Pairs \(key, fault\); got taken$"
    ):
        play_streams(pairs, {}, engine="amaranth", settings={"taken": 1})
    assert play_streams(pairs, {}, engine="amaranth") == {"pair": [], "odd": []}


def test_watching_shows_every_port_in_every_cycle():
    seen = watch(Pairs(), {"a": [5], "b": [2]}, 4)
    assert [cycle["pair__valid"] for cycle in seen] == [0, 1, 0, 0]
    assert seen[1]["pair__payload"] & 0xFFFF == 5 ^ 3 | 2 << 8
    assert [cycle["taken"] for cycle in seen] == [0, 1, 1, 1]


@pytest.fixture(scope="module")
def model():
    if verilator() != READY:
        pytest.skip(f"verilator: {verilator()}")
    return Model(Pairs())


def rows(sent):
    return {"a": packed(sent["a"], 8), "b": packed(sent["b"], 40)}


def test_cycles_and_plain_outputs_are_told(model):
    """The word itself says in which cycle it was taken: the bench must say the same."""
    played = model.play(rows(words()), pause=0.4)
    assert played.plain == {"taken": COUNT}
    inside = [word >> 48 & 0xFFFF for word in played.outputs["pair"].payloads()]
    assert played.inputs["a"].taken.tolist() == inside == played.inputs["b"].taken.tolist()
    assert played.outputs["pair"].shown.tolist() == [cycle + 1 for cycle in inside]
    assert (played.outputs["pair"].taken >= played.outputs["pair"].shown).all()


def test_words_come_when_they_are_due(model):
    """Longer silences than patience are waited through, and nothing is offered early."""
    due = np.arange(COUNT, dtype=np.uint64) * 1000
    played = model.play(rows(words()), due={"a": due}, asked=True)
    assert played.inputs["a"].taken.tolist() == due.tolist()
    assert played.outputs["pair"].taken.tolist() == (due + 1).tolist()


def test_a_model_plays_again_as_if_for_the_first_time(model):
    first, again = (model.play(rows(words()), pause=0.3, seed=3) for _ in range(2))
    assert first.outputs["pair"].rows.tolist() == again.outputs["pair"].rows.tolist()


def test_a_session_goes_on_where_the_last_piece_ended(model):
    """In two pieces the same words leave as in one, the component's own clock going on."""
    sent, out, before = words(), [], 0
    with model.session(pause=0.3) as session:
        for piece in (slice(0, COUNT // 3), slice(COUNT // 3, None)):
            played = session.play(rows({name: one[piece] for name, one in sent.items()}))
            pair = played.outputs["pair"]
            out += pair.payloads()
            inside = [word >> 48 & 0xFFFF for word in pair.payloads()]
            assert played.inputs["a"].taken.tolist() == inside
            assert before <= min(inside)
            assert max(inside) < played.cycles
            before = played.cycles
    assert [word & (1 << 48) - 1 for word in out] == [
        (a ^ 3) | b << 8 for a, b in zip(sent["a"], sent["b"], strict=True)
    ]


def test_progress_is_told_in_words_and_an_interrupt_ends_it(model, monkeypatch):
    monkeypatch.setattr("tapeout.sim.bench.compiled.PIECE", 16)
    told = []
    model.play(rows(words()), advance=told.append)
    assert sum(told) == 2 * COUNT
    assert len(told) > 3

    def stop(words):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.play(rows(words()), advance=stop)


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ({"c": np.zeros((1, 1))}, {}, r"rows must name input streams of Pairs \(a, b\); got c"),
        ({"b": np.zeros((3, 1))}, {}, r"rows of b must be \(N, 2\); got \(3, 1\)"),
        ({}, {"settings": {"x": 1}}, r"settings must name .* of Pairs \(key, fault\); got x"),
        (
            {},
            {"due": {"a": [1]}},
            r"due must name streams in `rows` of Pairs \(it has none\); got a",
        ),
        (
            {"a": np.zeros((3, 1))},
            {"due": {"a": np.zeros(2)}},
            "due must give a cycle to each of 3 words of a; got 2",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(model, given, options, said):
    with pytest.raises(ValueError, match=f"^{said}$"):
        model.play(given, **options)


def test_rows_hold_words_of_any_width():
    for width in (1, 8, 31, 32, 33, 64, 65, 197):
        some = [0, 1, (1 << width) - 1, 0x5A5A5A % (1 << width)]
        assert packed(some, width).shape == (4, library.stride(width))
        assert unpacked(packed(some, width)) == some


def test_coverage_tells_what_was_not_met(tmp_path):
    """Without words no word is joined; the fault that no test asked for stays unmet."""
    if verilator() != READY:
        pytest.skip(f"verilator: {verilator()}")
    covering = Model(Pairs(), coverage="line")
    idle, busy = tmp_path / "idle.dat", tmp_path / "busy.dat"
    covering.play({}, coverage=idle)
    covering.play(rows(words()), pause=0.4, coverage=busy)
    lines = [covered(idle)["branch"], covered(busy)["branch"], covered(idle, busy)["branch"]]
    assert lines[0].met < lines[1].met < lines[1].points
    assert lines[2] == lines[1]
    assert by_module(idle, busy)["top"]["branch"] == lines[1]
    assert set(lines[1].missed) < set(lines[0].missed)


def test_points_of_several_playings_add_up(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    keys = ("f\x02top.sv", "l\x02{}", "n\x024", "page\x02v_{}/top", "o\x02if", "h\x02TOP.top")
    point = "C '" + "".join("\x01" + key for key in keys) + "' {}\n"
    head = "# SystemC::Coverage-3\n"
    one.write_text(head + point.format(7, "line", 0) + point.format(8, "branch", 0))
    other.write_text(head + point.format(7, "line", 3) + point.format(9, "branch", 1))
    assert covered(one)["line"].percent == 0
    total = {"line": Covered(1, 1, ()), "branch": Covered(1, 2, ("8:4 TOP.top if",))}
    assert covered(one, other) == total
    assert by_module(one, other) == {"top": total}
