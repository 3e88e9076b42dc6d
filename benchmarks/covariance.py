"""How fast is the Ledoit-Wolf covariance, against scikit-learn, on each device?"""

import harness
import numpy as np
from sklearn.covariance import LedoitWolf

from tapeout.device import Device, choose_device
from tapeout.kernels._kernel import Array
from tapeout.kernels.covariance import ledoit_wolf

SIZES = ((500, 446), (1_000, 500), (2_500, 2_000))
PEER = "scikit-learn LedoitWolf(store_precision=False)"  # by default it also inverts


def run(bench: harness.Benchmark) -> None:
    """The estimate alone, from returns placed on the device to a NumPy matrix."""
    rng = np.random.default_rng(harness.SEED)
    names = [bench.device] if bench.device != "cpu" else ["numpy", "jax"]
    for bars, n in SIZES[: bench.size(3, 2)]:
        returns = rng.normal(size=(bars, n)) * rng.uniform(0.01, 0.03, n)

        def theirs(returns: Array = returns) -> Array:
            return LedoitWolf(store_precision=False).fit(returns).covariance_

        for name in names:
            on = choose_device(name)

            def ours(placed: Array = on.put(returns)) -> Array:
                return Device.get(ledoit_wolf(placed)[0])

            np.testing.assert_allclose(ours(), theirs(), atol=1e-12)
            bench.compare(
                f"T={bars}, N={n} on {on.name} ({on.hardware})", ours, bars * n, "ns/return",
                peer=PEER, theirs=theirs, wall=on.hardware != "CPU",
            )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
