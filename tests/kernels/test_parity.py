"""Every kernel, on every backend that answers, equals its textbook loop in float64."""

import importlib
import itertools
import math
import pickle
import pkgutil

import numpy as np
import pytest
from scipy import stats

from tapeout import kernels
from tapeout.device import BACKENDS, READY, Device, choose_device, devices
from tapeout.kernels._kernel import REGISTRY, Kernel, kernel, library
from tapeout.map import house_map

MODULES = [found.name for found in pkgutil.walk_packages(kernels.__path__, "tapeout.kernels.")]
for name in MODULES:
    importlib.import_module(name)  # fills the registry

STATE = devices()
rng = np.random.default_rng(20260105)


def _prices():
    return np.exp(np.cumsum(rng.normal(0, 0.01, (30, 5)), axis=0)) * 50


def simple_returns(prices):
    return [[p[n] / q[n] - 1 for n in range(len(p))] for q, p in itertools.pairwise(prices)]


def log_returns(prices):
    return [[math.log(p[n] / q[n]) for n in range(len(p))] for q, p in itertools.pairwise(prices)]


def _rolling(panel, window, statistic):
    """Apply a statistic to every full window of every column."""
    rows, columns = panel[0].shape
    out = np.full((rows, columns), np.nan)
    for t in range(window - 1, rows):
        for n in range(columns):
            out[t, n] = statistic(*([float(p[s, n]) for s in range(t - window + 1, t + 1)]
                                    for p in panel))  # fmt: skip
    return out


def _covariance(x, y):
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    moments = [(a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)]
    return math.fsum(moments) / (len(x) - 1)


def rolling_sum(values, window):
    return _rolling([values], window, math.fsum)


def rolling_mean(values, window):
    return _rolling([values], window, lambda x: math.fsum(x) / len(x))


def rolling_std(values, window):
    return _rolling([values], window, lambda x: math.sqrt(_covariance(x, x)))


def rolling_covariance(x, y, window):
    return _rolling([x, y], window, _covariance)


def cross_rank(values):
    out = np.full(values.shape, np.nan)
    for t, row in enumerate(values):
        known = [v for v in row if not math.isnan(v)]
        for n, value in enumerate(row):
            if not math.isnan(value):
                below, ties = sum(v < value for v in known), sum(v == value for v in known)
                out[t, n] = (below + (ties + 1) / 2) / len(known)
    return out


def cross_zscore(values):
    out = np.full(values.shape, np.nan)
    for t, row in enumerate(values):
        known = [v for v in row if not math.isnan(v)]
        if len(known) < 2 or len(set(known)) < 2:
            continue
        mean, deviation = math.fsum(known) / len(known), math.sqrt(_covariance(known, known))
        out[t] = [(v - mean) / deviation for v in row]
    return out


def sample_covariance(returns):
    columns = returns.shape[1]
    return [[_covariance(returns[:, i], returns[:, j]) for j in range(columns)]
            for i in range(columns)]  # fmt: skip


def ledoit_wolf(returns):
    """Section 3.3 of the paper, term by term: m, d^2, b-bar^2, b^2, with |A|^2 = tr(AA')/n."""
    bars, n = returns.shape
    x = returns - returns.mean(axis=0)
    s = sum(np.outer(row, row) for row in x) / bars

    def squared(a):
        return sum(v * v for v in a.ravel()) / n

    m = sum(s[i, i] for i in range(n)) / n
    d2 = squared(s - m * np.eye(n))
    b2 = min(sum(squared(np.outer(row, row) - s) for row in x) / bars**2, d2)
    return b2 / d2 * m * np.eye(n) + (1 - b2 / d2) * s, b2 / d2


def normals(paths, dimensions, seed, stream=0):
    """Philox by its definition on Python integers, then Box and Muller's formula."""
    out = []
    for path in paths:
        row = []
        for block in range(-(-dimensions // 4)):
            counter = [int(path) & 0xFFFFFFFF, int(path) >> 32, block, stream]
            key = [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF]
            for _ in range(10):
                left, right = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
                counter = [right >> 32 ^ counter[1] ^ key[0], right & 0xFFFFFFFF,
                           left >> 32 ^ counter[3] ^ key[1], left & 0xFFFFFFFF]  # fmt: skip
                key = [key[0] + 0x9E3779B9 & 0xFFFFFFFF, key[1] + 0xBB67AE85 & 0xFFFFFFFF]
            for u, v in (counter[:2], counter[2:]):
                radius = math.sqrt(-2 * math.log((u + 0.5) / 2**32))
                angle = 2 * math.pi * (v + 0.5) / 2**32
                row += [radius * math.cos(angle), radius * math.sin(angle)]
        out.append(row[:dimensions])
    return out


def gaussian_losses(exposure, first, paths, seed, stream=0):
    drawn = normals(range(first, first + paths), len(exposure), seed, stream)
    return [-math.fsum(e * z for e, z in zip(exposure, row, strict=True)) for row in drawn]


def tail_risk(losses, level):
    """VaR by NumPy's quantile; ES, and its error, from the function whose least value ES is.

    R. T. Rockafellar and S. Uryasev (2002): ES is the least mean over c, and the mean at VaR, of
    c + max(loss - c, 0) / (1 - level). VaR's error is the slope of the empirical quantile, between
    the nearest ranks at least a binomial deviation away, times that deviation.
    """
    paths, ranks = losses.size, np.arange(1, losses.size + 1)
    var = np.quantile(losses, level, method="inverted_cdf")
    terms = losses[:, None] + np.maximum(losses - losses[:, None], 0) / (1 - level)  # (c, path)
    rank, deviation = (losses <= var).sum(), stats.binom(paths, level).std()
    low = ranks[ranks <= rank - deviation].max(initial=1)
    high = ranks[ranks >= rank + deviation].min(initial=paths)
    slope = np.diff(np.sort(losses)[[low - 1, high - 1]])[0] / (high - low)
    spread = terms[np.flatnonzero(losses == var)[0]].std()
    return [var, deviation * slope, terms.mean(axis=1).min(), spread / math.sqrt(paths)]


def _holed(shape):
    values = rng.normal(100, 1, shape)
    values[3, 1] = math.nan
    return values


def _ties():
    values = rng.integers(0, 4, (20, 9)).astype(float)
    values[2, 3], values[5] = math.nan, math.nan
    values[6] = 1.0
    return values


#: kernel -> (textbook, arrays, options). More than one case where the shape matters.
CASES = {
    "simple_returns": [(simple_returns, (_prices(),), {})],
    "log_returns": [(log_returns, (_prices(),), {})],
    "rolling_sum": [(rolling_sum, (_holed((40, 3)),), {"window": w}) for w in (1, 2, 7, 20, 41)],
    "rolling_mean": [(rolling_mean, (_holed((40, 3)),), {"window": w}) for w in (1, 5, 32)],
    "rolling_std": [(rolling_std, (_holed((40, 3)),), {"window": w}) for w in (2, 13, 31)],
    "rolling_covariance": [
        (rolling_covariance, (_holed((40, 3)), rng.normal(size=(40, 3))), {"window": w})
        for w in (2, 11, 40)
    ],
    "cross_rank": [(cross_rank, (_ties(),), {}), (cross_rank, (rng.normal(size=(3, 1)),), {})],
    "cross_zscore": [
        (cross_zscore, (values,), {})
        for values in (_ties(), _holed((9, 4)), np.full((2, 3), 0.1), np.full((2, 7), 4 / 7))
    ],
    "sample_covariance": [(sample_covariance, (rng.normal(1, 2, (15, 4)),), {})],
    "ledoit_wolf": [
        (ledoit_wolf, (rng.normal(size=(t, n)) * np.linspace(0.1, 3, n),), {})
        for t, n in ((20, 6), (6, 20), (50, 2))
    ],
    "normals": [(normals, (np.array([0, 1, 7, 2**40], np.uint64),),
                 {"dimensions": d, "seed": 2**63 + 5, "stream": 3}) for d in (1, 4, 6)],
    "gaussian_losses": [
        (gaussian_losses, (rng.normal(size=n), first), {"paths": 33, "seed": 2**35 + 1})
        for n, first in ((1, 0), (7, 2**33), (8, 5))
    ],
    "tail_risk": [(tail_risk, (rng.normal(size=paths),), {"level": level})
                  for paths, level in ((1000, 0.99), (999, 0.975), (40, 0.95), (200, 0.99))],
}  # fmt: skip


def test_kernels_are_looked_for_in_every_module_of_every_subpackage():
    assert set(MODULES) == {name for name in house_map() if name.startswith("tapeout.kernels.")}


def test_every_kernel_has_an_oracle():
    assert set(CASES) == set(REGISTRY)


def _bodies():
    """Every kernel x body, the GPU's marked."""
    for name in CASES:
        for backend in REGISTRY[name].bodies():
            device = "numpy" if backend == "cpu" else backend
            marks = [pytest.mark.gpu] if device in ("cupy", "jax") else []
            if device == "jax":
                marks = [pytest.mark.gpu] if "CPU" not in STATE["jax"] else []
            yield pytest.param(name, backend, device, id=f"{name}-{backend}", marks=marks)


@pytest.mark.parametrize(("name", "backend", "device"), list(_bodies()))
def test_kernel_equals_textbook(name, backend, device):
    if not STATE[device].startswith(READY):
        pytest.skip(f"{device}: {STATE[device]}")
    on, body = choose_device(device), REGISTRY[name].bodies()[backend]
    for oracle, arrays, options in CASES[name]:
        placed = [on.put(a) if isinstance(a, np.ndarray) else a for a in arrays]
        got, want = body(*placed, **options), oracle(*arrays, **options)
        pairs = zip(got, want, strict=True) if isinstance(got, tuple) else [(got, want)]
        for mine, truth in pairs:
            np.testing.assert_allclose(Device.get(mine), truth, rtol=1e-9, atol=1e-12)


def test_backends_are_those_that_devices_know():
    assert {"numpy", "jax", "cupy"} == set(BACKENDS)


def test_a_kernel_runs_the_body_of_its_argument():
    @kernel()
    def one(values):
        return "portable"

    one.on("cpu")(lambda values: "own")
    del REGISTRY["one"]
    assert one(np.zeros(1)) == "own"
    assert one.bodies()["numpy"](np.zeros(1)) == "portable"


def test_a_list_is_refused_by_name():
    with pytest.raises(TypeError, match="kernels take numpy, cupy or jax arrays; got list"):
        library([1.0])


def test_kernels_pickle_by_name():
    one = REGISTRY["rolling_sum"]
    assert isinstance(one, Kernel)
    assert pickle.loads(pickle.dumps(one)) is one
