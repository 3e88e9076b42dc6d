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
    ["tapeout.factors", "tapeout.risk", "tapeout.compliance"],
    ["tapeout.journal"],
    ["tapeout.feed", "tapeout.card"],
    ["tapeout.market", "tapeout.prices", "tapeout.device", "tapeout.map"],
    ["tapeout.clock"],
    [
        "tapeout.units",
        "tapeout.files",
        "tapeout.ahead",
        "tapeout.log",
        "tapeout.meter",
        "tapeout.progress",
    ],
    ["tapeout.errors"],
    ["tapeout.sim"],
    ["tapeout.kernels", "tapeout.hdl"],
]
#: What crosses the pins: plain tables that every room may read.
TABLES = "layout"
#: Only these know Amaranth or cocotb; the golden models run without.
GATEWARE = {
    "amaranth": ("gateware", "engine", "world", "witness"),
    "cocotb": ("stream",),
    "cocotb_tools": ("runner", "engine"),
}

#: All that the inside may read from the front door; the rest of it leads to the top.
FRONT_DOOR = {"tapeout.__version__"}

LONGEST_FILE, LONGEST_FUNCTION, FULLEST_FOLDER = 300, 40, 12
DEEPEST = 3  # room/topic/file

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


def imports(source):
    """Line and full name of what is imported; what `import tapeout` is for is told by its uses."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "tapeout":
            yield from ((node.lineno, f"tapeout.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                renamed = alias.name == "tapeout" and alias.asname
                yield node.lineno, f"tapeout as {renamed}" if renamed else alias.name
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "tapeout":
            yield node.lineno, f"tapeout.{node.attr}"


def climbs(source, module):
    """What this module imports from above, from a stranger, or by a name that hides from where."""
    level, name = floor(module)
    for line, target in imports(source):
        ours = target.startswith((".", "tapeout.", "tapeout as "))
        if not ours or target in FRONT_DOOR or target.endswith("." + TABLES):
            continue
        there = floor(target)
        if there is None or (there[0] <= level and there[1] != name):
            yield f"{line}: {module} may not import {target}"


def too_long(source):
    """What of a source is over its budget of lines; a function's docstring is not counted."""
    if source.count("\n") > LONGEST_FILE:
        yield "the file is too long: split it along its nouns"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1:2] if ast.get_docstring(node) else node.body[:1]
            lines = node.end_lineno - first[0].lineno + 1 if first else 0
            if lines > LONGEST_FUNCTION:
                yield f"{node.name} has {lines} lines"


@pytest.mark.parametrize(("path", "module"), MODULES)
def test_imports_go_down(path, module):
    if module == "tapeout":
        return  # the front door imports lazily, by name
    assert floor(module) is not None, f"{module} stands on no floor; add it to FLOORS"
    assert list(climbs(path.read_text(), module)) == []


@pytest.mark.parametrize(
    ("module", "source", "target"),
    [
        ("kernels.x", "from tapeout import device", "tapeout.device"),
        ("kernels.x", "from tapeout.device import devices", "tapeout.device"),
        ("kernels.x", "def late():\n    import tapeout.device", "tapeout.device"),
        ("kernels.x", "import tapeout\ntapeout.devices()", "tapeout.devices"),
        ("kernels.x", "import tapeout as house", "tapeout as house"),
        ("kernels.x", "from ..device import devices", "..device"),
        ("kernels.x", "from tapeout.hdl.itch.model import decode", "tapeout.hdl.itch.model"),
        ("sim.x", "from tapeout.errors import DataError", "tapeout.errors"),
        ("market.x", "from tapeout import __version__, Tape", "tapeout.Tape"),
        ("feed.x", "from tapeout import *", "tapeout.*"),
        ("risk.x", "from tapeout.factors import panel", "tapeout.factors"),
    ],
)
def test_an_import_upwards_is_seen(module, source, target):
    (said,) = climbs(source, f"tapeout.{module}")
    assert said.endswith(f": tapeout.{module} may not import {target}")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("kernels.x", "from tapeout.hdl.itch.layout import RECORD"),
        ("kernels.x", "from tapeout import kernels"),
        ("web.x", "import tapeout\nprint(tapeout.__version__)"),
        ("cli.x", "from tapeout import __version__, service"),
        ("risk.x", "import numpy\nfrom tapeout.device import devices"),
    ],
)
def test_an_import_downwards_is_let_through(module, source):
    assert list(climbs(source, f"tapeout.{module}")) == []


@pytest.mark.parametrize(("path", "module"), MODULES)
def test_only_gateware_and_its_benches_know_an_hdl(path, module):
    for line, target in imports(path.read_text()):
        allowed = GATEWARE.get(target.partition(".")[0])
        assert allowed is None or path.stem in allowed, f"{path.name}:{line} imports {target}"


@pytest.mark.parametrize(("path", "module"), MODULES)
def test_files_and_functions_stay_small(path, module):
    assert list(too_long(path.read_text())) == []


def test_what_is_too_long_is_seen():
    body = "    x = 1\n" * 40
    assert list(too_long(f'def f():\n    """Says.\n\n    More.\n    """\n{body}')) == []
    assert list(too_long(f"def f():\n{body}    return x\n")) == ["f has 41 lines"]
    assert list(too_long("x = 1\n" * 300)) == []
    assert len(list(too_long("x = 1\n" * 301))) == 1


@pytest.mark.parametrize("folder", ROOMS)
def test_folders_stay_small(folder):
    for inside in [ROOT / folder, *(ROOT / folder).rglob("*/")]:
        files = [file for file in inside.glob("*.py") if file.name != "__init__.py"]
        assert len(files) <= FULLEST_FOLDER, f"{inside} holds {len(files)} files"


@pytest.mark.parametrize(("path", "module"), MODULES)
def test_folders_stay_shallow(path, module):
    assert len(path.relative_to(ROOT).parts) <= DEEPEST, f"{path} is deeper than room/topic/file"


def test_the_readme_maps_every_room_and_every_page():
    text = (ROOT / "README.md").read_text()
    for folder in [*ROOMS, "tests", "benchmarks"]:
        assert f"[`{folder}/`]({folder})" in text, f"{folder}/ is not in the README's map"
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in text, f"docs/{page.name} is not in the README's map"


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
