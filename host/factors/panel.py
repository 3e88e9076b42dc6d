"""Named factors over time and instruments."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tapeout.errors import DataError

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Panel:
    """Factor values on a grid.

    Parameters
    ----------
    names : list of str
        K factors.
    time_ns : (T,) int64
        Start of each bar, ns UTC.
    symbols : list of str
        N instruments.
    values : (K, T, N) float64
        NaN where a factor is not known.
    """

    names: list[str]
    time_ns: np.ndarray[Any, np.dtype[np.int64]]
    symbols: list[str]
    values: Floats

    def __getitem__(self, name: str) -> Floats:
        if name not in self.names:
            raise DataError(f"factor must be one of {', '.join(self.names)}; got {name!r}")
        values: Floats = self.values[self.names.index(name)]
        return values

    @property
    def coverage(self) -> Floats:
        """Share of known values of each factor, (K,)."""
        return np.asarray(np.isfinite(self.values).mean(axis=(1, 2)))

    def to_arrow(self) -> pa.Table:
        """One row a bar and instrument, one column a factor; unknown values are null."""
        times = pa.array(np.repeat(self.time_ns, len(self.symbols)))
        table = {"time_ns": times, "symbol": pa.array(self.symbols * self.time_ns.size)}
        for name, values in zip(self.names, self.values, strict=True):
            table[name] = pa.array(values.ravel(), mask=~np.isfinite(values).ravel())
        return pa.table(table)
