"""What a first call compiles, compiled on two cores: a second process does what comes later."""

import os
import subprocess
import sys
from pathlib import Path

from tapeout.kernels.book.replay import replay

LATER = "from tapeout.kernels.tape.warm import books; books()"


class Ahead:
    """Compiles the books beside whoever reads towards them, if they never were on this machine.

    Kernels are kept on disk, so that what one process compiles the other fetches. Where no second
    process can be had, nothing is lost but time.
    """

    def __init__(self) -> None:
        self._beside: subprocess.Popen[bytes] | None = None
        kept = Path(replay.stats.cache_path)  # type: ignore[attr-defined]
        if (os.cpu_count() or 1) > 1 and sys.executable and not any(kept.glob("replay.replay-*")):
            self._begin()

    def _begin(self) -> None:
        quiet = subprocess.DEVNULL
        try:
            self._beside = subprocess.Popen(
                [sys.executable, "-c", LATER], stdin=quiet, stdout=quiet, stderr=quiet
            )
        except OSError:
            return

    def wait(self) -> None:
        """Until the other process is done."""
        if self._beside:
            self._beside.wait()
            self._beside = None
