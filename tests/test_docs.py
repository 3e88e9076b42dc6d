"""What the README and the docs show runs, and prints what they show, numbers aside."""

import contextlib
import doctest
import importlib
import io
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tapeout.device import READY, devices
from tapeout.hdl.layout import TREATMENTS
from tapeout.map import house_map
from tapeout.sim.engine import engines

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.M | re.S)
MAKE = {
    "make demo": "tapeout demo --events 60000 --paths 50000",
    "make test": None,
    "make check": None,
}

needs_docs = pytest.mark.skipif(
    not (ROOT / "docs").exists(), reason="the docs are not beside the tests"
)


def shape(line):
    """A line with its numbers and its spacing taken out."""
    return re.sub(r"\s+", " ", re.sub(r"[\d][\d.,e-]*", "#", line)).strip()


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with what the examples speak of: a capture, another line, a table of prices."""
    from tapeout.sim.day import SimulatedDay

    SimulatedDay(seed=7, events=20_000).write(tmp_path / "day.pcap")
    shutil.copy(tmp_path / "day.pcap", tmp_path / "b.pcap")
    SimulatedDay(seed=1, instruments=2, events=100).write(tmp_path / "small.pcap")
    rng = np.random.default_rng(1)
    prices = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, (700, 6)), axis=0))
    days = np.datetime64("2020-01-01") + np.arange(700)
    rows = [f"{d},{','.join(f'{p:.3f}' for p in row)}" for d, row in zip(days, prices, strict=True)]
    (tmp_path / "prices.csv").write_text("date,AA,BB,CC,DD,EE,FF\n" + "\n".join(rows))
    monkeypatch.chdir(tmp_path)


def printed(command):
    """What a command prints."""
    from tapeout.cli import app

    words = shlex.split(command)
    assert words[0] == "tapeout", command
    done = CliRunner().invoke(app, words[1:])
    assert done.exit_code == 0, (command, done.output, done.exception)
    return done.output.splitlines()


def compare(shown, lines):
    """Every shown line is there, in order; `...` stands for any number of lines."""
    got = [shape(line) for line in lines]
    at = 0
    for line in shown:
        if line.strip() == "...":
            continue
        assert shape(line) in got[at:], f"{line!r} is not in\n" + "\n".join(lines)
        at = got.index(shape(line), at) + 1


def run_console(text):
    """Run each command of a block and compare what it shows."""
    commands = re.split(r"^\$ ", text, flags=re.M)[1:]
    for part in commands:
        command, *shown = part.rstrip("\n").splitlines()
        command = command.partition("#")[0].strip()
        command = MAKE.get(command, command)
        if command is not None:
            compare(shown, printed(command))


@needs_docs
@pytest.mark.parametrize("page", PAGES)
def test_examples_run_and_show_what_they_print(page, desk):
    if page in ("README.md", "docs/gateware.md"):
        if engines()["verilator"] != READY:
            pytest.skip(f"the page shows Verilator: {engines()['verilator']}")
        if devices()["cupy"].startswith(READY):
            pytest.skip("the page shows a machine without a GPU")
    names = {"__name__": "docs"}
    for language, text in BLOCK.findall((ROOT / page).read_text()):
        if language == "console":
            run_console(text)
        else:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(text, page, "exec"), names)


@needs_docs
def test_the_readme_shows_both_commands_a_picture_and_code_in_thirty_lines():
    head = "\n".join((ROOT / "README.md").read_text().splitlines()[:30])
    for wanted in ("$ make demo", "$ make test", " passed", "](docs/report.png)", "import tapeout"):
        assert wanted in head
    assert (ROOT / "docs" / "report.png").stat().st_size < 200_000


def shown(name, text):
    """Whether a page shows a public name as code: `tapeout.bars` for a function, `Bars` too.

    A command is shown as one types it, behind a backtick or a prompt: `tapeout bars`.
    """
    if name.startswith("tapeout "):
        return re.search(rf"[`$] ?{name}\b", text) is not None
    alone = rf"|`{name}`" if name[0].isupper() else ""
    return re.search(rf"\btapeout\.{name}\b{alone}", text) is not None


@needs_docs
def test_every_public_name_and_command_is_on_a_page():
    import tapeout
    from tapeout.cli import app

    text = "".join((ROOT / page).read_text() for page in PAGES)
    names = [name for name in tapeout.__all__ if not name.endswith("Error")]
    groups = [
        ("", app),
        *((f"{group.name} ", group.typer_instance) for group in app.registered_groups),
    ]
    commands = [
        prefix + (command.name or command.callback.__name__)
        for prefix, group in groups
        for command in group.registered_commands
    ]
    wanted = names + [f"tapeout {command}" for command in commands]
    assert [name for name in wanted if not shown(name, text)] == []


def test_a_word_that_happens_to_be_a_name_shows_nothing():
    text = "It will run over bars and read Bars; see tapeout.running and the tapeout run, `bars`."
    assert not any(shown(name, text) for name in ("run", "read", "bars", "Bars", "tapeout run"))
    text = "```\n$ tapeout run day.pcap\n```\n`tapeout.bars(path)` is `Bars`, or `tapeout read`."
    assert all(shown(name, text) for name in ("tapeout run", "bars", "Bars", "tapeout read"))


@needs_docs
def test_every_fault_stands_in_the_docs_with_its_treatment():
    page = (ROOT / "docs" / "tape.md").read_text()
    for treatment in TREATMENTS.values():
        row = f"| {treatment.what} | {treatment.done} | {'stops' if treatment.stops else ''} |"
        assert row in page, row


@needs_docs
@pytest.mark.parametrize("page", PAGES)
def test_cited_sources_exist(page):
    cited = re.findall(r"`(\w+/[\w/]+\.py)`", (ROOT / page).read_text())
    assert [path for path in cited if not (ROOT / path).exists()] == []


@needs_docs
@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("name", house_map())
def test_examples_in_docstrings_run(name):
    if name.endswith("__main__") or ".bench" in name:
        pytest.skip("runs a program")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as missing:
        pytest.skip(str(missing))
    assert doctest.testmod(module).failed == 0
