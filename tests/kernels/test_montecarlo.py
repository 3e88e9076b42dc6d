"""Tail estimates against closed forms, and their errors against repetition."""

import numpy as np
import pytest
from scipy import stats

from tapeout.kernels.montecarlo import _ranks, gaussian_losses, tail_risk

LEVEL = 0.95
QUANTILE = stats.norm.ppf(LEVEL)
SHORTFALL = stats.norm.pdf(QUANTILE) / (1 - LEVEL)


def test_a_gaussian_book_has_its_closed_form():
    losses = gaussian_losses(np.array([0.6, -0.8]), 0, paths=400_000, seed=3)
    var, var_error, es, es_error = tail_risk(losses, level=LEVEL)
    assert abs(var - QUANTILE) < 4 * var_error
    assert abs(es - SHORTFALL) < 4 * es_error


def test_standard_errors_are_the_spread_over_repeats():
    found = np.array(
        [
            tail_risk(gaussian_losses(np.ones(1), 5_000 * k, paths=5_000, seed=1), level=LEVEL)
            for k in range(400)
        ]
    )
    for value, error in ((0, 1), (2, 3)):
        spread, stated = found[:, value].std(ddof=1), np.median(found[:, error])
        assert 0.88 < stated / spread < 1.12  # the spread itself is known to 3.5 %


@pytest.mark.parametrize(
    ("paths", "level", "worst"), [(200, 0.99, 0.2), (200, 0.95, 0.1), (1_000, 0.99, 0.1)]
)
def test_the_error_of_var_is_its_spread_in_small_tails_too(paths, level, worst):
    samples = np.random.default_rng(11).normal(size=(8_000, paths))
    found = np.array([tail_risk(sample, level=level) for sample in samples])
    ratio = np.median(found[:, 1]) / found[:, 0].std(ddof=1)  # the spread is known to 0.8 %
    assert 1 - worst < ratio < 1 + worst


@pytest.mark.parametrize(
    ("paths", "level", "rank"),
    [(100, 0.07, 7), (100, 0.071, 8), (1_000, 0.99, 990), (10**8, 0.271, 27_100_000)],
)
def test_the_rank_is_that_of_the_decimal_level(paths, level, rank):
    assert _ranks(paths, level)[0] == rank


def test_ties_and_exact_ranks():
    losses = np.repeat([1.0, 2.0, 3.0, 4.0], 25)
    var, _, es, _ = tail_risk(losses, level=0.75)
    assert (var, es) == (3.0, 4.0)
