"""Runs every benchmark: tables on the terminal, JSON lines into benchmarks/results/."""

import argparse
import subprocess
import sys
from pathlib import Path

import page

HERE = Path(__file__).parent
#: Those that have something to measure on a GPU.
GPU = ("covariance", "factors", "var")
NOT_BENCHMARKS = ("all", "harness", "inputs", "page")


def main() -> int:
    """Each in a process of its own, as its contract says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu, or gpu for those that can use one")
    parser.add_argument("--quick", action="store_true", help="smaller inputs, a minute each")
    asked = parser.parse_args()
    names = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    if asked.device != "cpu":
        names = list(GPU)
    lines, failed = [], []
    for name in names:
        words = [sys.executable, str(HERE / f"{name}.py"), "--json", "--device", asked.device]
        done = subprocess.run(words + ["--quick"] * asked.quick, stdout=subprocess.PIPE, text=True)
        lines += done.stdout.splitlines(keepends=True)
        print(f"{name}: {len(done.stdout.splitlines())} cases", flush=True)
        if done.returncode:
            failed.append(name)
    _keep(HERE / "results" / f"{asked.device}.jsonl", "".join(lines))
    if not asked.quick:
        page.write()
    for name in failed:
        print(f"{name} failed")
    return bool(failed)


def _keep(path: Path, text: str) -> None:
    """Only when all have run: an interrupted run leaves the last figures, and a clean tree."""
    path.parent.mkdir(exist_ok=True)
    aside = path.with_suffix(".aside")
    aside.write_text(text)
    aside.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
