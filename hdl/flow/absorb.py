"""Registers right behind a block RAM become its own: ECP5 has them, and Yosys does not use them.

A word leaves a DP16KD late in the cycle; one whose `REGMODE` is "OUTREG" shows early in the next
cycle what the fabric register would have held.
"""

from collections import defaultdict
from typing import Any

OUTPUTS = ("DOA", "DOB")
Cells = dict[str, dict[str, Any]]
Sinks = dict[int, list[tuple[str | None, str]]]


def absorb(netlist: dict[str, Any], top: str = "top") -> int:
    """Move them, in a netlist of Yosys' JSON; how many block RAMs took theirs.

    A block RAM takes them if each of its outputs that is used leads to one register and to nothing
    else, and these have its clock, no enable and no reset. Where it reads and writes through one
    port, that is the only one with a clock.
    """
    module = netlist["modules"][top]
    cells: Cells = module["cells"]
    sinks, taken = _sinks(module), 0
    for ram in [cell for cell in cells.values() if cell["type"] == "DP16KD"]:
        found = _registers(ram, cells, sinks)
        if not found:
            continue
        for port, name in found.items():
            ram["connections"][port] = cells.pop(name)["connections"]["Q"]
        for side in "AB":
            ram["parameters"][f"REGMODE_{side}"] = "OUTREG"
            ram["connections"][f"OCE{side}"] = ["1"]
        taken += 1
    return taken


def _sinks(module: dict[str, Any]) -> Sinks:
    """Who reads each net: (cell, port), or (None, port) of the module's own."""
    sinks: Sinks = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "output":
                for bit in bits:
                    sinks[bit].append((name, port))
    for name, port in module["ports"].items():
        if port["direction"] == "output":
            for bit in port["bits"]:
                sinks[bit].append((None, name))
    return sinks


def _registers(ram: dict[str, Any], cells: Cells, sinks: Sinks) -> dict[str, str]:
    """Output port -> the register behind it; empty if one of them must stay where it is."""
    found = dict[str, str]()
    for port in [name for name in ram["connections"] if name.startswith(OUTPUTS)]:
        readers = sinks[ram["connections"][port][0]]
        if not readers:
            continue
        name, pin = readers[0]
        if len(readers) > 1 or name is None or pin != "DI" or not _plain(cells[name], ram):
            return {}
        found[port] = name
    return found


def _clock(ram: dict[str, Any]) -> list[Any]:
    """The clock that words leave with."""
    other, found = ram["connections"].get("CLKA", ["0"]), ram["connections"]["CLKB"]
    return list(other if isinstance(found[0], str) else found)


def _plain(cell: dict[str, Any], ram: dict[str, Any]) -> bool:
    """Whether a cell is a register that takes its input in every cycle of the block RAM's clock."""
    return bool(
        cell["type"] == "TRELLIS_FF"
        and cell["parameters"]["CEMUX"].strip() == "1"
        and cell["connections"].get("LSR", ["0"]) == ["0"]
        and cell["connections"]["CLK"] == _clock(ram)
    )
