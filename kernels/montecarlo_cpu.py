"""Gaussian scenarios on a CPU: counter-based draws, normals and the dot product in one pass.

The portable body makes one array a step. Here sixteen paths go through all steps together in
registers: every loop below runs over lanes, without branches, so that it becomes vector
instructions. Logarithm, sine and cosine are polynomials for the same reason.
"""

from typing import Any

import numpy as np

from tapeout.kernels._jit import jit
from tapeout.kernels.draws import MASK, MULTIPLIERS, ROUNDS, WEYL

LANES = 16
_LOW, _HALF = np.uint64(MASK), np.uint64(32)
_M0, _M1 = np.uint64(MULTIPLIERS[0]), np.uint64(MULTIPLIERS[1])

Floats = np.ndarray[Any, np.dtype[np.float64]]
Paths = np.ndarray[Any, np.dtype[np.uint64]]

#: Minimax polynomials of fdlibm (Sun Microsystems, 1993): log near 1, sine and cosine to pi / 4.
LOG = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
    2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
    1.479819860511658591e-01,
)  # fmt: skip
SINE = (
    -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
    2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10,
)  # fmt: skip
COSINE = (
    4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
    -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11,
)  # fmt: skip
LN2 = 0.6931471805599453
QUARTER_TURN = 1.5707963267948966
MANTISSA, ONE_HALF, ROOT_HALF = 0xFFFFFFFFFFFFF, 0x3FE0000000000000, 0.7071067811865476


@jit
def _words(
    first: int, block: int, seed: int, stream: int, a: Paths, b: Paths, c: Paths, d: Paths
) -> None:
    """Philox4x32-10 of `LANES` consecutive paths, as `draws.philox`."""
    for lane in range(LANES):
        path = np.uint64(first + lane)
        a[lane], b[lane] = path & _LOW, path >> _HALF
        c[lane], d[lane] = np.uint64(block), np.uint64(stream)
    low, high = np.uint64(seed) & _LOW, np.uint64(seed) >> _HALF & _LOW
    for _ in range(ROUNDS):
        for lane in range(LANES):
            left, right = a[lane] * _M0, c[lane] * _M1
            a[lane] = (right >> _HALF) ^ b[lane] ^ low
            b[lane] = right & _LOW
            c[lane] = (left >> _HALF) ^ d[lane] ^ high
            d[lane] = left & _LOW
        low = (low + np.uint64(WEYL[0])) & _LOW
        high = (high + np.uint64(WEYL[1])) & _LOW


@jit
def _radius(words: Paths, bits: Any, unit: Floats, out: Floats) -> None:
    """sqrt(-2 log u) for u = (word + 1/2) / 2**32; `bits` is `unit` seen as int64."""
    for lane in range(LANES):
        unit[lane] = (np.float64(np.int64(words[lane])) + 0.5) * 2.0**-32
    for lane in range(LANES):
        out[lane] = np.float64((bits[lane] >> 52) - 1022)
        bits[lane] = (bits[lane] & MANTISSA) | ONE_HALF
    for lane in range(LANES):
        small = unit[lane] < ROOT_HALF
        exponent = out[lane] - (1.0 if small else 0.0)
        f = (unit[lane] * 2.0 if small else unit[lane]) - 1.0
        s = f / (2.0 + f)
        z = s * s
        r = z * (LOG[0] + z * (LOG[1] + z * (LOG[2] + z * (LOG[3] + z * (LOG[4] + z * (
            LOG[5] + z * LOG[6]))))))  # fmt: skip
        half = 0.5 * f * f
        out[lane] = np.sqrt(-2.0 * (exponent * LN2 - (half - s * (half + r) - f)))


@jit
def _turn(words: Paths, cosine: Floats, sine: Floats) -> None:
    """Cosine and sine of 2 pi (word + 1/2) / 2**32, reduced to an eighth of a turn."""
    for lane in range(LANES):
        quarters = (np.float64(np.int64(words[lane])) + 0.5) * 2.0**-30
        nearest = np.floor(quarters + 0.5)
        quadrant = np.int64(nearest)
        x = (quarters - nearest) * QUARTER_TURN
        z = x * x
        s = x + x * z * (SINE[0] + z * (SINE[1] + z * (SINE[2] + z * (SINE[3] + z * (
            SINE[4] + z * SINE[5])))))  # fmt: skip
        c = 1.0 - 0.5 * z + z * z * (COSINE[0] + z * (COSINE[1] + z * (COSINE[2] + z * (
            COSINE[3] + z * (COSINE[4] + z * COSINE[5])))))  # fmt: skip
        odd = quadrant & 1 == 1
        cosine[lane] = (s if odd else c) * (1.0 - np.float64((quadrant + 1) & 2))
        sine[lane] = (c if odd else s) * (1.0 - np.float64(quadrant & 2))


@jit
def add_losses(exposure: Floats, first: int, seed: int, stream: int, losses: Floats) -> None:
    """Subtract exposure times normals from `losses`, for the paths from `first` on.

    `losses` (P,) must be a multiple of `LANES` long. Terms are added in the order of the drivers,
    as in the portable body of `montecarlo.gaussian_losses`.
    """
    a, b = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    c, d = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    unit, radius = np.empty(LANES), np.empty(LANES)
    cosine, sine = np.empty(LANES), np.empty(LANES)
    bits = unit.view(np.int64)
    padded = np.zeros((exposure.size + 3) // 4 * 4)
    padded[: exposure.size] = exposure
    for start in range(0, losses.size, LANES):
        for block in range(padded.size // 4):
            _words(first + start, block, seed, stream, a, b, c, d)
            for half in range(2):
                _radius(a if half == 0 else c, bits, unit, radius)
                _turn(b if half == 0 else d, cosine, sine)
                e0, e1 = padded[4 * block + 2 * half], padded[4 * block + 2 * half + 1]
                for lane in range(LANES):
                    losses[start + lane] -= e0 * (radius[lane] * cosine[lane])
                    losses[start + lane] -= e1 * (radius[lane] * sine[lane])
