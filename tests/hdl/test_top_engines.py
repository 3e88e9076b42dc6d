"""The whole gateware on every engine that is here, all ends pausing at random: the model's books.

`tests/hdl/test_feed_handler.py` plays far more on the compiled engine alone.
"""

import random

import pytest

from tapeout.hdl.itch.layout import pack
from tapeout.hdl.itch.model import decode
from tapeout.hdl.net.layout import beats
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import unpack
from tapeout.hdl.top.model import Feed, agrees
from tapeout.sim.engine import READY, engines, play_streams

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from tapeout.sim.whole.packets import busy, framed, packets

pytestmark = pytest.mark.rtl
ENGINES = engines()
SMALL = {"locates": 32, "instruments": 8, "rows": 16}
NAMES = 4
IDLE = 1_500  # bytes of no feed: meanwhile the instruments are listed
SEED = 5


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


def lines(messages, rng):
    """Words of two lines: each packet is on both or on one, the last tells where they end."""
    words = {"a": beats(bytes(IDLE)), "b": beats(bytes(IDLE))}
    for place, (first, told) in enumerate(packets(messages, rng, most=6)):
        on = rng.choice(["a", "b", "ab"]) if place else "ab"
        for line in on:
            words[line] += beats(framed(first, told, tags=rng.randrange(3)))
    for line in words.values():
        line += beats(framed(len(messages) + 1, []))
    return words


@pytest.mark.parametrize(
    "count", [200, pytest.param(1_500, marks=pytest.mark.blocks)], ids=["short", "long"]
)
def test_records_are_the_models_on_every_engine(engine, count):
    from tapeout.hdl.top.gateware import FeedHandler

    print(f"seed {SEED}")
    messages = [*busy(count, SEED, NAMES, live=40)]
    words = lines(messages, random.Random(SEED))
    words["listen"] = [pack((k, k, 1), SUBSCRIBE) for k in range(1, NAMES + 1)]
    out = play_streams(FeedHandler(**SMALL), words, engine=engine, seed=SEED, patience=400)["o"]
    feed = Feed(range(1, NAMES + 1))
    true = [one for k, told in enumerate(messages, 1) for one in feed.apply(decode(told, k))]
    made = [unpack(word) for word in out]
    for place, (one, other) in enumerate(zip(made, true, strict=False)):
        same = agrees(one._replace(arrival_ns=0), other)
        assert same, f"record {place}:\n{one}\n{other}"
    assert len(made) == len(true) > count / 3
