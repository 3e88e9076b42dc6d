"""The subscription in gateware finds, learns and refuses what its model does."""

import random

import pytest

from tapeout.hdl.itch.layout import Record
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.subscription.model import Subscription as Model

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.sim import Simulator

from tapeout.hdl.subscription.gateware import Subscription

pytestmark = pytest.mark.rtl
LOCATES, INSTRUMENTS = 32, 12
STATISTICS = ("learned", "refused")


def directory(locate, symbol):
    """A stock directory message."""
    return Record(type=ord("R"), flags=1, locate=locate, subject=symbol)


def lookups(seed, count):
    """Locates in every cycle: (locate, symbol of a directory message or None, what a host says)."""
    rng = random.Random(seed)
    for _ in range(count):
        locate = rng.choice([*range(LOCATES), 7, 7, 7, 9, 9, LOCATES, LOCATES + 7, 65535])
        symbol = rng.getrandbits(64) if rng.random() < 0.2 else None
        host = None
        if rng.random() < 0.2:
            host = rng.choice([7, 9, locate, LOCATES + 7]), rng.getrandbits(8), rng.random() < 0.6
        yield locate, symbol, host


class Run:
    """What was answered to each cycle's locate, and when the host's words were taken."""

    def __init__(self, words, learn=1, locates=LOCATES, instruments=INSTRUMENTS):
        self.answers, self.taken, self.told, self.listing = [], [], {}, {}
        self._part = Subscription(locates, instruments)
        self._words, self._learn = words, learn
        simulator = Simulator(self._part)
        simulator.add_clock(1e-8)
        simulator.add_testbench(self._bench)
        simulator.run()

    async def _bench(self, ctx):
        part, host = self._part, []
        ctx.set(part.learn, self._learn)
        self.swept = 0
        while not ctx.get(part.ready):
            self.swept += 1
            assert not ctx.get(part.i.ready)
            await ctx.tick()
        for at, (locate, symbol, said) in enumerate([*self._words, *[(0, None, None)] * 4]):
            ctx.set(part.locate, locate)
            ctx.set(part.directory, symbol is not None)
            ctx.set(part.symbol, symbol or 0)
            host += [said] if said else []
            ctx.set(part.i.valid, bool(host))
            if host:
                ctx.set(part.i.payload, dict(zip(SUBSCRIBE, host[0], strict=True)))
            if host and ctx.get(part.i.ready):
                self.taken.append((at, host.pop(0)))
            found = ctx.get(part.instrument) if ctx.get(part.subscribed) else None
            self.answers.append(found)
            await ctx.tick()
        self.answers = self.answers[2:]
        await self._look(ctx)

    async def _look(self, ctx):
        part = self._part
        self.told = {name: ctx.get(getattr(part, name)) for name in STATISTICS}
        for instrument in range(self.told["learned"]):
            ctx.set(part.listing_instrument, instrument)
            await ctx.tick().repeat(2)
            self.listing[instrument] = (
                ctx.get(part.listing.symbol),
                ctx.get(part.listing.locate),
            )


def answers(words, taken, learn=True, locates=LOCATES, instruments=INSTRUMENTS):
    """The model's: what is learned shows two cycles later, what the host says at once."""
    model, out, taken, coming = Model(locates, instruments), [], dict(taken), {}
    for at, (locate, symbol, _) in enumerate(words):
        for record in coming.pop(at, []):
            model.learn(record)
        if at in taken:
            model.write(*taken[at])
        out.append(model.look_up(locate))
        if symbol is not None and learn:
            coming[at + 2] = [directory(locate, symbol)]
    for records in coming.values():
        model.learn(records[0])
    return model, out


@pytest.mark.parametrize("seed", range(4))
def test_every_answer_is_the_models(seed):
    words = list(lookups(seed, 400))
    run = Run(words)
    model, expected = answers(words, run.taken)
    assert run.answers[: len(words)] == expected
    assert run.told == {"learned": model.learned, "refused": model.refused}
    assert run.listing == model.listing
    assert model.learned == INSTRUMENTS
    assert model.refused > 3
    assert len(run.taken) > 50


def close(seed, fresh):
    """For each new locate, five cycles about hardly anything else: directory messages and hosts."""
    rng = random.Random(seed)
    for locate in range(fresh):
        for _ in range(5):
            asked = locate if rng.random() < 0.9 else rng.randrange(fresh)
            symbol = rng.getrandbits(64) if rng.random() < 0.5 else None
            host = (asked, rng.getrandbits(8), rng.random() < 0.5) if rng.random() < 0.2 else None
            yield asked, symbol, host


@pytest.mark.parametrize("seed", range(2))
def test_what_is_learned_and_told_close_by_stands_in_one_order(seed):
    words, sizes = list(close(seed, 200)), {"locates": 256, "instruments": 160}
    run = Run(words, **sizes)
    model, expected = answers(words, run.taken, **sizes)
    assert run.answers[: len(words)] == expected
    assert run.told == {"learned": model.learned, "refused": model.refused}
    assert run.listing == model.listing
    assert model.learned > 100
    assert len(run.taken) > 20


def test_without_learn_only_the_host_subscribes():
    words = list(lookups(9, 200))
    run = Run(words, learn=0)
    model, expected = answers(words, run.taken, learn=False)
    assert run.answers[: len(words)] == expected
    assert run.told == {"learned": 0, "refused": 0}
    assert model.known


def test_the_table_is_swept_after_reset():
    assert Run([(3, None, None)] * 3).swept == LOCATES


@pytest.mark.parametrize(
    ("locates", "instruments", "said"),
    [
        (1000, 256, "locates must be a power of two up to 65536; got 1000"),
        (1 << 17, 256, "locates must be a power of two up to 65536; got 131072"),
        (1024, 0, "instruments must be 1 to 256; got 0"),
        (1024, 257, "instruments must be 1 to 256; got 257"),
    ],
)
def test_sizes_that_cannot_be_are_refused(locates, instruments, said):
    """Of no object: Amaranth would complain that the one refused is not used."""
    with pytest.raises(ValueError, match=f"^{said}$"):
        Subscription.__init__(None, locates, instruments)
