"""What is installed: one package, every module of it, nothing else; wheel, sdist and editable."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not (ROOT / "setup.py").exists(), reason="the sources are not beside the tests"
)


def sources(ending="py"):
    """Every source of the four rooms, by its place in the package."""
    for folder, inside in (("host", ""), ("kernels", "kernels/"), ("hdl", "hdl/"), ("sim", "sim/")):
        for path in (ROOT / folder).rglob(f"*.{ending}"):
            yield f"tapeout/{inside}{path.relative_to(ROOT / folder)}"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    pytest.importorskip("build")
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "-q", "--no-isolation", "--outdir", out, ROOT],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_wheel_holds_every_module_and_one_top_level_name(built):
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {name for name in names if not name.startswith("tapeout-")}
    assert {name.split("/")[0] for name in code} == {"tapeout"}
    assert set(sources()) <= code
    assert set(sources("html")) <= code
    assert "tapeout/py.typed" in code
    assert not any(name.endswith((".nbi", ".nbc", ".so")) for name in names)


def test_the_sdist_holds_what_it_takes_to_test_it(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"setup.py", "Makefile", "README.md", "LICENSE", "tests/test_house.py"}
    assert wanted <= names
    benchmarks = {f"benchmarks/{path.name}" for path in (ROOT / "benchmarks").glob("*.py")}
    assert benchmarks <= names


def test_every_dependency_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.M | re.S)[1].splitlines()
    assert len(listed) > 5
    assert all("#" in line for line in listed)


def test_the_repository_holds_no_machine(tmp_path):
    """No lock file, no binary, no path of one machine."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    if not files:
        pytest.skip("not a git checkout")
    assert not re.search(r"(?m)(uv|poetry|package-lock)\.(lock|json)$|\.(pyc|so|vcd|fst)$", files)
    home = str(ROOT.parent)
    for name in files.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".html", "") and path.is_file():
            assert f"{home}/" not in path.read_text(), name
