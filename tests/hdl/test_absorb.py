"""Registers behind block RAM move into it only where nothing else can tell the difference."""

import copy

import pytest

from tapeout.hdl.flow.absorb import absorb


def cell(kind, inputs, outputs, **parameters):
    return {
        "type": kind,
        "parameters": parameters,
        "port_directions": dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output"),
        "connections": {name: [net] for name, net in (inputs | outputs).items()},
    }


def netlist():
    """A block RAM of one used output (net 2), the register behind it (net 3), and a pin."""
    ram = cell("DP16KD", {"CLKB": 1}, {"DOB0": 2, "DOB1": 9}, REGMODE_A="NOREG", REGMODE_B="NOREG")
    register = cell("TRELLIS_FF", {"CLK": 1, "DI": 2}, {"Q": 3}, CEMUX="1")
    ports = {"o": {"direction": "output", "bits": [3]}}
    return {"modules": {"top": {"cells": {"ram": ram, "register": register}, "ports": ports}}}


def test_a_plain_register_moves_into_the_block_ram():
    found = netlist()
    assert absorb(found) == 1
    cells = found["modules"]["top"]["cells"]
    assert list(cells) == ["ram"]
    assert cells["ram"]["connections"]["DOB0"] == [3]
    assert cells["ram"]["parameters"]["REGMODE_B"] == "OUTREG"
    assert cells["ram"]["connections"]["OCEB"] == ["1"]


def test_it_moves_where_the_block_ram_has_one_port():
    found = netlist()
    ram = found["modules"]["top"]["cells"]["ram"]
    ram["connections"] = {"CLKA": [1], "CLKB": ["0"], "DOA0": [2], "DOA1": [9]}
    ram["port_directions"] = {"CLKA": "input", "CLKB": "input", "DOA0": "output", "DOA1": "output"}
    assert absorb(found) == 1
    assert ram["connections"]["DOA0"] == [3]
    assert ram["parameters"]["REGMODE_A"] == "OUTREG"


def _enable(top):
    top["cells"]["register"]["parameters"]["CEMUX"] = "CE"


def _reset(top):
    top["cells"]["register"]["connections"]["LSR"] = [7]
    top["cells"]["register"]["port_directions"]["LSR"] = "input"


def _clock(top):
    top["cells"]["register"]["connections"]["CLK"] = [8]


def _reader(top):
    top["cells"]["other"] = cell("LUT4", {"A": 2}, {"Z": 5})


def _pin(top):
    top["ports"]["o"]["bits"].append(2)


@pytest.mark.parametrize("differs", [_enable, _reset, _clock, _reader, _pin])
def test_it_stays_where_it_is_not_the_same(differs):
    found = netlist()
    differs(found["modules"]["top"])
    before = copy.deepcopy(found)
    assert absorb(found) == 0
    assert found == before
