"""Compiled models: kept by the hash of what they are made of, put there whole or not at all."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tapeout.sim.bench.simulators import environment

LIMIT_S = 1_800  # a program that has not come back by then hangs


def cache() -> Path:
    """Where models are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "tapeout" / "rtl"


@contextmanager
def kept(
    at: Path | None, name: str, made_of: Sequence[str], make: Callable[[Path], None]
) -> Iterator[Path]:
    """The folder that `make` fills, from `at` if it was made before; without a place, for now."""
    with tempfile.TemporaryDirectory() as now:
        try:
            folder = _kept(at or cache(), name, made_of, make)
        except OSError:  # nowhere to keep it
            folder = _kept(Path(now), name, made_of, make)
        yield folder


def _kept(at: Path, name: str, made_of: Sequence[str], make: Callable[[Path], None]) -> Path:
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    folder = at / f"{name}-{key}"
    if folder.exists():
        return folder
    at.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=at) as aside:
        model = Path(aside, "model")
        model.mkdir()
        make(model)
        try:
            model.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, and its model is as good
                raise
    return folder


def cocotb_step(step: str, engine: str, folder: Path, makes: Path | None = None) -> None:
    """Run one step of `sim.bench.runner`, which `makes` a file; if it fails, say its last words."""
    command = [sys.executable, "-P", "-m", "tapeout.sim.bench.runner", step, engine, str(folder)]
    run(command, engine, step, makes)


def run(command: Sequence[str], engine: str, step: str, makes: Path | None = None) -> None:
    """Run a program of an engine, which `makes` a file; if it fails, say its last words."""
    try:
        done = subprocess.run(
            command,
            env=environment(engine),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{engine} did not {step} within {LIMIT_S} s") from error
    if done.returncode or (makes and not makes.exists()):
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise RuntimeError(f"{engine} failed to {step}:\n{tail}")
