"""Loss scenarios of a portfolio, and what their tail says."""

import math

import numpy as np

from tapeout.kernels._kernel import Array, array_namespace, kernel
from tapeout.kernels.draws import four_normals
from tapeout.kernels.montecarlo_cpu import LANES, add_losses


@kernel(static=("paths", "seed", "stream"))
def gaussian_losses(
    exposure: Array, first: int, *, paths: int, seed: int, stream: int = 0
) -> Array:
    r"""Losses of a linear portfolio whose drivers are independent standard normals.

    .. math:: \\ell_p = -\\sum_n e_n z_{pn}, \\qquad e = L^\\top w, \\quad L L^\\top = \\Sigma

    Parameters
    ----------
    exposure : (N,) float64, return per unit of each driver
        For weights w and a covariance, w times the covariance's Cholesky factor.
    first : int
        Number of the first scenario; see `tapeout.kernels.draws` for what a number draws.
    paths : int
        P, how many scenarios.
    seed, stream : int
        Which set of scenarios.

    Returns
    -------
    (P,) float64, fraction of equity
        Positive is a loss. Terms are added in the order of n, so a scenario's loss is the same in
        whatever batch it is computed.

    References
    ----------
    P. Glasserman, *Monte Carlo Methods in Financial Engineering*, Springer 2003, chapter 9.
    """
    xp = array_namespace(exposure)
    numbers = xp.arange(paths, dtype=xp.uint64) + xp.asarray(first).astype(xp.uint64)
    losses = xp.zeros(paths, xp.float64)
    for block in range(-(-exposure.shape[0] // 4)):
        deviates = four_normals(xp, numbers, block, seed, stream)
        for lane, deviate in enumerate(deviates[: exposure.shape[0] - 4 * block]):
            losses = losses - exposure[4 * block + lane] * deviate
    return losses


@gaussian_losses.on("cpu")
def _(exposure: Array, first: int, *, paths: int, seed: int, stream: int = 0) -> Array:
    losses = np.zeros(-(-paths // LANES) * LANES)
    add_losses(np.asarray(exposure, np.float64), first, seed, stream, losses)
    return losses[:paths]


def _deviation(paths: int, level: float) -> float:
    """Of how many losses lie below the quantile: binomial."""
    return math.sqrt(paths * level * (1 - level))


def _ranks(paths: int, level: float) -> tuple[int, int, int]:
    """Ranks from 1: the quantile, and at least one standard deviation below and above it."""
    rank = max(math.ceil(round(level * paths, 6)), 1)  # 0.07 * 100 is a little above 7
    spread = math.ceil(_deviation(paths, level))
    return rank, max(rank - spread, 1), min(rank + spread, paths)


def _tail(ordered: Array, level: float) -> Array:
    """VaR, its error, ES, its error, of losses whose three ranks are in place."""
    xp, paths = array_namespace(ordered), ordered.shape[0]
    rank, low, high = _ranks(paths, level)
    var, beyond = ordered[rank - 1], ordered[rank:]
    slope = (ordered[high - 1] - ordered[low - 1]) / (high - low)  # return per rank
    weight = paths * (1 - level)  # of the tail, in scenarios; the VaR scenario fills it up
    excess = (beyond - var).sum() / weight
    squared = ((beyond - var) ** 2).sum() / weight
    error = xp.sqrt((squared - (1 - level) * excess**2) / weight)
    return xp.stack([var, slope * _deviation(paths, level), var + excess, error])


@kernel(static=("level",))
def tail_risk(losses: Array, *, level: float) -> Array:
    """Value at risk and expected shortfall of equally likely losses, with standard errors.

    Parameters
    ----------
    losses : (P,) float
        Finite, and enough of them: P (1 - level) >= 2.
    level : float
        In (0, 1), e.g. 0.99.

    Returns
    -------
    (4,) float: VaR, its standard error, ES, its standard error
        VaR is the order statistic of rank ceil(level P), ES the mean of the worst P (1 - level)
        losses. The error of VaR is the binomial standard deviation of its rank, times the mean
        distance of neighbouring losses over that many ranks to either side.

    References
    ----------
    ES: R. T. Rockafellar and S. Uryasev, "Conditional value-at-risk for general loss
    distributions", Journal of Banking & Finance 26 (2002), 1443-1471. Its error: B. J. Manistre
    and G. H. Hancock, "Variance of the CTE estimator", North American Actuarial Journal 9 (2005),
    129-156, written as the deviation of the 2002 paper's integrand over sqrt(P).
    """
    return _tail(array_namespace(losses).sort(losses), level)


@tail_risk.on("cpu")
def _(losses: Array, *, level: float) -> Array:
    kept = sorted({rank - 1 for rank in _ranks(losses.shape[0], level)})
    return _tail(np.partition(losses, kept), level)
