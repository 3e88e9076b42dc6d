"""The cocotb side of `tapeout.sim.engine.play`: the job comes in a file, so does the answer."""

import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge


@cocotb.test()
async def play(dut):
    """Send the job's words into `i`, collect what leaves `o`; both sides pause at random."""
    path = Path(os.environ["TAPEOUT_JOB"])
    job, out = json.loads(path.read_text()), []
    words, pause = [int(word, 16) for word in job["words"]], job["pause"]
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    dut.rst.value, dut.i__valid.value, dut.o__ready.value = 1, 0, 0
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0

    sent, offered = 0, False
    for _ in range(job["cycles"]):
        if len(out) == job["expect"]:
            break
        if not offered and sent < len(words) and random.random() >= pause:
            dut.i__payload.value = words[sent]
            offered = True
        ready = random.random() >= pause
        dut.i__valid.value, dut.o__ready.value = offered, ready
        await ReadOnly()
        taken = offered and bool(dut.i__ready.value)
        if ready and dut.o__valid.value:
            out.append(f"{dut.o__payload.value.to_unsigned():x}")
        await RisingEdge(dut.clk)
        if taken:
            sent, offered = sent + 1, False
    (path.parent / "out.json").write_text(json.dumps(out))
