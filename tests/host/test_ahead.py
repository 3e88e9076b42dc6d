"""The first call of all compiles on two cores; every other call on none."""

import os
import subprocess
import sys

import pytest

READ = """
import sys, tapeout
from tapeout import ahead
begun = []
begin = ahead.Ahead._begin
ahead.Ahead._begin = lambda self: (begun.append(1), begin(self))
books = tapeout.books(sys.argv[1])
print(len(begun), books.live_orders)
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core")
def test_a_second_process_helps_the_first_call_and_no_other(capture, tmp_path):
    told = [
        subprocess.run(
            [sys.executable, "-c", READ, str(capture[0])],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert [begun for begun, _ in told] == ["1", "0"]
    assert told[0][1] == told[1][1] != "0"


def test_where_no_process_can_be_had_nothing_is_lost(capture, monkeypatch):
    from tapeout import ahead

    def refuse(*given, **named):
        raise OSError("no more processes")

    monkeypatch.setattr(ahead.subprocess, "Popen", refuse)
    monkeypatch.setattr(ahead.Path, "glob", lambda self, pattern: iter(()))
    ahead.Ahead().wait()
