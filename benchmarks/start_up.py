"""How long until something happens: import, help, and the first run with nothing compiled?"""

import os
import subprocess
import sys
import tempfile
import time

import harness

CODE = "import tapeout"
HELP = "import sys; sys.argv = ['tapeout', '--help']; from tapeout.cli import main; main()"
WARM = "from tapeout.kernels.tape.warm import warm; warm()"
NOTHING = "pass"


def run(bench: harness.Benchmark) -> None:
    """Whole processes; importing pandas is what a user of its peers waits for."""

    def process(code: str, **environment: str) -> None:
        subprocess.run(
            [sys.executable, "-P", "-c", code], check=True, stdout=subprocess.DEVNULL,
            env=os.environ | environment,
        )  # fmt: skip

    bench.compare("python -c pass", lambda: process(NOTHING), 1_000_000, "ms", wall=True)
    bench.compare(
        "import tapeout", lambda: process(CODE), 1_000_000, "ms",
        peer="import pandas", theirs=lambda: process("import pandas"), wall=True,
    )  # fmt: skip
    bench.compare("tapeout --help", lambda: process(HELP), 1_000_000, "ms", wall=True)
    bench.compare("tape kernels from disk", lambda: process(WARM), 1_000_000, "ms", wall=True)
    with tempfile.TemporaryDirectory() as empty:
        start = time.perf_counter()
        process(WARM, NUMBA_CACHE_DIR=empty)
        took_ms = (time.perf_counter() - start) * 1e3
        bench.record("tape kernels compiled anew", took_ms, "ms", "wall")


if __name__ == "__main__":
    harness.main(run)
