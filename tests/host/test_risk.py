"""Risk figures against closed forms and published tables; bad arguments by name."""

import re

import numpy as np
import pytest
from scipy import stats

import tapeout
from tapeout.errors import DataError
from tapeout.prices.panel import Prices
from tapeout.risk.assessment import assess
from tapeout.risk.backtest import backtest
from tapeout.risk.kupiec import kupiec
from tapeout.risk.var import value_at_risk

RNG = np.random.default_rng(12)
RETURNS = RNG.normal(0, 0.01, (300, 5)) + RNG.normal(0, 0.01, (300, 1))


def test_simulated_risk_is_the_closed_form_within_its_error():
    report = value_at_risk(RETURNS, paths=200_000, seed=2)
    sigma = np.sqrt(np.full(5, 0.2) @ report.covariance.matrix @ np.full(5, 0.2))
    assert report.volatility == pytest.approx(sigma)
    for tail in report.tails:
        q = stats.norm.ppf(tail.level)
        assert tail.gaussian_var == pytest.approx(sigma * q)
        assert tail.gaussian_es == pytest.approx(sigma * stats.norm.pdf(q) / (1 - tail.level))
        assert abs(tail.var - tail.gaussian_var) < 4 * tail.var_error
        assert abs(tail.es - tail.gaussian_es) < 4 * tail.es_error


def test_the_same_seed_gives_the_same_losses_on_every_device():
    numpy, jax = (
        value_at_risk(RETURNS, paths=5_000, seed=3, on=tapeout.choose_device(name))
        for name in ("numpy", "jax")
    )
    np.testing.assert_allclose(jax.losses, numpy.losses, rtol=0, atol=1e-15)


def test_contributions_are_eulers_and_add_up():
    weights = np.array([0.5, 0.2, -0.1, 0.3, 0.1])
    report = value_at_risk(RETURNS, weights, paths=1_000)
    bump = 1e-6
    for n in range(5):
        moved = weights + bump * np.eye(5)[n]
        slope = (np.sqrt(moved @ report.covariance.matrix @ moved) - report.volatility) / bump
        assert report.contributions[n] == pytest.approx(
            weights[n] * slope / report.volatility, abs=1e-4
        )
    assert report.contributions.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [0.5, 0.5]}, "weights must be (5,) and finite; got (2,)"),
        ({"levels": [1.0]}, "levels must be between 0 and 1; got [1.0]"),
        ({"levels": []}, "levels must be between 0 and 1; got []"),
        ({"paths": 100}, "paths must be at least 200 for these levels; got 100"),
        ({"seed": -1}, "seed must fit 64 bits; got -1"),
        ({"method": "guess"}, "method must be one of ledoit_wolf, sample; got 'guess'"),
    ],
)
def test_arguments_that_do_not_fit_are_named(options, message):
    with pytest.raises(DataError, match=re.escape(message)):
        value_at_risk(RETURNS, options.pop("weights", None), **options)


def test_returns_that_do_not_fit_are_named_with_row_and_column():
    holed = RETURNS.copy()
    holed[7, 3] = np.nan
    with pytest.raises(DataError, match="returns must be finite; row 7, column 3 is nan"):
        tapeout.covariance(holed)
    with pytest.raises(DataError, match=r"returns must be \(T, N\) with T >= 2; got \(5,\)"):
        tapeout.covariance(RETURNS[0])


def test_a_singular_covariance_says_what_to_do():
    with pytest.raises(
        DataError, match="covariance must be positive definite, and this one is not"
    ):
        value_at_risk(RETURNS[:4], method="sample", paths=1_000)


def test_the_method_that_ran_is_not_advised():
    with pytest.raises(DataError, match=r"or use method='ledoit_wolf'$"):
        value_at_risk(RETURNS[:4], method="sample", paths=1_000)
    with pytest.raises(DataError, match=r"is not: give it at least 3 returns that differ$"):
        value_at_risk(RETURNS[:2], paths=1_000)


def test_an_instrument_may_be_called_symbol():
    found = tapeout.covariance(RETURNS[:, :3])
    table = found.to_arrow(["A", "symbol", "symbol_"])
    assert table.column_names == ["symbol__", "A", "symbol", "symbol_"]
    assert table["symbol__"].to_pylist() == ["A", "symbol", "symbol_"]
    assert table["symbol"].to_pylist() == found.matrix[:, 1].tolist()
    assert found.to_arrow(list("ABC")).column_names == ["symbol", "A", "B", "C"]


def test_the_covariance_carries_its_evidence():
    found = tapeout.covariance(RETURNS)
    assert found.matrix.shape == (5, 5)
    assert 0 < found.shrinkage < 1
    assert found.condition == pytest.approx(np.linalg.cond(found.matrix))
    assert (found.bars, found.device) == (300, "numpy")
    assert tapeout.covariance(RETURNS, method="sample").matrix == pytest.approx(np.cov(RETURNS.T))


#: Kupiec (1995): the numbers of failures N that do not reject p at the 5 % level; at 255 days and
#: 1 % the paper gives an upper end only.
REGIONS = [
    (0.99, 255, None, 6), (0.99, 510, 2, 10), (0.99, 1000, 5, 16),
    (0.975, 255, 3, 11), (0.975, 510, 7, 20), (0.975, 1000, 16, 35),
    (0.95, 255, 7, 20), (0.95, 510, 17, 35), (0.95, 1000, 38, 64),
]  # fmt: skip


@pytest.mark.parametrize(("level", "days", "fewest", "most"), REGIONS)
def test_kupiec_keeps_the_published_regions(level, days, fewest, most):
    kept = [n for n in range(days) if kupiec(n, days, level).p_value > 0.05]
    assert kept[-1] == most
    assert fewest in (None, kept[0])


def test_kupiec_is_chi_squared():
    found = kupiec(20, 1_000, 0.99)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 1))
    likelihood = lambda p: stats.binom.logpmf(20, 1_000, p)  # noqa: E731
    assert found.statistic == pytest.approx(2 * (likelihood(0.02) - likelihood(0.01)))
    assert kupiec(0, 250, 0.99).statistic == pytest.approx(-2 * 250 * np.log(0.99))


@pytest.mark.parametrize("wrong", [(251, 250, 0.99), (-1, 250, 0.99), (0, 0, 0.99)])
def test_kupiec_refuses_what_cannot_be(wrong):
    with pytest.raises(DataError, match="exceptions must be 0 to"):
        kupiec(*wrong)
    with pytest.raises(DataError, match="level must be between 0 and 1; got 1"):
        kupiec(1, 2, 1)


def test_a_backtest_uses_only_the_past():
    returns = RNG.normal(0, 0.01, (120, 3))
    first = backtest(returns, window=60)
    changed = returns.copy()
    changed[90:] *= 10
    again = backtest(changed, window=60)
    assert np.array_equal(first.var[:31], again.var[:31])
    assert first.var[31] != again.var[31]


def test_a_backtest_states_the_var_of_its_window():
    returns = RNG.normal(0, 0.01, (80, 3))
    tested = backtest(returns, window=60, level=0.95)
    for row, day in enumerate(tested.days):
        report = value_at_risk(returns[day - 60 : day], levels=[0.95], paths=1_000)
        assert tested.var[row] == pytest.approx(report.tails[0].gaussian_var)
    assert tested.test.days == 20
    assert tested.test.exceptions == sum(-tested.returns > tested.var)


def test_names_join_a_backtest_when_they_have_a_window_of_returns():
    returns = RNG.normal(0, 0.01, (50, 3))
    returns[:20, 1] = np.nan
    returns[45, 2] = np.nan
    tested = backtest(returns, window=20)
    assert tested.names.tolist() == [2] * 20 + [3] * 5 + [2] * 5


def test_a_history_too_short_for_a_backtest_is_named():
    with pytest.raises(DataError, match="backtest needs more than 500 days; got 300"):
        backtest(RETURNS)
    with pytest.raises(DataError, match="needs a name with more than 20 returns in a row"):
        backtest(np.full((40, 2), np.nan), window=20)
    with pytest.raises(DataError, match=r"level must be between 0 and 1; got 1\.0"):
        backtest(RETURNS, window=20, level=1.0)


@pytest.mark.parametrize("window", [1, 0, -3])
def test_a_window_has_two_days_at_least(window):
    message = f"window must be at least 2 days; got {window}"
    walked = np.exp(np.cumsum(RETURNS, axis=0))
    for job in (backtest, lambda _, window: assess(table(walked), window=window)):
        with pytest.raises(DataError, match=message):
            job(RETURNS, window=window)


def table(values):
    days = np.datetime64("2020-01-01") + np.arange(len(values))
    return Prices(days, [f"S{n}" for n in range(values.shape[1])], values, "close")


def test_names_that_cannot_be_used_are_left_out_and_named():
    values = np.exp(np.cumsum(RNG.normal(0, 0.01, (60, 4)), axis=0))
    values[30, 1] = np.nan
    values[:, 2] = 7.0
    values[10:, 3] *= 3
    found = assess(table(values), window=40, paths=1_000)
    assert found.symbols == ["S0", "S3"]
    assert found.notes[:2] == [
        "1 of 4 names left out (S1): a price is missing in the window",
        "1 of 4 names left out (S2): it is constant",
    ]
    ((symbol, day, value),) = found.jumps
    assert (symbol, day) == ("S3", "2020-01-11")
    assert value == pytest.approx(2, abs=0.2)


def test_a_table_too_short_is_named():
    with pytest.raises(DataError, match="risk needs more than 20 days of prices; got 20"):
        assess(table(np.ones((20, 2))))
    with pytest.raises(DataError, match="no name has a price on each of the last 30 days"):
        assess(table(np.full((30, 2), np.nan)))
    message = "prices must move; every name with a price on each of the last 30 days is constant"
    with pytest.raises(DataError, match=message):
        assess(table(np.column_stack([np.full(30, 7.0), np.full(30, np.nan)])))
    short = assess(table(np.exp(RNG.normal(0, 0.01, (50, 2)))), paths=1_000)
    assert short.backtest is None
    assert short.notes == ["no backtest: 49 returns, more than 500 needed"]


def test_gaps_cost_the_backtest_and_not_the_report():
    values = np.exp(np.cumsum(RNG.normal(0, 0.01, (60, 2)), axis=0))
    values[19] = np.nan  # no return to day 19 or 20, so there are 39 in a row after them
    found = assess(table(values), window=38, paths=1_000)
    assert found.backtest is not None
    assert found.backtest.test.days == 1
    found = assess(table(values), window=39, paths=1_000)
    assert found.risk.paths == 1_000
    assert found.backtest is None
    assert found.notes == [
        "no backtest: no name has more than 39 returns in a row; the most are 39"
    ]
