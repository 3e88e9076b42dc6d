"""The cocotb side of `tapeout.sim.engine.play_streams`: job and answer are files."""

import json
import os
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

from tapeout.sim.bench.player import Player


class End:
    """One stream of the design: the handles of its three ports."""

    def __init__(self, dut, name):
        self.payload, self.valid, self.ready = (
            getattr(dut, f"{name}__{port}") for port in ("payload", "valid", "ready")
        )

    def offer(self, word):
        """Put a word on an input, or none."""
        self.valid.value, self.payload.value = word is not None, word or 0

    def shown(self):
        """The word on an output, if any."""
        return self.payload.value.to_unsigned() if self.valid.value else None


@cocotb.test()
async def play(dut):
    """Send the job's words, collect what leaves; every end pauses at random."""
    path = Path(os.environ["TAPEOUT_JOB"])
    job = json.loads(path.read_text())
    words = {name: [int(word, 16) for word in sent] for name, sent in job["words"].items()}
    player = Player(words, job["outputs"], **job["player"])
    inputs = {name: End(dut, name) for name in words}
    outputs = {name: End(dut, name) for name in job["outputs"]}
    await _reset(dut, inputs, outputs, job["settings"])
    breach = ""
    while not player.done and not breach:
        offered, ready = player.drive()
        for name, word in offered.items():
            inputs[name].offer(word)
        for name, one in ready.items():
            outputs[name].ready.value = one
        await ReadOnly()
        try:
            player.see(
                {name: bool(end.ready.value) for name, end in inputs.items()},
                {name: end.shown() for name, end in outputs.items()},
            )
        except RuntimeError as error:
            breach = str(error)
        await RisingEdge(dut.clk)
    out = {name: [f"{word:x}" for word in taken] for name, taken in player.out.items()}
    (path.parent / "out.json").write_text(json.dumps({"out": out, "breach": breach}))


async def _reset(dut, inputs, outputs, settings):
    """Start the clock; two cycles of reset with nothing offered and nothing taken."""
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    dut.rst.value = 1
    for name, value in settings.items():
        getattr(dut, name).value = value
    for end in inputs.values():
        end.offer(None)
    for end in outputs.values():
        end.ready.value = 0
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
