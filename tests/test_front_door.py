"""`import tapeout` and `tapeout --help` load nothing heavy, wherever the package is installed."""

import subprocess
import sys

HEAVY = {"numpy", "pyarrow", "numba", "jax", "cupy", "amaranth", "pandas", "rich", "jinja2"}


def loaded_after(code):
    probe = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", probe], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split()) & HEAVY


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_after("import tapeout") == set()


def test_the_command_line_loads_nothing_heavy_to_show_its_help():
    help_ = (
        "import tapeout.cli, typer.testing as t; t.CliRunner().invoke(tapeout.cli.app, '--help')"
    )
    assert loaded_after(help_) <= {"rich"}


def test_a_public_name_loads_only_its_own_module():
    assert loaded_after("import tapeout; tapeout.DataError") == set()
