"""For any bytes, only the documented errors leave the readers, and memory stays bounded."""

import gzip
import importlib.util
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tapeout
from tapeout.errors import TapeoutError

SCRIPT = Path(__file__).parents[1] / "fuzz.py"


def loaded():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("fuzz", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzz = loaded()
SEEDS = fuzz.seeds()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "capture"


@pytest.mark.parametrize("at", range(len(SEEDS)))
def test_what_is_mutated_is_read_whole_before(place, at):
    place.write_bytes(SEEDS[at])
    tape = tapeout.read(place)
    kinds = {chr(kind) for records in tape.records() for kind in records["type"]}
    assert kinds == {chr(message[0]) for message in fuzz.messages()}
    assert list(fuzz.given(place, SEEDS[at])) == []


@given(st.randoms(use_true_random=False), st.sampled_from(SEEDS))
def test_mutated_captures_raise_only_what_is_documented(place, rng, raw):
    raw = fuzz.wrapped(rng, fuzz.mutated(rng, raw))
    assert list(fuzz.given(place, raw)) == []


@given(st.binary(max_size=300), st.sampled_from([b"", *(seed[:28] for seed in SEEDS)]))
@example(b"", b"")
def test_noise_raises_only_what_is_documented(place, noise, head):
    assert list(fuzz.given(place, head + noise)) == []


def test_what_is_not_documented_is_seen(place, monkeypatch):
    def breaks(path):
        raise IndexError("out of bounds")

    monkeypatch.setitem(fuzz.READERS, "records", breaks)
    ((name, failure),) = fuzz.given(place, SEEDS[0])
    assert (name, failure.splitlines()[-1]) == ("records", "IndexError: out of bounds")


def test_mutations_reach_behind_the_first_header(place):
    """A third of them at least are still read to their end, faults and all."""
    rng, read = random.Random(1), 0
    for at in range(60):
        place.write_bytes(fuzz.mutated(rng, SEEDS[at % 5]))
        try:
            read += bool(list(tapeout.read(place).records()))
        except TapeoutError:
            continue
    assert 20 <= read < 60


@pytest.mark.parametrize("filler", [bytes(1 << 20), b"\0\x0cS" + bytes(11)])
def test_memory_does_not_grow_with_what_a_capture_unpacks_to(place, filler):
    """96 MiB of empty packets, and of messages, from a file of a few hundred KiB."""
    head = SEEDS[1][:24] if filler[0] == filler[1] else b""
    packed = gzip.compress(head + filler * ((96 << 20) // len(filler)), 1)
    place.write_bytes(packed)
    assert len(packed) < 1 << 20
    peaks = []
    for reader in (
        lambda: [None for _ in tapeout.read(place).records()],
        lambda: [None for _ in tapeout.message_batches(place)],
    ):
        tracemalloc.start()
        reader()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 64 << 20


def test_the_long_run_counts_and_ends_in_time(tmp_path):
    command = [sys.executable, "-P", SCRIPT, "--seconds", "1", "--seed", "3", "--keep", tmp_path]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "captures, seed 3: 0 broke a reader" in done.stdout
