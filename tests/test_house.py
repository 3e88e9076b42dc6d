"""The house rules, as code: four folders are one package, imports go down, files stay small."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tapeout
from tapeout.map import house_map

ROOT = Path(__file__).parents[1]
ROOMS = {
    "host": "tapeout",
    "kernels": "tapeout.kernels",
    "hdl": "tapeout.hdl",
    "sim": "tapeout.sim",
}
#: Each name may import itself and what stands below it in this list; names on a line are strangers.
FLOORS = [
    ["tapeout.__main__"],
    ["tapeout.cli"],
    ["tapeout.service"],
    ["tapeout.web"],
    ["tapeout.walk"],
    ["tapeout.factors", "tapeout.risk"],
    ["tapeout.feed"],
    ["tapeout.market", "tapeout.device", "tapeout.map"],
    ["tapeout.clock"],
    ["tapeout.units", "tapeout.files", "tapeout.log", "tapeout.meter", "tapeout.progress"],
    ["tapeout.errors"],
    ["tapeout.sim"],
    ["tapeout.kernels", "tapeout.hdl"],
]
#: What crosses the pins: plain tables that every room may read.
TABLES = "layout"
#: Only these know Amaranth or cocotb; the golden models run without.
GATEWARE = {"amaranth": ("gateware", "engine"), "cocotb": ("stream",), "cocotb_tools": ("runner",)}

LONGEST_FILE, LONGEST_FUNCTION, FULLEST_FOLDER = 300, 40, 12

pytestmark = pytest.mark.skipif(
    not (ROOT / "setup.py").exists(), reason="the sources are not beside the tests"
)


def modules():
    for folder, package in ROOMS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield path, ".".join([package, *(part for part in parts if part != "__init__")])


MODULES = [pytest.param(*pair, id=pair[1]) for pair in modules()]


def floor(module):
    for level, names in enumerate(FLOORS):
        for name in names:
            if module == name or module.startswith(name + "."):
                return level, name
    return None


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


@pytest.mark.parametrize(("path", "module"), MODULES)
def test_imports_go_down(path, module):
    if module == "tapeout":
        return  # the front door imports lazily, by name
    here = floor(module)
    assert here is not None, f"{module} stands on no floor; add it to FLOORS"
    for line, target in imports(path):
        there = floor(target)
        if there is None or target.endswith("." + TABLES):
            continue
        assert there[0] > here[0] or there[1] == here[1], (
            f"{path.name}:{line}: {module} may not import {target}"
        )


@pytest.mark.parametrize(("path", "module"), MODULES)
def test_only_gateware_and_its_benches_know_an_hdl(path, module):
    for line, target in imports(path):
        allowed = GATEWARE.get(target.partition(".")[0])
        assert allowed is None or path.stem in allowed, f"{path.name}:{line} imports {target}"


@pytest.mark.parametrize(("path", "module"), MODULES)
def test_files_and_functions_stay_small(path, module):
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE, f"{path} is too long: split it along its nouns"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1:2] if ast.get_docstring(node) else node.body[:1]
            lines = node.end_lineno - first[0].lineno + 1 if first else 0
            assert lines <= LONGEST_FUNCTION, f"{path}: {node.name} has {lines} lines"


@pytest.mark.parametrize("folder", ROOMS)
def test_folders_stay_small(folder):
    for inside in [ROOT / folder, *(ROOT / folder).rglob("*/")]:
        files = [file for file in inside.glob("*.py") if file.name != "__init__.py"]
        assert len(files) <= FULLEST_FOLDER, f"{inside} holds {len(files)} files"


@pytest.mark.parametrize(("path", "module"), MODULES)
def test_every_module_says_its_idea_in_one_line(path, module):
    assert house_map()[module].endswith("."), f"{path}: the first line is its line in the map"


@pytest.mark.parametrize("folder", ROOMS)
def test_rooms_answer_to_one_name(folder):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, '.'); import {folder}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert f"the folder {folder}/ is the package {ROOMS[folder]}, not {folder}" in done.stderr


def test_exported_names_exist_and_hide_no_module():
    below = {path.stem for path in (ROOT / "host").iterdir()}
    for name in tapeout.__all__:
        assert getattr(tapeout, name) is not None
        assert name not in below, f"tapeout.{name} is a module already"


def test_an_unknown_name_is_refused_by_name():
    with pytest.raises(AttributeError, match="module 'tapeout' has no attribute 'nothing'"):
        _ = tapeout.nothing
