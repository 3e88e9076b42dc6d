"""How well a factor ranks what comes next."""

from typing import NamedTuple

import numpy as np

from tapeout.factors.panel import Floats, Panel
from tapeout.kernels.crosssection import cross_rank, cross_zscore


class InformationCoefficient(NamedTuple):
    """Mean rank correlation with the next bar's returns, its standard error, and of how many bars.

    The error takes bars as independent.
    """

    mean: float
    standard_error: float
    bars: int


def information_coefficients(panel: Panel, returns: Floats) -> dict[str, InformationCoefficient]:
    """Spearman correlation across instruments of each factor with the return one bar later.

    Parameters
    ----------
    panel : Panel
        (K, T, N).
    returns : (T, N) float, per bar
        `returns[t]` is earned from bar t - 1 to bar t.

    Returns
    -------
    dict
        By factor name. Bars with fewer than three known pairs, or without differences, are left
        out; a factor without any such bar has NaN.

    References
    ----------
    R. Grinold and R. Kahn, *Active Portfolio Management*, 2nd ed., 2000, chapter 6.
    """
    out = {}
    for name, values in zip(panel.names, panel.values, strict=True):
        known = np.isfinite(values[:-1]) & np.isfinite(returns[1:])
        before = cross_zscore(cross_rank(np.where(known, values[:-1], np.nan)))
        after = cross_zscore(cross_rank(np.where(known, returns[1:], np.nan)))
        count = known.sum(axis=1)
        usable = (count >= 3) & np.isfinite(before).any(axis=1) & np.isfinite(after).any(axis=1)
        each = np.nansum((before * after)[usable], axis=1) / (count[usable] - 1)
        spread = each.std(ddof=1) / np.sqrt(each.size) if each.size > 1 else np.nan
        mean = each.mean() if each.size else np.nan
        out[name] = InformationCoefficient(float(mean), float(spread), int(each.size))
    return out
