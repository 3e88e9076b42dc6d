"""Plants each fault of `tests/hdl/mutations/` in a copy of the sources; its test must catch it.

`python tests/hdl/mutate.py [WORD ...]` takes only mutations whose module, text or test has a word;
`--table FILE` writes the verdicts as a Markdown table, `--jobs 2` tries two at a time.
A fault is caught when the named test fails by what it asserts or by a breach of a stream. A fault
that stops Python from reading the source, or the test from being found, is no fault caught.
"""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDERS = ("host", "kernels", "hdl", "sim", "tests", "pyproject.toml")
#: How a test ends that met the fault: what it asserted, or what the player saw; in several ways at
#: once, where Hypothesis found several.
CAUGHT = re.compile(
    r"^(?:E|[E ]*\|) +(AssertionError|assert |Failed: |RuntimeError: .* must hold word)", re.M
)
LIMIT_S = 900


class Mutation(NamedTuple):
    """One fault: `old` stands once in `module`, `new` comes in its place, `test` must fail."""

    module: str
    what: str
    old: str
    new: str
    test: str


def mutations() -> list[Mutation]:
    """Every fault of every block."""
    found = []
    for path in sorted(Path(__file__).with_name("mutations").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"mutations_{path.stem}", path)
        assert spec is not None
        block = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(block)
        found += [Mutation(*one) for one in block.MUTATIONS]
    return found


def planted(mutation: Mutation, root: Path = ROOT) -> str:
    """The module's source with the fault in it."""
    source = (root / mutation.module).read_text()
    count = source.count(mutation.old)
    if count != 1:
        raise ValueError(
            f"{mutation.module} must hold {mutation.old!r} once; it holds it {count} times"
        )
    return source.replace(mutation.old, mutation.new)


def verdict(mutation: Mutation) -> str:
    """How the named test ends on a copy of the tree with the fault in it: "caught", or why not."""
    with tempfile.TemporaryDirectory() as aside:
        tree = copied(Path(aside))
        (tree / mutation.module).write_text(planted(mutation, tree))
        return judged(*tested(tree, mutation.test))


def copied(aside: Path) -> Path:
    """The sources, linked as the wheel lays them out."""
    for name in FOLDERS:
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, aside / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, aside / name)
    package = aside / "build" / "tapeout"
    package.mkdir(parents=True)
    for part in [*(aside / "host").iterdir(), *(aside / room for room in FOLDERS[1:4])]:
        (package / part.name).symlink_to(part)
    return aside


def tested(tree: Path, test: str) -> tuple[int, str]:
    """Exit code and output of pytest on one test of a tree."""
    environment = os.environ | {"PYTHONPATH": str(tree / "build"), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return -1, f"no end within {LIMIT_S} s"
    return done.returncode, done.stdout


def judged(code: int, said: str) -> str:
    """What pytest's answer says of the fault."""
    if code == 0:
        return "MISSED"
    if code == 1 and CAUGHT.search(said):
        return "caught"
    errors = [line for line in said.splitlines() if line.startswith("E ")]
    return f"not run: {(errors or [said[-200:]])[0].removeprefix('E ').strip()}"


def judgements(chosen: list[Mutation], jobs: int) -> Iterable[tuple[Mutation, str]]:
    """Each fault with its verdict, in order, so many tried at a time."""
    with ThreadPoolExecutor(jobs) as beside:
        yield from zip(chosen, beside.map(verdict, chosen), strict=True)


def table(judged: Iterable[tuple[Mutation, str]]) -> str:
    """The verdicts as a page."""
    rows = [
        f"| {_block(one.module)} | {_cell(one.what)} | `{one.test}` | {_cell(said)} |"
        for one, said in judged
    ]
    caught = sum(row.endswith("| caught |") for row in rows)
    return "\n".join([
        "# Planted faults", "",
        "Each stands in `tests/hdl/mutations/` and was planted in a copy of the sources by",
        f"`make mutations`; the test named must fail. {caught} of {len(rows)} are caught.", "",
        "| block | planted fault | test | verdict |", "|---|---|---|---|", *rows, "",
    ])  # fmt: skip


def _block(module: str) -> str:
    """The folder of a module below hdl/: what a block is called."""
    return Path(module).parent.name


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Print a line a mutation; 1 if one was not caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of a module, a fault or a test")
    parser.add_argument("--table", type=Path, help="where to write the verdicts")
    parser.add_argument("--jobs", type=int, default=2, help="tried at a time")
    asked = parser.parse_args(arguments)
    words, done = asked.words, []
    chosen = [one for one in mutations() if not words or any(word in str(one) for word in words)]
    for one, said in judgements(chosen, asked.jobs):
        done.append((one, said))
        print(
            f"{said:<8} {one.module:<24} {one.what:<56} {one.test.partition('::')[2]}", flush=True
        )
    lost = sum(said != "caught" for _, said in done)
    print(f"{len(chosen) - lost} of {len(chosen)} faults caught")
    if asked.table:
        asked.table.write_text(table(done))
    return int(lost > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
