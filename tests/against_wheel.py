"""Installs the wheel into a fresh environment and runs the tests there, outside the repository."""

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEEDED = ("pytest", "hypothesis", "scikit-learn", "pandas", "dpkt", "itch-book")


def main(folder):
    """Test the wheel in `folder`, then the wheel made of its sdist."""
    (wheel,), (sdist,) = Path(folder).glob("*.whl"), Path(folder).glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as aside:
        home = Path(aside)
        venv.create(home / "venv", with_pip=True)
        python = home / "venv" / "bin" / "python"
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, f"{wheel.resolve()}[hdl]", *NEEDED], check=True)
        shutil.copytree(ROOT / "tests", home / "tests")
        shutil.copy(ROOT / "pyproject.toml", home)
        tests = [python, "-P", "-m", "pytest", "-q", "-m", "not blocks", "tests"]
        subprocess.run(tests, cwd=home, check=True)
        subprocess.run([*pip, "--force-reinstall", "--no-deps", sdist.resolve()], check=True)
        subprocess.run([*tests, "-k", "front_door or parity"], cwd=home, check=True)


if __name__ == "__main__":
    main(sys.argv[1])
