"""Random integers that are the same on every machine: raw words of a named bit generator.

NumPy keeps the raw stream of a bit generator fixed for ever, but not what its distributions make of
it. So all that is random in `sim` starts from these words and goes on in integers.
"""

from typing import Any

import numpy as np

Words = np.ndarray[Any, np.dtype[np.uint64]]
#: Twice the sum of twelve uniform 16-bit integers has this mean, and 2**17 as its deviation.
MEAN_OF_TWELVE = 12 * (2**16 - 1)


def words(seed: int, stream: int, *shape: int) -> Words:
    """Independent 64-bit words; another `stream` of the same seed is independent of this one."""
    generator = np.random.PCG64(np.random.SeedSequence([seed, stream]))
    return np.asarray(generator.random_raw(int(np.prod(shape)))).reshape(shape)


def gaussian(seed: int, stream: int, *shape: int, scale: int) -> np.ndarray[Any, Any]:
    """Nearly normal int64 of standard deviation `scale`: sums of twelve uniform integers."""
    quarters = words(seed, stream, *shape, 3).view(np.uint16).astype(np.int64)
    centred = 2 * quarters.reshape(*shape, 12).sum(axis=-1) - MEAN_OF_TWELVE
    return np.asarray((centred * scale + 2**16) >> 17)  # to the nearest
