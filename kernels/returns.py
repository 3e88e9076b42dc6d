"""Prices to returns."""

from tapeout.kernels._kernel import Array, array_namespace, kernel


@kernel()
def simple_returns(prices: Array) -> Array:
    """Price change as a fraction of the price before.

    Parameters
    ----------
    prices : (T, N) float, > 0
        Oldest first. A NaN makes the two returns it is part of NaN.

    Returns
    -------
    (T - 1, N) float, per bar
    """
    return prices[1:] / prices[:-1] - 1


@kernel()
def log_returns(prices: Array) -> Array:
    """Logarithm of price over the price before.

    Parameters
    ----------
    prices : (T, N) float, > 0
        Oldest first. A NaN makes the two returns it is part of NaN.

    Returns
    -------
    (T - 1, N) float, per bar
    """
    logs = array_namespace(prices).log(prices)
    return logs[1:] - logs[:-1]
