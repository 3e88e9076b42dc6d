"""Writes docs/benchmarks.md from the JSON lines in benchmarks/results/."""

import ast
import json
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench` from `benchmarks/results/`. One thread, ours and the peer in turn, medians;
a ratio above 1 says that we are ahead, below 1 that we are behind. Times of one process are CPU
time, so that what else the machine does stays out; start-up, simulators and GPUs are wall time.
Each row comes from `.venv/bin/python benchmarks/NAME.py` (`--json` for machines, `--quick` for a
minute).
"""


def question(name: str) -> str:
    """The first line of a benchmark's docstring."""
    source = (HERE / f"{name}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def figure(value: float) -> str:
    """A value with three digits at least."""
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def section(path: Path) -> list[str]:
    """Everything one machine measured."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    if not rows:
        return []
    first = rows[0]
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    out = [f"\n## {first['machine']}, on {first['device']}\n"]
    out.append(f"Commit {first['commit']}, seed {first['seed']}; {versions}.")
    for name in dict.fromkeys(row["benchmark"] for row in rows):
        out.append(f"\n**{question(name)}** (`{name}.py`)\n")
        out.append("| case | median | | ratio | peer |\n|---|---:|---|---:|---|")
        for row in rows:
            if row["benchmark"] == name:
                ratio = f"{row['ratio']:.2f}" if row["ratio"] is not None else ""
                median = f"{figure(row['value'])} | {row['unit']}"
                out.append(f"| {row['case']} | {median} | {ratio} | {row['peer'] or ''} |")
    return out


def write() -> None:
    """One section a file of results."""
    lines = [HEAD.rstrip("\n")]
    for path in sorted((HERE / "results").glob("*.jsonl")):
        lines += section(path)
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write()
