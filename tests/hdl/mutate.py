"""Plants each fault of `tests/hdl/mutations/` in a copy of the sources; its test must catch it.

`python tests/hdl/mutate.py [WORD ...]` takes only mutations whose module, text or test has a word.
A fault is caught when the named test fails by what it asserts or by a breach of a stream. A fault
that stops Python from reading the source, or the test from being found, is no fault caught.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDERS = ("host", "kernels", "hdl", "sim", "tests", "pyproject.toml")
#: How a test ends that met the fault: what it asserted, or what the player saw.
CAUGHT = re.compile(r"^E +(AssertionError|assert |Failed: |RuntimeError: .* must hold word)", re.M)
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


def main(words: list[str]) -> int:
    """Print a line a mutation; 1 if one was not caught."""
    chosen = [one for one in mutations() if not words or any(word in str(one) for word in words)]
    lost = 0
    for one in chosen:
        said = verdict(one)
        lost += said != "caught"
        print(
            f"{said:<8} {one.module:<24} {one.what:<56} {one.test.partition('::')[2]}", flush=True
        )
    print(f"{len(chosen) - lost} of {len(chosen)} faults caught")
    return int(lost > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
