"""Bytes from a gigabit PHY become frames, with the check judged, whatever their length."""

import random
import zlib

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth import Value
from amaranth.sim import Simulator

from tapeout.hdl.net.layout import beats
from tapeout.hdl.rgmii.gateware import Receiver
from tapeout.hdl.rgmii.layout import GIGABIT, LEAST_BYTES, POLYNOMIAL, RESIDUE, START
from tapeout.hdl.rgmii.model import Symbol, sent, words

pytestmark = pytest.mark.rtl
SILENCE = [Symbol()] * 12  # the gap between frames, in bytes
LEAST = LEAST_BYTES - 4


def spoken(wire, bad_at=None):
    """The symbols of one frame, and silence behind it."""
    return [Symbol(byte, True, at == bad_at) for at, byte in enumerate(wire)] + SILENCE


def test_the_check_is_the_one_that_is_published():
    """CRC-32/ISO-HDLC of "123456789" is 0xCBF43926 in every catalogue of checks."""
    assert sent(b"123456789")[-4:] == (0xCBF43926).to_bytes(4, "little")
    for length in (1, 60, 61):
        frame = bytes(range(length))
        crc = zlib.crc32(frame + zlib.crc32(frame).to_bytes(4, "little"))
        assert crc ^ 0xFFFFFFFF == RESIDUE
    assert sum((POLYNOMIAL >> (31 - k) & 1) << k for k in range(32)) == 0x04C11DB7


def test_the_model_tells_frames_from_what_is_none():
    frame = bytes(LEAST)
    assert words(SILENCE + spoken(sent(frame))) == beats(frame)
    assert words(spoken(sent(frame[:-1]))) == beats(frame[:-1], error=True)
    assert words(spoken([0x55] * 20)) == []
    assert words(spoken(sent(frame), bad_at=30)) == beats(frame, error=True)
    assert words(spoken(sent(frame), bad_at=3)) == beats(frame)  # still in the preamble
    assert words(spoken([START, 1, 2])) == beats(b"", error=True)


def run(symbols):
    """Words that leave, each with the cycle it leaves in, and the state of the link at the end."""
    receiver, seen, status = Receiver(), [], []

    async def bench(ctx):
        for cycle, symbol in enumerate(symbols):
            ctx.set(receiver.i, symbol.byte)
            ctx.set(receiver.i_valid, symbol.valid)
            ctx.set(receiver.i_error, symbol.error)
            if ctx.get(receiver.o_valid):
                seen.append((cycle, ctx.get(Value.cast(receiver.o))))
            await ctx.tick()
        status.append(ctx.get(Value.cast(receiver.status)))

    simulator = Simulator(receiver)
    simulator.add_clock(8e-9)
    simulator.add_testbench(bench)
    simulator.run()
    return seen, status[0]


def test_frames_of_every_length_leave_whole_with_their_check_judged():
    """Every end in a word, good and bad, from no byte to beyond the least that may be."""
    rng, symbols = random.Random(3), list(SILENCE)
    for length in [*range(90), *range(90), 250, 1514]:
        wire = bytearray(sent(rng.randbytes(length), preamble=rng.choice([7, 7, 7, 0, 3])))
        if rng.random() < 0.5:
            wire[rng.randrange(wire.index(START) + 1, len(wire))] ^= 1 << rng.randrange(8)
        symbols += spoken(wire)
    expected = words(symbols)
    ends = [(word >> 64 & 15, word >> 69) for word in expected if word >> 68 & 1]
    assert {(count, error) for count in range(1, 9) for error in (0, 1)} <= set(ends)
    assert [word for _, word in run(symbols)[0]] == expected


def test_frames_that_are_none_or_badly_received_are_told_by_their_last_word():
    rng, symbols = random.Random(4), list(SILENCE)
    for _ in range(60):
        wire = sent(rng.randbytes(rng.choice([0, 1, 3, 59, 60, 64])), rng.randrange(9))
        wire = wire[: rng.randrange(1, len(wire) + 1)] if rng.random() < 0.5 else wire
        symbols += spoken(wire, rng.choice([None, rng.randrange(len(wire))]))
        symbols += [Symbol(rng.randrange(256), False, True)] * rng.randrange(3)  # carrier extend
        symbols += SILENCE[: rng.randrange(1, 3)]
    assert [word for _, word in run(symbols)[0]] == words(symbols)


def test_what_is_left_of_a_frame_at_reset_is_no_frame():
    """It may hold a byte that looks like the start of one."""
    frame = bytes([START]) * 80
    symbols = spoken(frame) + spoken(sent(frame))
    assert [word for _, word in run(symbols)[0]] == beats(frame)


def test_a_word_leaves_as_many_cycles_behind_its_bytes_as_the_docstring_says():
    frame = bytes(range(64))
    symbols = [*SILENCE, *spoken(sent(frame))]
    first = len(SILENCE) + 8  # the cycle of byte 0 of the frame
    cycles = [cycle for cycle, _ in run(symbols)[0]]
    assert cycles[:-1] == [first + 8 * k + 7 + 7 for k in range(7)]
    assert cycles[-1] == first + 64 + 3 + 3


def test_the_state_of_the_link_is_what_came_last_between_frames():
    status = 1 | GIGABIT << 1 | 1 << 3
    quiet, extend = Symbol(status | status << 4), Symbol(0xFF, False, True)
    frame = spoken(sent(bytes(60)))[: -len(SILENCE)]
    assert run([quiet, quiet, *frame])[1] == status
    assert run([quiet, *frame, extend, extend, extend])[1] == status
    assert run([quiet, *frame, *SILENCE])[1] == 0
