"""OUCH messages in gateware and model: the bytes of the specification, reports of what is right."""

import random
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.hdl.itch.layout import pack
from tapeout.hdl.net.layout import BEAT, beats
from tapeout.hdl.ouch.layout import DEAD, INBOUND, LIVE, OUTBOUND, WORDS_OUT
from tapeout.hdl.ouch.model import Decoder as Model
from tapeout.hdl.ouch.model import decode, encode, order
from tapeout.hdl.pretrade.layout import INTENT, REPORT, Action, Outcome
from tapeout.hdl.pretrade.model import Intent
from tapeout.sim.engine import READY, engines, play

AAPL = int.from_bytes(b"AAPL    ")
ADDRESSED = {"intent": sum(INTENT.values()), "symbol": 64}
ENGINES = engines()

#: Bytes of each message, as the specification's tables add up.
LENGTHS = {"O": 47, "U": 40, "X": 9}, {"S": 10, "A": 64, "U": 68, "C": 18, "E": 36, "J": 29}


def test_messages_are_as_long_as_the_specification_says():
    for table, lengths in zip((INBOUND, OUTBOUND), LENGTHS, strict=True):
        assert {kind: message.length for kind, message in table.items()} == lengths


def test_a_buy_of_100_at_150_34_is_these_bytes():
    intent = Intent(Action.ENTER, 0, 3, number=1, shares=100, price=1_503_400)
    assert order(intent, "AAPL") == bytes.fromhex(
        "4f 00000001 42 00000064 4141504c20202020 000000000016f0a8 30 59 50 4e 4e"
        "2020202020202020202020202020 0000"
    )


def test_a_replace_and_a_cancel_are_these_bytes():
    moved = Intent(Action.REPLACE, 1, 3, number=2, replaces=1, shares=500, price=1_503_500)
    assert order(moved, "AAPL") == bytes.fromhex(
        "55 00000001 00000002 000001f4 000000000016f10c 30 59 4e2020202020202020202020202020 0000"
    )
    gone = Intent(Action.CANCEL, 1, 3, number=3, replaces=0x4D, shares=5, price=7)
    assert order(gone, "AAPL") == bytes.fromhex("58 0000004d 00000000")
    assert order(Intent(0), "AAPL") == b""


def test_what_no_message_can_say_is_refused():
    with pytest.raises(ValueError, match=r"^enter order has no field 'x'$"):
        encode(INBOUND, "O", x=1)
    with pytest.raises(ValueError, match=r"^symbol must fit 8 bytes; got 'TOO LONG A NAME'$"):
        encode(INBOUND, "O", symbol="TOO LONG A NAME")
    with pytest.raises(ValueError, match=r"^quantity must fit 4 bytes; got 4294967296$"):
        encode(INBOUND, "X", quantity=1 << 32)
    with pytest.raises(ValueError, match=r"^a message must begin with one of O, U, X; got b'Z'$"):
        decode(INBOUND, b"Z123")
    with pytest.raises(ValueError, match=r"^enter order must be 47 bytes; got 46$"):
        decode(INBOUND, encode(INBOUND, "O")[:-1])


@given(st.sampled_from("SAUCEJ"), st.randoms(use_true_random=False))
def test_what_was_encoded_is_decoded(kind, rng):
    values = {
        name: rng.choice("ABCXYZ") * rng.randint(1, field.length)
        if field.text
        else rng.getrandbits(8 * field.length)
        for name, field in OUTBOUND[kind].fields.items()
        if name != "type"
    }
    assert decode(OUTBOUND, encode(OUTBOUND, kind, **values)) == values | {"type": kind}


SAID = {
    "executed": ("E", {"quantity": 60, "price": 77}, [(Outcome.EXECUTED, 9, 0, 60, 77)]),
    "canceled": ("C", {"quantity": 40}, [(Outcome.LEFT, 9, 0, 40, 0)]),
    "rejected": ("J", {"reason": 0x17}, [(Outcome.LEFT, 9, 0, 0, 0)]),
    "accepted": ("A", {"quantity": 5, "state": LIVE}, []),
    "accepted, dead": ("A", {"quantity": 5, "state": DEAD}, [(Outcome.LEFT, 9, 0, 0, 0)]),
    "replaced": (
        "U",
        {"quantity": 5, "price": 77, "replaces": 8, "state": LIVE},
        [(Outcome.REPLACED, 9, 8, 5, 77)],
    ),
    "replaced, dead": (
        "U",
        {"quantity": 5, "price": 77, "replaces": 8, "state": DEAD},
        [(Outcome.REPLACED, 9, 8, 5, 77), (Outcome.LEFT, 9, 0, 0, 0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SAID)
def test_a_message_becomes_this_report(what):
    kind, values, reports = SAID[what]
    model = Model()
    assert model.reports(encode(OUTBOUND, kind, number=9, **values)) == reports
    assert (model.others, model.malformed) == (not reports, 0)


def test_what_must_not_be_believed_is_counted_and_reports_nothing():
    right = encode(OUTBOUND, "E", number=9, quantity=5, price=7)
    wrong = [
        right[:-1], right + b"\0", b"", bytes(WORDS_OUT * 8 + 1), right[:-1] + b"\1",
        encode(OUTBOUND, "E", number=9, quantity=0, price=7),
        encode(OUTBOUND, "C", number=9), encode(OUTBOUND, "U", number=9, price=7),
        encode(OUTBOUND, "E", number=9, quantity=5, price=1 << 32),
    ]  # fmt: skip
    model = Model()
    assert [model.reports(message) for message in wrong] == [[]] * len(wrong)
    assert model.reports(right, error=True) == []
    assert (model.others, model.malformed) == (0, len(wrong) + 1)
    assert model.reports(encode(OUTBOUND, "S", event="S")) == model.reports(b"K" * 20) == []
    assert (model.others, model.malformed) == (2, len(wrong) + 1)


def intents(seed, count):
    """Intents of all kinds with fields of any value, and the symbols they are about."""
    rng = random.Random(seed)
    for _ in range(count):
        fields = [rng.getrandbits(bits) for bits in INTENT.values()]
        symbol = "".join(rng.choices("ABCDEFGH", k=rng.randint(1, 8)))
        yield Intent(rng.choice([0, *Action]), *fields[1:]), symbol


def asked(intent, symbol):
    """An intent as it crosses the pins."""
    return pack((pack(intent, INTENT), int.from_bytes(symbol.encode().ljust(8))), ADDRESSED)


def messages(seed, count):
    """What an exchange may send, most of it right, and whether it was received badly."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.choice("SAUCEJ")
        values = {"number": rng.getrandbits(32), "state": rng.choice("LLD")} | {
            name: rng.choice([0, 1, rng.getrandbits(8 * min(field.length, 4))])
            for name, field in OUTBOUND[kind].fields.items()
            if not field.text and name != "appendage"
        }
        values = {name: value for name, value in values.items() if name in OUTBOUND[kind].fields}
        message = encode(OUTBOUND, kind, **values)
        how = rng.random()
        if how < 0.1:
            message = message[: rng.randrange(len(message))]
        elif how < 0.2:
            message += rng.randbytes(rng.randint(1, 40))
        elif how < 0.3:
            message = rng.choice([b"Z", b"K", b"E"]) + rng.randbytes(rng.randrange(40))
        elif how < 0.4:
            at = rng.randrange(len(message))
            message = message[:at] + rng.randbytes(1) + message[at + 1 :]
        yield message, rng.random() < 0.05


def told(sent):
    """What the model says to them: reports as words, and what is counted."""
    model = Model()
    words = [
        pack(report, REPORT) for message, bad in sent for report in model.reports(message, bad)
    ]
    return words, {"others": model.others, "malformed": model.malformed}


@pytest.fixture(params=ENGINES)
def engine(request):
    """Every engine that is ready; the others are skipped with what to install."""
    if ENGINES[request.param] != READY:
        pytest.skip(f"{request.param}: {ENGINES[request.param]}")
    return request.param


@pytest.mark.rtl
def test_the_encoder_sends_the_models_messages(engine):
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    from tapeout.hdl.ouch.gateware import Encoder

    wanted = [*intents(3, 60)]
    out = play(Encoder(), [asked(*one) for one in wanted], engine=engine, seed=3)
    assert out == [word for one in wanted if (said := order(*one)) for word in beats(said)]


@pytest.mark.rtl
def test_the_decoder_makes_the_models_reports(engine):
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    from tapeout.hdl.ouch.gateware import Decoder

    sent = [*messages(4, 150)]
    wire = [word for message, bad in sent for word in beats(message, bad)]
    assert play(Decoder(), wire, engine=engine, seed=4) == told(sent)[0]


def cycles(component, wire, length):
    """The cycles in which a word was taken, and in which one was offered, `o` taken at once."""
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    taken, shown, left = [], [], [*wire]

    async def bench(ctx):
        ctx.set(component.o.ready, 1)
        for cycle in range(length):
            ctx.set(component.i.valid, bool(left))
            ctx.set(Value.cast(component.i.payload), left[0] if left else 0)
            if ctx.get(component.o.valid):
                shown.append(cycle)
            if left and ctx.get(component.i.ready):
                taken.append(cycle)
                left.pop(0)
            await ctx.tick()

    simulator = Simulator(component)
    simulator.add_clock(6.4e-9)
    simulator.add_testbench(bench)
    simulator.run()
    return taken, shown


@pytest.mark.rtl
def test_the_first_word_is_out_a_cycle_after_the_intent_and_the_others_follow():
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    from tapeout.hdl.ouch.gateware import Encoder

    wanted = [(Intent(action, shares=1), "A") for action in (Action.ENTER, *Action, Action.CANCEL)]
    taken, shown = cycles(Encoder(), [asked(*one) for one in wanted], 30)
    assert taken == [0, 6, 12, 17, 19]
    assert shown == [*range(1, 22)]


@pytest.mark.rtl
def test_a_report_is_out_three_cycles_after_the_last_word():
    pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")
    from tapeout.hdl.ouch.gateware import Decoder

    sent = [
        encode(OUTBOUND, "C", number=1, quantity=1), encode(OUTBOUND, "S"),
        encode(OUTBOUND, "U", number=1, quantity=1, state=DEAD),
    ]  # fmt: skip
    taken, shown = cycles(Decoder(), [word for one in sent for word in beats(one)], 40)
    assert taken == [0, 1, 2, 6, 7, *range(10, 19)]
    assert shown == [5, 21, 22]


@pytest.fixture(scope="module")
def seed():
    """Another one each time, and printed."""
    return secrets.randbits(32)


@pytest.mark.rtl
@pytest.mark.blocks
@pytest.mark.parametrize("pause", [0.0, 0.5])
def test_a_hundred_thousand_messages_are_the_models(seed, pause):
    if ENGINES["verilator"] != READY:
        pytest.skip(f"verilator: {ENGINES['verilator']}")
    from tapeout.hdl.ouch.gateware import Decoder, Encoder
    from tapeout.sim.bench.compiled import Model as Compiled
    from tapeout.sim.bench.compiled import packed

    print(f"seed {seed}")
    wanted = [*intents(seed, 100_000)]
    rows = packed([asked(*one) for one in wanted], sum(ADDRESSED.values()))
    out = Compiled(Encoder()).play({"i": rows}, seed=seed, pause=pause).outputs["o"].payloads()
    assert out == [word for one in wanted if (said := order(*one)) for word in beats(said)]
    sent = [*messages(seed, 100_000)]
    rows = packed([w for one, bad in sent for w in beats(one, bad)], sum(BEAT.values()))
    played = Compiled(Decoder()).play({"i": rows}, seed=seed, pause=pause)
    words, counts = told(sent)
    assert played.outputs["o"].payloads() == words
    assert played.plain == counts
    assert min(counts.values()) > 10_000
