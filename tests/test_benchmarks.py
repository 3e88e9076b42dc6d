"""Every benchmark keeps its contract, and only whole, clean results are kept."""

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "benchmarks"
NOT_BENCHMARKS = ("all", "harness", "inputs", "page", "plot", "yardstick")
BENCHMARKS = sorted(path for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
ROW = {
    "benchmark": str, "case": str, "value": float, "unit": str, "clock": str, "peer": str,
    "ratio": float, "machine": str, "device": str, "versions": dict, "commit": str, "seed": int,
}  # fmt: skip
#: Stages of the walk; each has a benchmark of its own.
STAGES = {
    "exchange_day", "pcap_read", "sequencing", "itch_decode", "hdl_sim_speed", "book_build",
    "book_events", "bars", "factors", "covariance", "var", "report_page",
}  # fmt: skip
FAKE = '''"""Does it count?"""
import harness
def run(bench):
    bench.record("size", 1.0, "bytes")
    bench.compare("processes", lambda: None, 1, "ns", wall=True)
if __name__ == "__main__":
    harness.main(run)
'''

pytestmark = pytest.mark.skipif(not BENCHMARKS, reason="the benchmarks are not beside the tests")


def run(script, *words):
    """A benchmark in a process of its own, which finds the harness beside it."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return subprocess.run(
        [sys.executable, script, *words], capture_output=True, text=True, env=env, check=False
    )


def calls(tree, name):
    """Calls of a function, or of a method, by that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


def words(call):
    return {word.arg: word.value for word in call.keywords}


def test_every_stage_of_the_walk_has_a_benchmark():
    assert {path.stem for path in BENCHMARKS} >= STAGES


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_asks_a_question_of_the_harness_and_prints_nothing_else(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree).partition("\n")[0].endswith("?")
    assert ast.unparse(tree.body[-1]) == "if __name__ == '__main__':\n    harness.main(run)"
    for call in calls(tree, "print"):
        assert ast.unparse(words(call)["file"]) == "sys.stderr", f"{path.name}:{call.lineno}"


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_peer_with_threads_of_its_own_is_timed_by_the_clock_on_the_wall(path):
    for call in calls(ast.parse(path.read_text()), "compare"):
        peer = words(call).get("peer")
        if peer is not None and "itch-book" in ast.unparse(peer):
            assert ast.unparse(words(call)["wall"]) == "True", f"{path.name}:{call.lineno}"


def test_a_benchmark_prints_one_line_a_case_for_machines():
    done = run(HERE / "book_events.py", "--json", "--quick")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["case"] for row in rows] == ["book events to record batches"]
    for row in rows:
        assert {name: type(value) for name, value in row.items()} == ROW
        assert row["benchmark"] == "book_events"
        assert row["value"] > 0
        assert row["ratio"] > 0
        assert row["clock"] == "CPU"
        assert {"python", "numpy", "pyarrow", "pandas"} <= set(row["versions"])


@pytest.fixture
def house(tmp_path):
    """A folder of benchmarks with one fake one, and results of last time."""
    inside = tmp_path / "benchmarks"
    (inside / "results").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    for name in ("all.py", "harness.py", "page.py", "plot.py"):
        shutil.copy(HERE / name, inside)
    (inside / "fake.py").write_text(FAKE)
    (inside / "results" / "cpu.jsonl").write_text("")
    return tmp_path


def kept(house):
    return (house / "benchmarks" / "results" / "cpu.jsonl").read_text().splitlines()


def test_results_are_kept_with_what_was_counted_and_a_page_of_them(house):
    done = run(house / "benchmarks" / "all.py")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in kept(house)]
    assert [(row["case"], row["clock"]) for row in rows] == [("size", None), ("processes", "wall")]
    page = (house / "docs" / "benchmarks.md").read_text()
    assert "**Does it count?** (`fake.py`)" in page
    assert "| size | 1 | bytes |  |  |  |" in page


def test_a_quick_run_shows_tables_and_keeps_nothing(house):
    done = run(house / "benchmarks" / "all.py", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Does it count?" in done.stdout
    assert kept(house) == []
    assert not (house / "docs" / "benchmarks.md").exists()


def test_nothing_is_kept_where_a_benchmark_failed(house):
    (house / "benchmarks" / "broken.py").write_text(FAKE + "    raise SystemExit(3)\n")
    done = run(house / "benchmarks" / "all.py")
    assert done.returncode == 1
    assert "broken failed: no figures are kept" in done.stdout
    assert kept(house) == []
    assert not (house / "docs" / "benchmarks.md").exists()


def test_figures_of_uncommitted_code_are_refused_before_anything_is_measured(house):
    for command in ("init -q .", "add .", "-c user.name=a -c user.email=a@b commit -qm one"):
        subprocess.run(["git", *command.split()], cwd=house, check=True)
    (house / "benchmarks" / "fake.py").write_text(FAKE + "\n")
    done = run(house / "benchmarks" / "all.py")
    assert done.returncode == 1
    assert done.stderr.startswith("the tree must be of one clean commit; got ")
    assert done.stderr.endswith("-dirty: commit, run `make bench`, or use --dirty\n")
    assert done.stdout == ""
    assert run(house / "benchmarks" / "all.py", "--dirty").returncode == 0
    assert "-dirty, seed 1" in (house / "docs" / "benchmarks.md").read_text()


@pytest.mark.parametrize("commits", [["1a2b3c4", "5d6e7f8"], ["1a2b3c4-dirty"]])
def test_the_page_refuses_rows_that_are_not_of_one_clean_commit(tmp_path, commits):
    spec = importlib.util.spec_from_file_location("page", HERE / "page.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    row = dict.fromkeys(ROW) | {"benchmark": "var", "value": 1.0, "versions": {}}
    lines = [json.dumps(row | {"commit": commit}) for commit in commits]
    (tmp_path / "cpu.jsonl").write_text("\n".join(lines))
    wanted = f"cpu.jsonl must be of one clean commit; got {', '.join(commits)}: commit, run"
    with pytest.raises(SystemExit, match=wanted):
        page.section(tmp_path / "cpu.jsonl")
    assert f"Commit {', '.join(commits)}, " in page.section(tmp_path / "cpu.jsonl", dirty=True)[1]
