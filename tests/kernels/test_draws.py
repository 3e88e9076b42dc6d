"""Philox against its published answers; normals against the normal distribution."""

import itertools

import numpy as np
import pytest
from scipy import stats

from tapeout.kernels.draws import normals, philox
from tapeout.kernels.montecarlo import gaussian_losses

#: Known answers of philox4x32 with 10 rounds, as published with Random123: counter, key, out.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def _words(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "out"), KNOWN)
def test_philox_gives_the_published_words(counter, key, out):
    low, high = _words(key)
    given = tuple(np.array([word], np.uint64) for word in _words(counter))
    assert [int(word[0]) for word in philox(np, given, low | high << 32)] == _words(out)


def test_normals_are_normal():
    drawn = normals(np.arange(50_000, dtype=np.uint64), dimensions=6, seed=11)
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-3
    correlations = np.corrcoef(drawn.T)[np.triu_indices(6, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(50_000)


def test_another_seed_or_stream_is_independent():
    paths = np.arange(20_000, dtype=np.uint64)
    one = normals(paths, dimensions=1, seed=1)[:, 0]
    for other in ({"seed": 2}, {"seed": 1, "stream": 1}):
        two = normals(paths, dimensions=1, **other)[:, 0]
        assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(20_000)


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_losses_do_not_depend_on_the_shards(shards):
    exposure = np.linspace(-1, 1, 11)
    whole = gaussian_losses(exposure, 0, paths=1_000, seed=9)
    ends = np.linspace(0, 1_000, shards + 1).astype(int)
    parts = [
        gaussian_losses(exposure, int(a), paths=int(b - a), seed=9)
        for a, b in itertools.pairwise(ends)
    ]
    assert np.array_equal(np.concatenate(parts), whole)
