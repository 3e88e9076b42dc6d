"""The cocotb side of `tapeout.sim.engine.play`: the job comes in a file, so does the answer."""

import json
import os
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

from tapeout.sim.bench.player import Player


@cocotb.test()
async def play(dut):
    """Send the job's words into `i`, collect what leaves `o`; both sides pause at random."""
    path = Path(os.environ["TAPEOUT_JOB"])
    job = json.loads(path.read_text())
    player = Player([int(word, 16) for word in job["words"]], job["seed"], job["pause"])
    breach = ""
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    dut.rst.value, dut.i__valid.value, dut.o__ready.value = 1, 0, 0
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    while not player.done and not breach:
        dut.i__valid.value, dut.i__payload.value, dut.o__ready.value = player.drive()
        await ReadOnly()
        valid = bool(dut.o__valid.value)
        payload = dut.o__payload.value.to_unsigned() if valid else 0
        try:
            player.see(bool(dut.i__ready.value), valid, payload)
        except RuntimeError as error:
            breach = str(error)
        await RisingEdge(dut.clk)
    answer = {"out": [f"{word:x}" for word in player.out], "breach": breach}
    (path.parent / "out.json").write_text(json.dumps(answer))
