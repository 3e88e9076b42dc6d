"""Covariance of returns, with the evidence for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tapeout.device import Device, choose_device
from tapeout.errors import DataError
from tapeout.kernels.covariance import ledoit_wolf, sample_covariance

Floats = np.ndarray[Any, np.dtype[np.float64]]

METHODS = ("ledoit_wolf", "sample")


@dataclass(frozen=True)
class Covariance:
    """An estimate and where it comes from.

    Parameters
    ----------
    matrix : (N, N) float64, return^2 per bar
    method : str
    shrinkage : float
        Weight of the shrinkage target; 0 for the sample covariance.
    condition : float
        Largest over smallest eigenvalue.
    bars : int
        T, how many returns it was estimated from.
    device, why : str
        Where it was computed and how that was chosen.
    """

    matrix: Floats
    method: str
    shrinkage: float
    condition: float
    bars: int
    device: str
    why: str

    def to_arrow(self, symbols: Sequence[str]) -> pa.Table:
        """One row and one column a symbol, under their names.

        The column of the rows' names is "symbol", or "symbol_" where an instrument is called so.
        """
        label = "symbol"
        while label in symbols:
            label += "_"
        columns = {label: pa.array(list(symbols))}
        columns.update(zip(symbols, map(pa.array, self.matrix), strict=True))
        return pa.table(columns)


def checked(returns: Any) -> Floats:
    """`returns` as (T, N) float64.

    Raises
    ------
    DataError
        If the shape is wrong or a value is not finite: the message names row and column.
    """
    values = np.asarray(returns, np.float64)
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 1:
        raise DataError(f"returns must be (T, N) with T >= 2; got {values.shape}")
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            f"returns must be finite; row {row}, column {column} is {values[row, column]}:"
            " fill or drop it first"
        )
    return values


def covariance(
    returns: Any, *, method: str = "ledoit_wolf", on: Device | None = None
) -> Covariance:
    """Estimate the covariance of returns.

    Parameters
    ----------
    returns : (T, N) float, per bar
        T >= 2, all finite.
    method : str
        "ledoit_wolf" or "sample"; see `tapeout.kernels.covariance`.
    on : Device, optional
        Where to compute; `choose_device()` if not given.

    Raises
    ------
    DataError
        For returns that are not (T, N), or not finite: the message names row and column.
    """
    values = checked(returns)
    if method not in METHODS:
        raise DataError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    on = on or choose_device()
    placed, shrinkage = on.put(values), 0.0
    if method == "ledoit_wolf":
        estimate, weight = ledoit_wolf(placed)
        shrinkage = float(on.get(weight))
    else:
        estimate = sample_covariance(placed)
    matrix = on.get(estimate)
    spectrum = np.linalg.eigvalsh(matrix)
    condition = float(spectrum[-1] / spectrum[0]) if spectrum[0] > 0 else float("inf")
    return Covariance(matrix, method, shrinkage, condition, values.shape[0], on.name, on.why)
