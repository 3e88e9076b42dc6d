"""How fast are scenarios drawn, added up and ranked to VaR and ES, against NumPy, by device?"""

from collections.abc import Callable

import harness
import numpy as np

from tapeout.device import Device, choose_device
from tapeout.kernels._kernel import Array
from tapeout.kernels.montecarlo import gaussian_losses, tail_risk

Body = Callable[..., Array]


def run(bench: harness.Benchmark) -> None:
    """One thread; the peer draws with SFC64, NumPy's fastest, and selects with partition."""
    paths = bench.size(1_000_000, 200_000)
    rng = np.random.default_rng(harness.SEED)
    names = [bench.device] if bench.device != "cpu" else ["numpy", "jax"]
    for n in (31, 64):
        exposure = rng.normal(0, 0.01, n)

        def theirs(exposure: np.ndarray = exposure, n: int = n) -> float:
            draws = np.random.Generator(np.random.SFC64(harness.SEED))
            losses = np.concatenate(
                [-draws.standard_normal((10_000, n)) @ exposure for _ in range(paths // 10_000)]
            )
            tail = np.partition(losses, int(0.99 * paths))[int(0.99 * paths) :]
            return float(tail.mean() + tail.min())

        for name in names:
            on = choose_device(name)
            placed = on.put(exposure)
            bodies = {"": (gaussian_losses, tail_risk)}
            if name == "numpy":  # what the kernels' own bodies for a CPU are worth
                bodies[", portable"] = (gaussian_losses.body, tail_risk.body)
            for which, (losses, risk) in bodies.items():

                def ours(placed: Array = placed, losses: Body = losses, risk: Body = risk) -> Array:
                    drawn = losses(placed, 0, paths=paths, seed=harness.SEED)
                    return Device.get(risk(drawn, level=0.99))

                bench.compare(
                    f"{paths:,} x {n} normals on {on.name} ({on.hardware}){which}", ours,
                    paths * n, "ns/normal", peer="NumPy SFC64 + partition", theirs=theirs,
                    wall=on.hardware != "CPU",
                )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
