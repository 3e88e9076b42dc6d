"""Plays streams through a component, on whichever engine is here, and returns what came out.

Engines differ in speed and in what they prove, never in what a test says:

* ``verilator``  cocotb on the generated Verilog, compiled to C++
* ``icarus``     cocotb on the generated Verilog, interpreted
* ``amaranth``   Amaranth's own simulator, in Python

`tapeout.sim.bench.compiled` plays as these do, without Python in the loop.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tapeout.sim.bench.models import cocotb_step, kept
from tapeout.sim.bench.player import PATIENCE, Player
from tapeout.sim.bench.simulators import READY, engines, version

__all__ = ["PAUSE", "READY", "engines", "play", "play_streams", "watch"]

PAUSE = 0.3  # chance that either side pauses in a cycle
#: cocotb makes Verilator show all that is inside; the ports are all that is played.
BUILD_ARGS = {
    "verilator": ["-Wno-fatal", "-O3", "--no-public-flat-rw", "--output-split", "0"],
    "icarus": ["-g2012"],
}

#: What all ports of a component say in one cycle, by the names they have in Verilog.
Cycle = dict[str, int]


def play(
    component: Any,
    words: Sequence[int],
    *,
    engine: str,
    seed: int = 7,
    pause: float = PAUSE,
    build: Path | None = None,
) -> list[int]:
    """Send `words` into stream `i` of `component` and collect payloads from its stream `o`.

    Both sides pause at random, from `seed` and the same on every engine, so a missing `ready`
    shows. Playing ends when nothing has moved for some time: a word too many is seen as well as
    one too few. `build` is where compiled models are kept between runs.

    Raises
    ------
    RuntimeError
        If the engine is not ready, or fails, or the component breaks the rules of a stream.
    """
    return play_streams(
        component, {"i": words}, engine=engine, seed=seed, pause=pause, build=build
    )["o"]


def play_streams(
    component: Any,
    words: Mapping[str, Sequence[int]],
    *,
    engine: str,
    settings: Mapping[str, int] | None = None,
    seed: int = 7,
    pause: float = PAUSE,
    patience: int = PATIENCE,
    build: Path | None = None,
    wave: Path | None = None,
) -> dict[str, list[int]]:
    """Send words into the input streams of `component`; collect those of every output stream.

    Parameters
    ----------
    component : wiring.Component
        With one clock. Its streams are members of its own, not of an interface inside.
    words : name -> payloads
        Of each input stream, lowest bits first; a stream that is not named stays silent.
    engine : str
        See the module.
    settings : name -> value, optional
        Of plain inputs, from reset to the end; the others keep their first value.
    seed : int
        Of the pauses. In each cycle the streams draw in the order of the signature.
    pause : float
        Chance that an end pauses in a cycle.
    patience : int
        Cycles without pauses in which nothing moves before playing ends: more where a component
        sweeps its memories after reset.
    build : Path, optional
        Where compiled models are kept between runs.
    wave : Path, optional
        Where Amaranth's simulator writes a waveform (VCD) of every signal.

    Returns
    -------
    name -> payloads
        Of each output stream, in the order of the signature.

    Raises
    ------
    RuntimeError
        If the engine is not ready, or fails, or the component breaks the rules of a stream.
    ValueError
        "words must name input streams of Decoder (i); got ii"
    """
    states = engines()
    state = states.get(engine, f"engine must be one of {', '.join(states)}; got {engine!r}")
    if state != READY:
        raise RuntimeError(state)
    inputs, outputs, fixed = borders(component, words, settings or {})
    if engine == "amaranth":
        player = Player(inputs, outputs, seed=seed, pause=pause, patience=patience)
        return _amaranth(component, player, fixed, wave=wave)
    job = {
        "words": {name: [f"{word:x}" for word in sent] for name, sent in inputs.items()},
        "outputs": outputs,
        "settings": fixed,
        "player": {"seed": seed, "pause": pause, "patience": patience},
    }
    return _cocotb(component, job, engine, build)


def watch(
    component: Any,
    words: Mapping[str, Sequence[int]],
    cycles: int,
    *,
    driven: Mapping[str, Sequence[int]] | None = None,
) -> list[Cycle]:
    """What every port says in the first `cycles` cycles, nobody pausing, on Amaranth's simulator.

    Outputs are ready from the start: a drawing shows the component, not our patience. `driven` are
    values of plain inputs, one a cycle; the last stays.
    """
    driven = driven or {}
    inputs, outputs, fixed = borders(component, words, dict.fromkeys(driven, 0))
    seen = list[Cycle]()
    player = Player(inputs, outputs, seed=0, pause=0.0, patience=cycles, asked=True)

    def see(cycle: Cycle) -> bool:
        seen.append(cycle)
        return len(seen) < cycles

    _amaranth(component, player, fixed, see, driven=driven)
    return seen


def borders(
    component: Any, words: Mapping[str, Sequence[int]], settings: Mapping[str, int]
) -> tuple[dict[str, Sequence[int]], list[str], dict[str, int]]:
    """Words of every input stream, names of the output streams, values of all plain inputs."""
    from tapeout.hdl.flow.gateware import settings as plain
    from tapeout.hdl.flow.gateware import streams

    found, kind = streams(component), type(component).__name__
    inputs = [name for name, stream in found.items() if stream.flow == "in"]
    fixed = plain(component)
    for what, given, known in (
        ("words must name input streams", words, inputs),
        ("settings must name plain inputs", settings, list(fixed)),
    ):
        if wrong := [name for name in given if name not in known]:
            raise ValueError(
                f"{what} of {kind} ({', '.join(known) or 'it has none'}); got {', '.join(wrong)}"
            )
    outputs = [name for name, stream in found.items() if stream.flow == "out"]
    return {name: words.get(name, ()) for name in inputs}, outputs, fixed | dict(settings)


def _amaranth(
    component: Any,
    player: Player,
    settings: Mapping[str, int],
    see: Callable[[Cycle], bool] | None = None,
    wave: Path | None = None,
    driven: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, list[int]]:
    from amaranth.hdl import Value
    from amaranth.sim import Simulator

    bits = {
        "__".join(map(str, path)): Value.cast(value)
        for path, _, value in component.signature.flatten(component)
    }

    async def bench(ctx: Any) -> None:
        for name, value in settings.items():
            ctx.set(bits[name], value)
        go_on, at = True, 0
        while go_on and not player.done:
            offered, ready = player.drive()
            for name, values in (driven or {}).items():
                ctx.set(bits[name], values[min(at, len(values) - 1)])
            at += 1
            for name, word in offered.items():
                ctx.set(bits[f"{name}__valid"], word is not None)
                ctx.set(bits[f"{name}__payload"], word or 0)
            for name, one in ready.items():
                ctx.set(bits[f"{name}__ready"], one)
            _, _, *said = await ctx.tick().sample(*bits.values())
            cycle = dict(zip(bits, said, strict=True))
            player.see(
                {name: bool(cycle[f"{name}__ready"]) for name in offered},
                {n: cycle[f"{n}__payload"] if cycle[f"{n}__valid"] else None for n in ready},
            )
            go_on = see is None or see(cycle)

    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    with simulator.write_vcd(str(wave)) if wave else nullcontext():
        simulator.run()
    return player.out


def _cocotb(
    component: Any, job: dict[str, Any], engine: str, build: Path | None
) -> dict[str, list[int]]:
    """Play through the generated Verilog, in a process of its own."""
    from cocotb_tools.config import libs_dir

    from tapeout.hdl.flow.gateware import as_verilog, ports

    source = as_verilog(component)
    names = ["clk", "rst", *(port.name for port in ports(component))]
    shown = [f'public_flat_rw -module "top" -var "{name}"\n' for name in names]

    def make(folder: Path) -> None:
        (folder / "top.sv").write_text(source)
        (folder / "top.vlt").write_text("".join(["`verilator_config\n", *shown]))
        cocotb_step("build", engine, folder)

    # A model is linked to one cocotb, made by one simulator with one set of options.
    options = [*BUILD_ARGS[engine], *shown]
    made_of = [engine, version(engine), *options, sys.version, str(libs_dir), source]
    with kept(build, engine, made_of, make) as built, tempfile.TemporaryDirectory() as run:
        answer = Path(run, "out.json")
        Path(run, "job.json").write_text(json.dumps(job | {"built": str(built)}))
        cocotb_step("test", engine, Path(run), answer)
        told = json.loads(answer.read_text())
    if told["breach"]:
        raise RuntimeError(told["breach"])
    return {name: [int(word, 16) for word in out] for name, out in told["out"].items()}
