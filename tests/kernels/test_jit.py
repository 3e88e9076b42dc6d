"""Compiled kernels are kept on disk, and forgotten when anything they are made of changes."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import types

from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import forget_stale, jit
from tapeout.kernels.tape import wire


def test_a_kernel_older_than_any_source_is_forgotten(tmp_path):
    room, other = tmp_path / "kernels", tmp_path / "hdl"
    room.mkdir()
    other.mkdir()
    kept, stale = room / "kept.nbi", room / "stale.nbi"
    for path, age in ((room / "a.py", 300), (other / "b.py", 200), (kept, 100), (stale, 250)):
        path.write_text("")
        os.utime(path, (1e9 - age, 1e9 - age))
    assert forget_stale([room, other]) == 1
    assert kept.exists()
    assert not stale.exists()


@jit
def _loaded(buffer, at):
    return (
        wire.be16(buffer, at),
        wire.be32(buffer, at),
        wire.be64(buffer, at),
        wire.le32(buffer, at),
    )


@jit
def _stored(buffer, at, value):
    wire.put16(buffer, at, value)
    wire.put32(buffer, at + 2, value)
    wire.put64(buffer, at + 6, value)


@jit
def _twice(value):
    return 2 * value


@jit
def _sum_of_doubles(value):
    return _twice(0) + _twice(1) + _twice(Fault.GAP) + _twice(value)


def test_a_kernel_is_compiled_once_for_all_constants_and_enumerations():
    assert _sum_of_doubles(5) == 2 * (0 + 1 + int(Fault.GAP) + 5)
    member = types.IntEnumMember(Fault, types.int64)
    for kind in (types.literal(0), types.literal(1), member, types.int64):
        _twice.compile((kind,))  # as from within a kernel, which may have been on disk
    assert _twice.signatures == [(types.int64,)]


@given(st.binary(min_size=20, max_size=20), st.integers(0, 12))
def test_compiled_loads_are_the_plain_definitions(raw, at):
    buffer = np.frombuffer(raw, np.uint8).copy()
    plain = (wire.be16, wire.be32, wire.be64, wire.le32)
    assert _loaded(buffer, at) == tuple(load(buffer, at) for load in plain)


@given(st.integers(0, 2**64 - 1), st.integers(0, 6))
def test_compiled_stores_are_the_plain_definitions(value, at):
    ours, plain = np.zeros(24, np.uint8), np.zeros(24, np.uint8)
    _stored(ours, at, np.uint64(value))
    wire.put16(plain, at, value & 0xFFFF)
    wire.put32(plain, at + 2, value & 0xFFFFFFFF)
    wire.put64(plain, at + 6, value)
    assert np.array_equal(ours, plain)


def test_plain_loads_need_no_compiler():
    assert wire.be32(np.array([1, 2, 3, 4], np.uint8), 0) == 0x01020304
    with pytest.raises(OverflowError):
        wire.put16(np.zeros(2, np.uint8), 0, 1 << 16)
