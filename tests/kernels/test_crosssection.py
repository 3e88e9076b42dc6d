"""Ranks and z-scores against pandas, and where there is none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.kernels.crosssection import cross_rank, cross_zscore


def _panel(seed, bars, n):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(bars, n))
    values[rng.random((bars, n)) < 0.2] = np.nan
    values[rng.random((bars, n)) < 0.2] = 0.1
    return values


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 12))
def test_ranks_are_those_of_pandas(seed, bars, n):
    values = _panel(seed, bars, n)
    want = pd.DataFrame(values).rank(axis=1, pct=True)
    np.testing.assert_allclose(cross_rank(values), want, rtol=1e-14)


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 12))
def test_zscores_are_those_of_pandas(seed, bars, n):
    values = _panel(seed, bars, n)
    frame = pd.DataFrame(values)
    want = frame.sub(frame.mean(axis=1), axis=0).div(frame.std(axis=1), axis=0)
    want[frame.nunique(axis=1) < 2] = np.nan
    np.testing.assert_allclose(cross_zscore(values), want, rtol=1e-12, atol=1e-14)


def test_equal_values_have_no_zscore(on):
    rows = [[0.1, 0.1, 0.1], [0.1, np.nan, 0.1], [np.nan] * 3, [0.1, np.nan, np.nan]]
    assert np.isnan(on.get(cross_zscore(on.put(np.array(rows))))).all()


@pytest.mark.parametrize("n", [2, 7, 29, 100])
def test_tied_ranks_have_no_zscore(on, n):
    tied = on.put(np.ones((2, n)))
    assert np.isnan(on.get(cross_zscore(cross_rank(tied)))).all()


def test_a_bar_with_an_infinite_value_has_no_zscore():
    with np.errstate(invalid="ignore"):
        assert np.isnan(cross_zscore(np.array([[1.0, 2.0, np.inf]]))).all()
