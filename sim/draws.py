"""Random integers that are the same on every machine: raw words of a named bit generator.

NumPy keeps the raw stream of a bit generator fixed for ever, but not what its distributions make of
it. So all that is random in `sim` starts from these words and goes on in integers.
"""

from typing import Any

import numpy as np

Words = np.ndarray[Any, np.dtype[np.uint64]]
HALVES_DEVIATION = 2**16 / np.sqrt(12)  # of one uniform 16-bit integer


def words(seed: int, stream: int, *shape: int) -> Words:
    """Independent 64-bit words; another `stream` of the same seed is independent of this one."""
    generator = np.random.PCG64(np.random.SeedSequence([seed, stream]))
    return np.asarray(generator.random_raw(int(np.prod(shape)))).reshape(shape)


def gaussian(seed: int, stream: int, *shape: int, scale: int) -> np.ndarray[Any, Any]:
    """Nearly normal int64 of standard deviation `scale`: sums of twelve uniform integers."""
    quarters = words(seed, stream, *shape, 3).view(np.uint16).astype(np.int64)
    centred = quarters.reshape(*shape, 12).sum(axis=-1) - 12 * 2**15
    return np.asarray(centred * scale // round(HALVES_DEVIATION * np.sqrt(12)))
