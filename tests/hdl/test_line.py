"""A line in gateware equals its golden model, record by record and count by count."""

import random

import pytest

from tapeout.hdl.itch.layout import RECORD, Record, pack, unpack
from tapeout.hdl.line.layout import COUNTS
from tapeout.hdl.line.model import Line as Model
from tapeout.hdl.net.layout import beats
from tapeout.sim.bench.frames import GROUP, PORT, frames

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

pytestmark = pytest.mark.rtl
DRAIN = 16  # cycles after the last word until all is counted


def simulate(run, pause=0.0, seed=1, port=None, group=None):
    """Send frames through the line: each record with its cycle, each last word's, the counts."""
    from amaranth.sim import Simulator

    from tapeout.hdl.line.gateware import Line

    line, rng, out = Line(), random.Random(seed), []
    words = [(word, f.arrival_ns) for f in run for word in beats(f.wire, f.error)]

    async def bench(ctx):
        from amaranth.hdl import Value

        ctx.set(line.filter.port, port or 0)
        ctx.set(line.filter.port_enable, port is not None)
        ctx.set(line.filter.group, group or 0)
        ctx.set(line.filter.group_enable, group is not None)
        cycle, left = 0, iter([*words])
        waiting, drain = next(left, None), DRAIN
        while drain:
            go = waiting is not None and rng.random() >= pause
            word, now = waiting if go else (rng.getrandbits(70), rng.getrandbits(64))
            ctx.set(line.i.valid, go)
            ctx.set(Value.cast(line.i.payload), word)
            ctx.set(line.arrival_ns, now)
            *_, ready, valid, record = await ctx.tick().sample(
                line.i.ready, line.valid, Value.cast(line.o)
            )
            assert ready
            if valid:
                out.append((cycle, unpack(record)))
            cycles.append(cycle) if go else None
            if go:
                waiting = next(left, None)
            drain -= waiting is None
            cycle += 1
        counts.update({name: ctx.get(line.counts[name]) for name in COUNTS})

    cycles, counts = [], {}
    simulator = Simulator(line)
    simulator.add_clock(6.4e-9)
    simulator.add_testbench(bench)
    simulator.run()
    return out, cycles, counts


def golden(run, port=None, group=None):
    model = Model(port, group)
    return [record for f in run for record in model.read(f)], model.counts


@pytest.mark.parametrize(("seed", "pause"), [(1, 0.0), (2, 0.3), (3, 0.8)])
def test_records_and_counts_are_the_models(seed, pause):
    run = frames(seed, 300)
    out, _, counts = simulate(run, pause, seed)
    want, want_counts = golden(run)
    assert [record for _, record in out] == want
    assert counts == want_counts
