"""Runs every benchmark, keeps the JSON lines in benchmarks/results/ and writes the page of them.

One file of results a device asked for. What is kept is whole, of one commit and full size: a
`--quick` run prints its tables and keeps nothing, and neither does one in which a benchmark failed.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import harness
import page
import plot

HERE = Path(__file__).parent
#: Those that have something to measure on a GPU.
GPU = ("covariance", "factors", "var")
NOT_BENCHMARKS = ("all", "harness", "inputs", "page", "plot", "yardstick")


def main() -> int:
    """Each in a process of its own, as its contract says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu, or gpu for those that can use one")
    parser.add_argument("--quick", action="store_true", help="a minute each; nothing is kept")
    parser.add_argument("--dirty", action="store_true", help="keep figures of uncommitted code too")
    asked = parser.parse_args()
    if not (asked.quick or asked.dirty):
        page.refuse({harness.commit()}, "the tree")
    names = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    if asked.device != "cpu":
        names = list(GPU)
    lines, failed = [], []
    for name in names:
        words = [sys.executable, str(HERE / f"{name}.py"), "--device", asked.device]
        if asked.quick:
            failed += [name] * bool(subprocess.run([*words, "--quick"]).returncode)
            continue
        done = subprocess.run([*words, "--json"], stdout=subprocess.PIPE, text=True)
        failed += [name] * bool(done.returncode)
        lines += done.stdout.splitlines(keepends=True)
        print(f"{name}: {len(done.stdout.splitlines())} cases", flush=True)
    for name in failed:
        print(f"{name} failed" + ("" if asked.quick else ": no figures are kept"))
    if lines and not failed:
        _keep(HERE / "results" / f"{asked.device}.jsonl", "".join(lines))
        page.write(asked.dirty)
        plot.draw("".join(lines))
    return bool(failed)


def _keep(path: Path, text: str) -> None:
    """Write aside, then rename: an interrupted run leaves the last figures, and a clean tree."""
    path.parent.mkdir(exist_ok=True)
    aside = path.with_suffix(".aside")
    aside.write_text(text)
    aside.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
