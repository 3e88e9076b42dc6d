"""A Verilated model with its driver as a shared library: how it is built, and how it is called."""

import ctypes
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tapeout.hdl.flow.gateware import Port, Stream
from tapeout.sim.bench import models
from tapeout.sim.bench.outline import Outline, outlined
from tapeout.sim.bench.simulators import READY, program, verilator, version

DRIVER = Path(__file__).with_name("driver.cc")
COVERAGE = {"line": ["line"], "toggle": ["toggle"], "both": ["line", "toggle"]}
#: Name -> what it takes, after the bench, and what it returns; see `driver.cc`.
U64, SIZE, AT = ctypes.c_uint64, ctypes.c_size_t, ctypes.c_void_p
CALLS = {
    "open": ([AT, ctypes.c_double, U64, U64, ctypes.c_int], AT),
    "close": ([AT], None),
    "set": ([AT, SIZE, AT], None),
    "get": ([AT, SIZE, AT], None),
    "feed": ([AT, SIZE, AT, AT, SIZE], None),
    "again": ([AT, U64], None),
    "reset": ([AT], None),
    "run": ([AT, U64], ctypes.c_int),
    "cycle": ([AT], U64),
    "sent": ([AT], U64),
    "taken": ([AT, SIZE], U64),
    "given": ([AT, SIZE], U64),
    "input": ([AT, SIZE, AT], None),
    "output": ([AT, SIZE, AT, AT, AT], None),
    "breach": ([AT, SIZE, AT, AT], ctypes.c_int),
    "coverage": ([AT, ctypes.c_char_p], None),
}


@dataclass(frozen=True)
class Library:
    """The functions of `driver.cc`, and what stands at which place in its lists."""

    kind: str
    file: ctypes.CDLL
    inputs: list[tuple[str, Stream]]
    outputs: list[tuple[str, Stream]]
    others: list[Port]

    def call(self, name: str, *arguments: Any) -> Any:
        """Call one of `CALLS`."""
        function = getattr(self.file, f"bench_{name}")
        function.argtypes, function.restype = CALLS[name]
        return function(*arguments)

    def open(
        self, state: ctypes.Array[ctypes.c_uint32], pause: float, calm: int, most: int, asked: bool
    ) -> int:
        """A bench with its model after power-up; `settings` as the component has them."""
        bench = int(self.call("open", ctypes.addressof(state), pause, calm, most, asked))
        self.set(bench, {port.name: port.init for port in self.others if port.flow == "in"})
        return bench

    def feed(
        self, bench: int, name: str, rows: np.ndarray[Any, Any], due: np.ndarray[Any, Any] | None
    ) -> tuple[Any, Any]:
        """Give an input its words; what is returned must live as long as the bench plays."""
        place = [known for known, _ in self.inputs].index(name)
        rows = np.ascontiguousarray(rows, "<u4")
        times = None if due is None else np.ascontiguousarray(due, np.uint64)
        at = None if times is None else times.ctypes.data
        self.call("feed", bench, place, rows.ctypes.data, at, len(rows))
        return rows, times

    def set(self, bench: int, settings: Mapping[str, int]) -> None:
        """Set plain inputs."""
        for place, port in enumerate(self.others):
            if port.name in settings:
                value = settings[port.name].to_bytes(_bytes(port.width), "little")
                self.call("set", bench, place, value)

    def plain(self, bench: int) -> dict[str, int]:
        """What the plain outputs say."""
        said = {}
        for place, port in enumerate(self.others):
            value = ctypes.create_string_buffer(_bytes(port.width))
            self.call("get", bench, place, value)
            if port.flow == "out":
                said[port.name] = int.from_bytes(value.raw, "little")
        return said

    def check(
        self,
        rows: Mapping[str, np.ndarray[Any, Any]],
        due: Mapping[str, np.ndarray[Any, Any]],
        settings: Mapping[str, int],
    ) -> None:
        """Refuse what is not the component's.

        Raises
        ------
        ValueError
            "rows must name input streams of Decoder (i); got ii"
            "rows of i must be (N, 7); got (3, 8)"
            "due must give a cycle to each of 3 words of i; got 2"
        """
        plain = [port.name for port in self.others if port.flow == "in"]
        for what, given, known in (
            ("rows must name input streams", rows, [name for name, _ in self.inputs]),
            ("due must name streams in `rows`", due, list(rows)),
            ("settings must name plain inputs", settings, plain),
        ):
            if wrong := [name for name in given if name not in known]:
                listed = ", ".join(known) or "it has none"
                raise ValueError(f"{what} of {self.kind} ({listed}); got {', '.join(wrong)}")
        for name, stream in self.inputs:
            words, wide = rows.get(name), stride(stream.width)
            if words is not None and (words.ndim != 2 or words.shape[1] != wide):
                raise ValueError(f"rows of {name} must be (N, {wide}); got {words.shape}")
            if name in due and len(due[name]) != len(rows[name]):
                raise ValueError(
                    f"due must give a cycle to each of {len(rows[name])} words of {name};"
                    f" got {len(due[name])}"
                )


def library(component: Any, coverage: str | None, build: Path | None) -> Library:
    """Compile a component, or the outline of one; or load what was compiled before."""
    if (state := verilator()) != READY:
        raise RuntimeError(state)
    if coverage not in (None, *COVERAGE):
        raise RuntimeError(f"coverage must be one of {', '.join(COVERAGE)}; got {coverage!r}")
    outline = component if isinstance(component, Outline) else outlined(component)

    def make(folder: Path) -> None:
        (folder / "top.sv").write_text(outline.source)
        (folder / "ports.h").write_text(_header(outline.streams, outline.others))
        _compile(folder, coverage)

    made_of = [version("verilator"), DRIVER.read_text(), str(coverage), outline.source]
    with models.kept(build, "compiled", made_of, make) as folder:
        file = ctypes.CDLL(str(folder / "model.so"))
    return Library(
        outline.kind,
        file,
        [(one.name, one) for one in outline.streams if one.flow == "in"],
        [(one.name, one) for one in outline.streams if one.flow == "out"],
        outline.others,
    )


def _compile(folder: Path, coverage: str | None) -> None:
    """Verilog to C++, and all of it to one library: without Verilator's makefiles, which split."""
    options = ["--cc", "--top-module", "top", "-Wno-fatal", "-O3", "--output-split", "0"]
    options += [f"--coverage-{kind}" for kind in COVERAGE.get(coverage or "", [])]
    command = [str(program("verilator")), *options, "--Mdir", str(folder), str(folder / "top.sv")]
    models.run(command, "verilator", "translate", folder / "Vtop.h")
    _link(folder, _include(folder), coverage is not None)
    for path in folder.glob("Vtop*"):
        path.unlink()


def _link(folder: Path, include: Path, coverage: bool) -> None:
    """Each file to an object, two at a time, and all to one library.

    What runs once is not worth compiling well, nor what counts: compiling takes longer then.
    """
    runtime = ["verilated.cpp", "verilated_threads.cpp", *(["verilated_cov.cpp"] * coverage)]
    files = [*sorted(folder.glob("*.cpp"), key=_bytes_of), *(include / name for name in runtime)]
    options = [
        *("-fPIC", "-std=gnu++17", "-w", "-pthread", f"-DVM_COVERAGE={int(coverage)}"),
        *(f"-DVM_{what}=0" for what in ("SC", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")),
        *("-I", str(folder), "-I", str(include), "-I", str(include / "vltstd")),
    ]

    def made(file: Path) -> Path:
        at = folder / f"Vtop_{file.stem}.o"
        level = "-O0" if coverage or "Slow" in file.name else "-O1"
        command = ["c++", level, *options, "-c", str(file), "-o", str(at)]
        models.run(command, "verilator", "compile", at)
        return at

    with ThreadPoolExecutor(2) as beside:
        objects = [str(one) for one in beside.map(made, [DRIVER, *files])]
    command = ["c++", "-shared", *objects, "-pthread", "-o", str(folder / "model.so")]
    models.run(command, "verilator", "link", folder / "model.so")


def _bytes_of(file: Path) -> int:
    """The largest first."""
    return -file.stat().st_size


def _include(folder: Path) -> Path:
    """Where this Verilator keeps its C++: its own makefile says so."""
    for line in (folder / "Vtop.mk").read_text().splitlines():
        if line.startswith("VERILATOR_ROOT ="):
            return Path(line.partition("=")[2].strip()) / "include"
    raise RuntimeError("Vtop.mk must say VERILATOR_ROOT, and does not")


def _header(found: list[Stream], others: list[Port]) -> str:
    """`ports.h`: the model's ports under the names that Verilator gives them."""
    lines = ['#include "Vtop.h"', "#define MODEL Vtop", "#define PORTS \\"]
    for stream in found:
        parts = (f"{stream.name}___05F{part}" for part in ("payload", "valid", "ready"))
        side = "INPUT" if stream.flow == "in" else "OUTPUT"
        lines.append(f"    {side}({', '.join(parts)}) \\")
    lines += [f"    PLAIN({port.name.replace('__', '___05F')}) \\" for port in others]
    return "\n".join([*lines, "", ""])


def stride(width: int) -> int:
    """32-bit words that hold so many bits."""
    return -(-width // 32)


def _bytes(width: int) -> int:
    """What a port takes in Verilator's C++: 1, 2, 4, 8, then whole 32-bit words."""
    return next((size for size in (1, 2, 4, 8) if width <= 8 * size), 4 * stride(width))
