"""How fast is the Ledoit-Wolf covariance, against scikit-learn, on each device?"""

import harness
import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.covariance import ledoit_wolf as sklearn_function

from tapeout.device import Device, choose_device
from tapeout.kernels.covariance import ledoit_wolf


def run(bench: harness.Benchmark) -> None:
    """The estimator class as users call it, which inverts too; and the bare function."""
    rng = np.random.default_rng(harness.SEED)
    sizes = (
        ((500, 446), (1_000, 500)) if bench.quick else ((500, 446), (1_000, 500), (2_500, 2_000))
    )
    names = [bench.device] if bench.device != "cpu" else ["numpy", "jax"]
    for bars, n in sizes:
        returns = rng.normal(size=(bars, n)) * rng.uniform(0.01, 0.03, n)
        peers = {
            "scikit-learn LedoitWolf()": lambda r=returns: LedoitWolf().fit(r),
            "scikit-learn ledoit_wolf()": lambda r=returns: sklearn_function(r),
        }
        for name in names:
            on = choose_device(name)
            placed = on.put(returns)
            for peer, theirs in peers.items():
                bench.compare(
                    f"T={bars}, N={n} on {on.name} ({on.hardware})",
                    lambda p=placed: Device.get(ledoit_wolf(p)[0]), bars * n, "ns/return",
                    peer=peer, theirs=theirs, wall=on.hardware != "CPU",
                )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
