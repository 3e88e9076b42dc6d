"""Did a value at risk hold? The proportion of failures test."""

import math
from typing import NamedTuple

from tapeout.errors import DataError


class Kupiec(NamedTuple):
    """How often losses exceeded VaR, and how likely that is if the level is right.

    `statistic` is the likelihood ratio, chi-squared with one degree of freedom under the
    hypothesis that exceptions come with probability 1 - level; `p_value` its upper tail.
    """

    exceptions: int
    days: int
    expected: float
    statistic: float
    p_value: float


def kupiec(exceptions: int, days: int, level: float) -> Kupiec:
    """Proportion of failures test of `exceptions` in `days` against a confidence level.

    Raises
    ------
    DataError
        "exceptions must be 0 to 250 days; got 251"

    References
    ----------
    P. Kupiec, "Techniques for verifying the accuracy of risk measurement models", Journal of
    Derivatives 3 (1995), 73-84.
    """
    if not 0 < level < 1:
        raise DataError(f"level must be between 0 and 1; got {level}")
    if days < 1 or not 0 <= exceptions <= days:
        raise DataError(f"exceptions must be 0 to {days} days; got {exceptions}")
    chance, rate = 1 - level, exceptions / days
    likelihood = _log_likelihood(exceptions, days, chance)
    statistic = 2 * (_log_likelihood(exceptions, days, rate) - likelihood)
    statistic = max(statistic, 0.0)
    p_value = math.erfc(math.sqrt(statistic / 2))
    return Kupiec(exceptions, days, days * chance, statistic, p_value)


def _log_likelihood(exceptions: int, days: int, chance: float) -> float:
    """Log probability of one order of so many exceptions; 0 log 0 is 0."""
    hit = exceptions * math.log(chance) if exceptions else 0.0
    miss = (days - exceptions) * math.log(1 - chance) if exceptions < days else 0.0
    return hit + miss
