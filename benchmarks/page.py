"""Writes docs/benchmarks.md from the JSON lines in benchmarks/results/."""

import argparse
import ast
import json
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench` from `benchmarks/results/`, one file a device. One thread, ours and the
peer in turn, medians of several runs after a second that is not counted; a ratio above 1 says that
we are ahead, below 1 that we are behind. *CPU* is the CPU time of the process, so that what else
the machine does stays out; *wall* time is counted where other processes, a GPU or a peer's second
thread do part of the work. Each row comes from `.venv/bin/python benchmarks/NAME.py` (`--json` for
machines, `--quick` for a minute).
"""


def refuse(commits: set[str], what: str) -> None:
    """Stop where figures do not tell which code they are of.

    Raises
    ------
    SystemExit
        "cpu.jsonl must be of one clean commit; got 1a2b3c4, 5d6e7f8: commit, run `make bench`, or
        use --dirty"
    """
    if len(commits) != 1 or any(commit.endswith("-dirty") for commit in commits):
        found = f"{what} must be of one clean commit; got {', '.join(sorted(commits))}"
        raise SystemExit(f"{found}: commit, run `make bench`, or use --dirty")


def question(name: str) -> str:
    """The first line of a benchmark's docstring."""
    source = (HERE / f"{name}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def figure(value: float) -> str:
    """A value with three digits at least."""
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def section(path: Path, dirty: bool = False) -> list[str]:
    """Everything measured on one device; `dirty` lets figures of several commits through."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    if not rows:
        return []
    first, commits = rows[0], {row["commit"] for row in rows}
    if not dirty:
        refuse(commits, path.name)
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    out = [f"\n## {first['machine']}, on {first['device']}\n"]
    out.append(f"Commit {', '.join(sorted(commits))}, seed {first['seed']}; {versions}.")
    for name in dict.fromkeys(row["benchmark"] for row in rows):
        out.append(f"\n**{question(name)}** (`{name}.py`)\n")
        out.append("| case | median | | time | ratio | peer |\n|---|---:|---|---|---:|---|")
        for row in rows:
            if row["benchmark"] == name:
                ratio = f"{row['ratio']:.2f}" if row["ratio"] is not None else ""
                median = f"{figure(row['value'])} | {row['unit']} | {row['clock'] or ''}"
                out.append(f"| {row['case']} | {median} | {ratio} | {row['peer'] or ''} |")
    return out


def write(dirty: bool = False) -> None:
    """One section a file of results."""
    lines = [HEAD.rstrip("\n")]
    for path in sorted((HERE / "results").glob("*.jsonl")):
        lines += section(path, dirty)
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dirty", action="store_true", help="figures of several commits, too")
    write(parser.parse_args().dirty)
