"""Covariance of returns."""

from tapeout.kernels._kernel import Array, array_namespace, kernel


def _checked(returns: Array) -> None:
    if returns.ndim != 2 or returns.shape[0] < 2:
        raise ValueError(f"returns must be (T, N) with T >= 2; got {tuple(returns.shape)}")


def _centred(returns: Array) -> Array:
    """Distance from the mean; measured from the first bar, so what never moves is exactly zero."""
    moved = returns - returns[0]
    return moved - moved.mean(axis=0)


@kernel()
def sample_covariance(returns: Array) -> Array:
    """Sample covariance, divided by T - 1.

    Parameters
    ----------
    returns : (T, N) float, per bar
        T >= 2. A NaN makes its row and column NaN.

    Returns
    -------
    (N, N) float, return^2 per bar
        Symmetric, positive semidefinite; singular for T <= N.

    Raises
    ------
    ValueError
        "returns must be (T, N) with T >= 2; got (1, 7)"
    """
    _checked(returns)
    centred = _centred(returns)
    return centred.T @ centred / (returns.shape[0] - 1)


@kernel()
def ledoit_wolf(returns: Array) -> tuple[Array, Array]:
    """Covariance shrunk towards a scaled identity, and by how much.

    The shrinkage intensity needs the mean distance of the x_t x_t' from their mean S. That is
    (sum |x_t|^4 / T - |S|^2) / T, so one product of the returns with themselves is all the work.

    Parameters
    ----------
    returns : (T, N) float, per bar
        T >= 2. A NaN anywhere makes everything NaN: fill or drop first.

    Returns
    -------
    covariance : (N, N) float, return^2 per bar
        Symmetric, divided by T as in the reference. Positive definite where the returns differ
        in more than one direction or size: two bars, or bars that never move, leave it singular.
    shrinkage : () float
        In [0, 1]: the weight of the identity.

    Raises
    ------
    ValueError
        "returns must be (T, N) with T >= 2; got (1, 7)"

    References
    ----------
    O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance
    matrices", Journal of Multivariate Analysis 88 (2004), 365-411, section 3.3.
    """
    _checked(returns)
    xp = array_namespace(returns)
    bars, n = returns.shape
    centred = _centred(returns)
    sample = centred.T @ centred / bars
    squared = (sample * sample).sum()
    mean = xp.trace(sample) / n
    spread = squared - n * mean**2
    noise = (((centred * centred).sum(axis=1) ** 2).sum() / bars - squared) / bars
    share = xp.where(spread <= 0, 0, noise / xp.where(spread <= 0, 1, spread))  # NaN stays NaN
    shrinkage = xp.clip(share, 0, 1)
    shrunk = (1 - shrinkage) * sample + shrinkage * mean * xp.eye(n, dtype=returns.dtype)
    return shrunk, shrinkage
