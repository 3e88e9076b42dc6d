"""Monte Carlo value at risk and expected shortfall, every figure with its standard error."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from tapeout.device import Device, choose_device
from tapeout.errors import DataError
from tapeout.kernels.montecarlo import gaussian_losses, tail_risk
from tapeout.progress import Progress, Silent
from tapeout.risk.covariance import Covariance, Floats, covariance

SHARD = 1 << 16  # scenarios computed together; the answer does not depend on it
LEVELS = (0.95, 0.975, 0.99)


@dataclass(frozen=True)
class TailRisk:
    """Risk at one confidence level, as fractions of equity; positive is a loss.

    `gaussian_var` and `gaussian_es` are the closed forms that the simulation converges to.
    """

    level: float
    var: float
    var_error: float
    es: float
    es_error: float
    gaussian_var: float
    gaussian_es: float


@dataclass(frozen=True)
class VarReport:
    """What can be lost in one bar, and all that is needed to say it again.

    Parameters
    ----------
    tails : list of TailRisk
        One a level.
    volatility : float
        Standard deviation of the portfolio's return per bar.
    contributions : (N,) float64
        Share of each position in the volatility (Euler); they add up to 1.
    losses : (P,) float64
        The scenarios, fraction of equity.
    covariance : Covariance
        What they were drawn from.
    weights : (N,) float64
    seed : int
    device, why : str
    """

    tails: list[TailRisk]
    volatility: float
    contributions: Floats
    losses: Floats
    covariance: Covariance
    weights: Floats
    seed: int
    device: str
    why: str

    @property
    def paths(self) -> int:
        """P, the number of scenarios."""
        return self.losses.size


def value_at_risk(
    returns: Any,
    weights: Any = None,
    *,
    levels: Sequence[float] = LEVELS,
    paths: int = 1_000_000,
    seed: int = 1,
    method: str = "ledoit_wolf",
    estimate: Covariance | None = None,
    on: Device | None = None,
    progress: Progress | None = None,
) -> VarReport:
    """Simulate a linear portfolio's loss over the next bar under Gaussian returns of mean zero.

    Parameters
    ----------
    returns : (T, N) float, per bar
        What the covariance is estimated from; T >= 2, all finite.
    weights : (N,) float, optional
        Fractions of equity; 1 / N each if not given.
    levels : sequence of float
        Confidence levels in (0, 1).
    paths : int
        P, how many scenarios.
    seed : int
        The same seed gives the same scenarios on every device and for any number of shards.
    method : str
        See `covariance`.
    estimate : Covariance, optional
        Use this one instead of estimating.
    on : Device, optional
        Where to compute; `choose_device()` if not given.
    progress : Progress, optional
        Told how many scenarios are done.

    Raises
    ------
    DataError
        If weights, levels or paths do not fit; the message names which and what was expected.
    """
    check_scenarios(paths, seed, levels)
    on = on or choose_device()
    estimate = estimate or covariance(returns, method=method, on=on)
    n = estimate.matrix.shape[0]
    given = np.full(n, 1 / n) if weights is None else np.asarray(weights, np.float64)
    if given.shape != (n,) or not np.isfinite(given).all():
        raise DataError(f"weights must be ({n},) and finite; got {given.shape}")
    losses = _simulate(given, estimate, paths, seed, on, progress or Silent())
    sigma = float(np.sqrt(given @ estimate.matrix @ given))
    placed = on.put(losses)
    tails = [_tail(on.get(tail_risk(placed, level=level)), level, sigma) for level in levels]
    marginal = estimate.matrix @ given
    shares = given * marginal / sigma**2 if sigma > 0 else np.zeros(n)
    return VarReport(tails, sigma, shares, losses, estimate, given, seed, on.name, on.why)


def check_scenarios(paths: int, seed: int, levels: Sequence[float] = LEVELS) -> None:
    """Refuse scenarios that `value_at_risk` cannot draw or read a tail from.

    Raises
    ------
    DataError
        "levels must be between 0 and 1; got [1.0]"
        "paths must be at least 200 for these levels; got 100"
        "seed must fit 64 bits; got -1"
    """
    if not levels or not all(0 < level < 1 for level in levels):
        raise DataError(f"levels must be between 0 and 1; got {list(levels)}")
    fewest = max(round(2 / (1 - level)) for level in levels)
    if paths < fewest:
        raise DataError(f"paths must be at least {fewest:,} for these levels; got {paths:,}")
    if not 0 <= seed < 2**64:
        raise DataError(f"seed must fit 64 bits; got {seed}")


def _simulate(
    weights: Floats, estimate: Covariance, paths: int, seed: int, on: Device, progress: Progress
) -> Floats:
    """Losses of all scenarios, shard by shard; on a CPU the shards share its cores."""
    try:
        exposure = on.put(weights @ np.linalg.cholesky(estimate.matrix))
    except np.linalg.LinAlgError:
        raise DataError(
            f"covariance must be positive definite, and this one is not: {_advice(estimate)}"
        ) from None
    advance = progress.stage("simulating scenarios", paths)

    def shard(first: int) -> Floats:
        count = min(SHARD, paths - first)
        losses = on.get(gaussian_losses(exposure, first, paths=count, seed=seed))
        advance(count)
        return losses

    workers = os.cpu_count() or 1 if on.name == "numpy" else 1
    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(shard, range(0, paths, SHARD))))


def _advice(estimate: Covariance) -> str:
    """What may make an estimate positive definite."""
    if estimate.method == "ledoit_wolf":
        return "give it at least 3 returns that differ"
    return (
        "give it more returns than instruments, leave out instruments that never move, or use"
        " method='ledoit_wolf'"
    )


def _tail(found: Floats, level: float, sigma: float) -> TailRisk:
    normal = NormalDist()
    quantile = normal.inv_cdf(level)
    var, var_error, es, es_error = (float(figure) for figure in found)
    shortfall = sigma * normal.pdf(quantile) / (1 - level)
    return TailRisk(level, var, var_error, es, es_error, sigma * quantile, shortfall)
