"""A component seen from outside: its ports and streams, as RTLIL and as Verilog."""

import re
from typing import Any, NamedTuple

from amaranth.back import rtlil, verilog
from amaranth.hdl import Const, Shape
from amaranth.lib import data, stream
from amaranth.lib.wiring import In

#: Rows of a memory that start as zero, one line a row, as Yosys writes them.
ZERO_ROWS = re.compile(r"^ *(\S+ ?)\[\d+\] = \d+'h0+;\n(?: *\1\[\d+\] = \d+'h0+;\n)+", re.MULTILINE)


class Field(NamedTuple):
    """A named part of a port: its lowest bit and how many there are."""

    name: str
    low: int
    width: int


class Port(NamedTuple):
    """One port of the Verilog module; `member` is the component's member that it belongs to."""

    name: str
    flow: str  # "in" or "out"
    width: int
    member: str
    init: int
    fields: tuple[Field, ...]


class Stream(NamedTuple):
    """A stream at the border: its ports are `name__payload`, `name__valid`, `name__ready`."""

    name: str
    flow: str
    width: int


def ports(component: Any) -> list[Port]:
    """Every port that the component's signature names, in its order; clock and reset come on top.

    Raises
    ------
    ValueError
        "a stream at the pins must be able to wait; i.ready of Decoder is fixed at 1"
    """
    found = []
    for path, member, value in component.signature.flatten(component):
        if isinstance(value, Const):
            raise ValueError(
                f"a stream at the pins must be able to wait; {'.'.join(map(str, path))} of"
                f" {type(component).__name__} is fixed at {value.value}"
            )
        flow, shape = "in" if member.flow == In else "out", Shape.cast(member.shape)
        init = Const.cast(value.as_value().init if hasattr(value, "as_value") else value.init)
        name = "__".join(map(str, path))
        found.append(Port(name, flow, shape.width, str(path[0]), init.value, _fields(member.shape)))
    return found


def streams(component: Any) -> dict[str, Stream]:
    """Name -> stream, of the streams among the component's own members, in their order."""
    return {
        name: Stream(
            name,
            "in" if member.flow == In else "out",
            Shape.cast(member.signature.members["payload"].shape).width,
        )
        for name, member in component.signature.members.items()
        if member.is_signature and isinstance(member.signature, stream.Signature)
    }


def settings(component: Any) -> dict[str, int]:
    """Name -> value after power-up, of the plain inputs."""
    inside = {f"{name}__{part}" for name in streams(component) for part in ("payload", "valid")}
    inside |= {f"{name}__ready" for name in streams(component)}
    return {p.name: p.init for p in ports(component) if p.flow == "in" and p.name not in inside}


def as_rtlil(component: Any, name: str = "top") -> str:
    """The component in Yosys' own language."""
    return rtlil.convert(component, name=name, emit_src=False)


def as_verilog(component: Any, name: str = "top") -> str:
    """The component as Verilog, without the comments that tell this machine's paths.

    `always @*` waits for a change: what depends on registers that still hold their first value
    would stay unknown in Icarus. `always_comb` runs once at the start. Memories that start as zero
    are set in a loop: a line for each row takes compilers minutes.

    Raises
    ------
    RuntimeError
        "Yosys cannot write the component as Verilog: ..."
    """
    try:
        source = verilog.convert(component, name=name, strip_internal_attrs=True)
    except verilog.YosysError as error:
        raise RuntimeError(f"Yosys cannot write the component as Verilog: {error}") from error
    return rows_as_loops(str(source).replace("always @*", "always_comb"))


def rows_as_loops(source: str) -> str:
    """The Verilog with each run of memory rows that start as zero set in a loop."""

    def loop(run):
        rows = [int(line.partition("[")[2].partition("]")[0]) for line in run[0].splitlines()]
        if rows != list(range(rows[0], rows[-1] + 1)):
            return run[0]
        return (
            f"    for (int row = {rows[0]}; row <= {rows[-1]}; row = row + 1) {run[1]}[row] = '0;\n"
        )

    return ZERO_ROWS.sub(loop, source)


def _fields(shape):
    """The fields of a struct, nested ones by their path; none of a plain number."""
    if not isinstance(shape, data.Layout) and not hasattr(shape, "as_shape"):
        return ()
    try:
        layout = data.Layout.cast(shape)
    except TypeError:
        return ()
    found = []
    for name, field in layout:
        inner = _fields(field.shape) if isinstance(layout, data.StructLayout) else ()
        found += [Field(f"{name}.{f.name}", field.offset + f.low, f.width) for f in inner] or [
            Field(str(name), field.offset, Shape.cast(field.shape).width)
        ]
    return tuple(found)
