"""What an integrator needs of a component's border: each port, what it means, and its fields."""

import csv
import inspect
import io
import re
from typing import Any

from tapeout.hdl.flow.gateware import Port, ports, streams

CONTROL = {"clk": "the one clock; all ports belong to it", "rst": "synchronous reset, active high"}
PARTS = {"valid": "a word is offered", "ready": "the word offered is taken in this cycle"}


def meanings(component: Any) -> dict[str, str]:
    """Member -> what the component's docstring says of it under "Members"."""
    text = inspect.getdoc(type(component)) or ""
    _, _, text = text.partition("Members\n-------\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.splitlines():
        if line.startswith("    "):
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
        elif names := _named(line):
            found |= dict.fromkeys(names, "")
        elif line.strip():
            break
    return found


def _named(line: str) -> list[str]:
    """The members that a line names, as in "a, b : In(8), c : Out(1)" or "listen, learn"."""
    if re.fullmatch(r"\w+(, \w+)*", line):
        return line.split(", ")
    heads: list[str] = re.findall(r"\w+(?:, \w+)*(?= : )", line)
    return [name for head in heads for name in head.split(", ")]


def rows(component: Any) -> list[tuple[str, str, int, str]]:
    """Name, direction, width and meaning of every port, clock and reset first."""
    said, inside = meanings(component), streams(component)
    table = [(name, "in", 1, meaning) for name, meaning in CONTROL.items()]
    for port in ports(component):
        part = port.name.rpartition("__")[2]
        control = PARTS.get(part) if port.member in inside else None
        table.append((port.name, port.flow, port.width, control or said.get(port.member, "")))
    return table


def as_csv(component: Any) -> str:
    """The ports as CSV, for programs."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("name", "direction", "width", "meaning"))
    writer.writerows(rows(component))
    return out.getvalue()


def as_markdown(component: Any, name: str) -> str:
    """The ports, and the fields of each that has some, for people."""
    lines = [
        f"# Ports of {name}",
        "",
        "| port | direction | bits | meaning |",
        "|---|---|---:|---|",
    ]
    lines += [f"| `{n}` | {flow} | {width} | {said} |" for n, flow, width, said in rows(component)]
    for port in ports(component):
        if port.fields:
            lines += ["", *_fields(port)]
    return "\n".join([*lines, ""])


def _fields(port: Port) -> list[str]:
    head = [f"## Fields of `{port.name}`", "", "| field | bits | width |", "|---|---|---:|"]
    return head + [
        f"| {field.name} | [{field.low + field.width - 1}:{field.low}] | {field.width} |"
        for field in port.fields
    ]
