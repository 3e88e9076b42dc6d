"""Integer Hawkes arrivals have the mean and the over-dispersion of the theory."""

import math

import numpy as np
import pytest

from tapeout.sim.draws import words
from tapeout.sim.hawkes import CELLS, LN2, Hawkes, minus_log

EVENTS, MEAN_HZ, DECAY_HZ = 1_000_000, 1_000, 50_000


def arrivals(branching, seed=3, count=EVENTS):
    process = Hawkes(1_000 * MEAN_HZ, branching_per_mille=branching, decay_hz=DECAY_HZ)
    return process.times(words(seed, 0, count))


@pytest.mark.parametrize("branching", [0, 300, 600, 800])
def test_the_mean_is_mu_over_one_less_branching(branching):
    """`Hawkes` takes the mean mu / (1 - n); its error is 1 / (1 - n) of a Poisson count's."""
    times = arrivals(branching)
    error = 1 / (1 - branching / 1_000) / math.sqrt(EVENTS)
    assert 1e-9 * times[-1] * MEAN_HZ / EVENTS == pytest.approx(1, abs=4 * error)
    assert np.all(np.diff(times) >= 0)


@pytest.mark.parametrize("branching", [0, 300, 600, 800])
@pytest.mark.parametrize("window_ns", [100_000, 500_000, 5_000_000])
def test_counts_are_over_dispersed_as_in_theory(branching, window_ns):
    """Fano factor of a window w: k**2 + (1 - k**2) (1 - exp(-g w)) / (g w), k = 1 / (1 - n).

    g = beta (1 - n); J. Da Fonseca and R. Zaatour, "Hawkes process: fast calibration, application
    to trade clustering, and diffusive limit", Journal of Futures Markets 34 (2014), 548-579. Wide
    windows have 1 / (1 - n)**2.
    """
    counts = np.bincount(arrivals(branching) // window_ns)[:-1]
    k, g = 1 / (1 - branching / 1_000), DECAY_HZ * (1 - branching / 1_000) * window_ns / 1e9
    fano = k**2 + (1 - k**2) * (1 - math.exp(-g)) / g
    assert counts.var() / counts.mean() == pytest.approx(fano, rel=0.05)


def test_the_branching_ratio_can_be_read_off_the_counts():
    counts = np.bincount(arrivals(600) // 5_000_000)[:-1]
    assert 1 - math.sqrt(counts.mean() / counts.var()) == pytest.approx(0.6, abs=0.01)


def test_waits_without_excitement_are_exponential():
    """Mean and standard deviation are equal; one wait in e**3 is longer than three of them."""
    waits = np.diff(arrivals(0))
    assert waits.std() / waits.mean() == pytest.approx(1, abs=0.01)
    assert (waits > 3 * waits.mean()).mean() == pytest.approx(math.exp(-3), rel=0.03)


def test_blocks_go_on_where_the_last_one_ended():
    draws = words(3, 0, 1_000)
    whole, parts = Hawkes(1_000_000), Hawkes(1_000_000)
    joined = np.concatenate([parts.times(draws[:300]), parts.times(draws[300:])])
    assert np.array_equal(whole.times(draws), joined)


def test_integer_logarithms_are_logarithms():
    assert pytest.approx(math.log(2) * 2**40, abs=1) == minus_log(1, 2, 40)
    middles = (1_024 + np.arange(1_024) + 0.5) / 2_048
    assert np.abs(CELLS + np.log(middles) * 2**16).max() <= 0.5 + 1e-6
    assert pytest.approx(math.log(2) * 2**16, abs=0.5) == LN2


@pytest.mark.parametrize("wrong", [-1, 951])
def test_a_process_that_explodes_is_refused(wrong):
    with pytest.raises(ValueError, match=f"branching_per_mille must be 0 to 950; got {wrong}"):
        Hawkes(1_000, branching_per_mille=wrong)
