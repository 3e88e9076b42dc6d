"""Ledoit-Wolf against scikit-learn, and the laws a covariance obeys."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf as sklearn_ledoit_wolf

from tapeout.kernels.covariance import ledoit_wolf, sample_covariance


@given(st.integers(2, 40), st.integers(1, 30), st.integers(0, 2**32))
def test_equals_scikit_learn(bars, n, seed):
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=(bars, n)) * rng.uniform(0.01, 3, n)
    matrix, shrinkage = ledoit_wolf(returns)
    want, weight = sklearn_ledoit_wolf(returns)
    np.testing.assert_allclose(matrix, want, rtol=1e-9, atol=1e-12)
    if n > 1:
        np.testing.assert_allclose(shrinkage, weight, rtol=1e-9, atol=1e-12)


@given(st.integers(3, 30), st.integers(2, 20), st.integers(0, 2**32))
def test_is_symmetric_positive_definite_and_scales(bars, n, seed):
    returns = np.random.default_rng(seed).normal(size=(bars, n))
    matrix, shrinkage = ledoit_wolf(returns)
    assert np.array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix)[0] > 0
    assert 0 <= shrinkage <= 1
    np.testing.assert_allclose(ledoit_wolf(returns * 8)[0], matrix * 64, rtol=1e-12)


def test_two_bars_are_all_one_direction():
    matrix, shrinkage = ledoit_wolf(np.array([[0.1, 0.3], [0.2, -0.4]]))
    assert shrinkage < 1e-12
    assert np.linalg.matrix_rank(matrix) == 1


@pytest.mark.parametrize("never_moves", [0.5, 0.1, -1e-3])
def test_returns_that_never_move_have_no_covariance(on, never_moves):
    returns = on.put(np.full((10, 3), never_moves))
    matrix, shrinkage = ledoit_wolf(returns)
    assert np.array_equal(on.get(matrix), np.zeros((3, 3)))
    assert on.get(shrinkage) == 0
    assert np.array_equal(on.get(sample_covariance(returns)), np.zeros((3, 3)))


@pytest.mark.parametrize("bar", [0, 4])
def test_a_nan_anywhere_makes_everything_nan(on, bar):
    returns = np.random.default_rng(3).normal(size=(10, 3))
    returns[bar, 1] = np.nan
    matrix, shrinkage = ledoit_wolf(on.put(returns))
    assert np.isnan(on.get(matrix)).all()
    assert np.isnan(on.get(shrinkage))


@pytest.mark.parametrize("bar", [0, 4])
def test_a_nan_makes_its_row_and_column_of_the_sample_covariance_nan(on, bar):
    returns = np.random.default_rng(3).normal(size=(10, 3))
    returns[bar, 1] = np.nan
    touched = np.isnan(on.get(sample_covariance(on.put(returns))))
    assert np.array_equal(touched, [[False, True, False], [True] * 3, [False, True, False]])


@pytest.mark.parametrize("kernel", [ledoit_wolf, sample_covariance])
@pytest.mark.parametrize("shape", [(1, 7), (7,)])
def test_one_bar_is_not_enough(kernel, shape):
    with pytest.raises(ValueError, match=r"returns must be \(T, N\) with T >= 2; got \("):
        kernel(np.zeros(shape))
