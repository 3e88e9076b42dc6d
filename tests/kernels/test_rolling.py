"""Windows forget: what is older than the window cannot touch the result, not even its last bit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeout.kernels.rolling import rolling_covariance, rolling_mean, rolling_std, rolling_sum

KERNELS = [rolling_sum, rolling_mean, rolling_std]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("past", [np.nan, np.inf, 1e20, -1e300])
def test_the_past_does_not_touch_the_window(kernel, past):
    values = np.random.default_rng(4).normal(1e6, 1, (50, 2))
    spoiled = values.copy()
    spoiled[:10] = past
    for window in (2, 9, 16, 40):
        with np.errstate(all="ignore"):
            clean, dirty = kernel(values, window=window), kernel(spoiled, window=window)
        assert np.array_equal(clean[9 + window :], dirty[9 + window :])


@given(st.integers(2, 30), st.integers(0, 2**32))
def test_equals_pandas(window, seed):
    values = np.random.default_rng(seed).normal(size=(60, 3))
    frame = pd.DataFrame(values).rolling(window)
    np.testing.assert_allclose(rolling_std(values, window=window), frame.std(), rtol=1e-8)
    np.testing.assert_allclose(rolling_sum(values, window=window), frame.sum(), atol=1e-9)


def test_a_constant_has_no_deviation_however_large():
    values = np.full((30, 1), 123456789.123)
    assert np.array_equal(rolling_std(values, window=7)[6:], np.zeros((24, 1)))


@pytest.mark.parametrize(
    "kernel", [rolling_std, lambda x, window: rolling_covariance(x, x, window=window)]
)
def test_a_deviation_needs_two_bars(kernel):
    with pytest.raises(ValueError, match="window must be at least 2 bars; got 1"):
        kernel(np.zeros((3, 1)), window=1)


def test_a_window_needs_a_bar():
    with pytest.raises(ValueError, match="window must be at least 1 bar; got 0"):
        rolling_sum(np.zeros((3, 1)), window=0)
