"""How fast is the catalogue of factors evaluated over a panel, against pandas, on each device?"""

import harness
import numpy as np
import pandas as pd

from tapeout.device import choose_device
from tapeout.factors.catalogue import CATALOGUE, factor_panel
from tapeout.kernels.rolling import rolling_std
from tapeout.kernels.tape.bars import Bar
from tapeout.market.bars import MINUTE_NS, Bars
from tapeout.units import TICKS_PER_DOLLAR


def panel(bars: int, instruments: int) -> Bars:
    """A panel of trades and quotes around random walks."""
    rng = np.random.default_rng(harness.SEED)
    mid = (1_000_000 * np.exp(np.cumsum(rng.normal(0, 1e-3, (bars, instruments)), axis=0))).astype(
        int
    )
    values = rng.integers(1, 1_000, (bars, instruments, len(Bar)))
    values[..., Bar.BID], values[..., Bar.ASK] = mid - 100, mid + 100
    values[..., Bar.NOTIONAL] = values[..., Bar.VOLUME] * mid
    times = MINUTE_NS * np.arange(bars)
    return Bars(times, MINUTE_NS, [f"S{n}" for n in range(instruments)], values)


def in_pandas(bars: Bars) -> list[pd.DataFrame]:
    """The same twelve formulas, in the same units."""

    def frame(field: Bar, unit: float = 1.0) -> pd.DataFrame:
        return pd.DataFrame(bars[field] / unit)

    bid, ask = frame(Bar.BID, TICKS_PER_DOLLAR), frame(Bar.ASK, TICKS_PER_DOLLAR)
    bl, al, flow = frame(Bar.BID_LOTS), frame(Bar.ASK_LOTS), frame(Bar.FLOW_LOTS)
    volume, notional = frame(Bar.VOLUME), frame(Bar.NOTIONAL, TICKS_PER_DOLLAR)
    bought, sold = frame(Bar.BUY_LOTS), frame(Bar.SELL_LOTS)
    mid = (bid + ask) / 2
    r = np.log(mid).diff()
    market = r.mean(axis=1)
    markets = pd.DataFrame(np.broadcast_to(market.to_numpy()[:, None], r.shape))
    net, both = bought - sold, bought + sold
    return [
        -r,
        np.log(mid / mid.shift(20)),
        r.rolling(20).std(),
        r.rolling(60).cov(markets, pairwise=False).div(market.rolling(60).var(), axis=0),
        r.abs().rolling(20).sum() / notional.rolling(20).sum(),
        np.log((1 + volume) / (1 + volume.rolling(60).mean())),
        mid / (notional.rolling(20).sum() / volume.rolling(20).sum()) - 1,
        net.rolling(20).sum() / both.rolling(20).sum(),
        flow.rolling(20).sum() / ((bl + al) / 2).rolling(20).mean(),
        (bl - al) / (bl + al),
        ((ask - bid) / mid).rolling(20).mean(),
        (bid * al + ask * bl) / (bl + al) / mid - 1,
    ]


def run(bench: harness.Benchmark) -> None:
    """The whole catalogue, then one window, on the device asked for and on JAX."""
    bars = panel(bench.size(2_000, 400), bench.size(500, 200))
    cells = bars.shape[0] * bars.shape[1]
    names = [bench.device] if bench.device != "cpu" else ["numpy", "jax"]
    expected = np.stack(in_pandas(bars))
    scale = np.nanstd(expected, axis=(1, 2), keepdims=True)  # each factor has its own unit
    for name in names:
        on = choose_device(name)
        found = factor_panel(bars, on=on).values
        np.testing.assert_allclose(found / scale, expected / scale, rtol=1e-6, atol=1e-9)
        bench.compare(
            f"{len(CATALOGUE)} factors on {on.name} ({on.hardware})",
            lambda on=on: factor_panel(bars, on=on),
            cells * len(CATALOGUE), "ns/value", peer="pandas", theirs=lambda: in_pandas(bars),
            wall=on.hardware != "CPU",
        )  # fmt: skip
    values = np.log(bars.mid)
    for window in (5, 20, 250):
        bench.compare(
            f"rolling_std over {window} bars on numpy",
            lambda window=window: rolling_std(values, window=window), cells, "ns/value",
            peer="pandas", theirs=lambda window=window: pd.DataFrame(values).rolling(window).std(),
        )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
