"""Bars against pandas over the same events; factors against their formulas in pandas."""

import numpy as np
import pandas as pd
import pytest

import tapeout
from tapeout.errors import DataError
from tapeout.factors.catalogue import CATALOGUE, LOOKBACK, factor_panel
from tapeout.factors.coefficient import information_coefficients
from tapeout.factors.panel import Panel
from tapeout.kernels.tape.bars import Bar
from tapeout.kernels.tape.record import EVENT_DTYPE, QUOTE_DTYPE
from tapeout.market.bars import MINUTE_NS, OPEN_NS, BarBuilder, Bars


@pytest.fixture(scope="module")
def bars(capture):
    return tapeout.bars(capture[0])


@pytest.fixture(scope="module")
def events(capture):
    return tapeout.events(capture[0]).read_all().to_pandas()


def test_trade_bars_are_pandas(bars, events):
    trades = events[events.printable & events.kind.isin(["execute", "trade", "cross"])].copy()
    start = bars.time_ns[0]
    trades["bar"] = (trades.exchange_ns - start) // MINUTE_NS
    trades["notional"] = trades.trade_ticks * trades.lots
    executed = trades.kind == "execute"
    trades["bought"] = trades.lots.where(executed & (trades.side == -1), 0)
    trades["sold"] = trades.lots.where(executed & (trades.side == 1), 0)
    want = trades.groupby(["bar", "symbol"]).agg(
        open=("trade_ticks", "first"), high=("trade_ticks", "max"), low=("trade_ticks", "min"),
        close=("trade_ticks", "last"), volume=("lots", "sum"), notional=("notional", "sum"),
        trades=("lots", "size"), buy_lots=("bought", "sum"), sell_lots=("sold", "sum"),
    )  # fmt: skip
    assert len(want) > 500
    for (bar, symbol), row in want.iterrows():
        got = bars.values[int(bar), bars.symbols.index(symbol)]
        for name, value in row.items():
            assert got[Bar[name.upper()]] == value, (bar, symbol, name)
    assert bars[Bar.TRADES].sum() == want.trades.sum()


def quote_row(at_ns, bid, bid_lots, ask, ask_lots):
    return (at_ns, 0, 0, bid, bid_lots, ask, ask_lots, 1)


def built(quotes, every=MINUTE_NS):
    builder = BarBuilder(every)
    rows = np.array(quotes, QUOTE_DTYPE)
    builder.update(np.zeros(0, EVENT_DTYPE), rows)
    return builder.bars({1: "ONE"})


def test_a_quote_stands_until_it_changes():
    bars = built(
        [quote_row(OPEN_NS - 1, 100, 5, 102, 6), quote_row(OPEN_NS + 3 * MINUTE_NS, 100, 5, 103, 2)]
    )
    assert bars[Bar.ASK][:, 0].tolist() == [102, 102, 102, 103]
    assert bars.symbols == ["ONE"]


#: quote before, quote after, flow: Cont, Kukanov and Stoikov's cases, and empty sides.
FLOWS = [
    ((100, 5, 102, 6), (100, 8, 102, 6), 3),  # more bid at the same price
    ((100, 5, 102, 6), (101, 4, 102, 6), 4),  # a better bid: all of it is new
    ((100, 5, 102, 6), (99, 7, 102, 6), -5),  # the bid is gone
    ((100, 5, 102, 6), (100, 5, 102, 9), -3),  # more offered
    ((100, 5, 102, 6), (100, 5, 101, 2), -2),  # a better offer
    ((100, 5, 102, 6), (100, 5, 103, 1), 6),  # the offer is gone
    ((100, 5, 102, 6), (0, 0, 102, 6), -5),  # no bid at all
    ((0, 0, 102, 6), (100, 5, 102, 6), 5),
    ((100, 5, 0, 0), (100, 5, 102, 6), -6),
]


@pytest.mark.parametrize(("before", "after", "flow"), FLOWS)
def test_order_flow_imbalance_counts_what_came_and_went(before, after, flow):
    bars = built([quote_row(OPEN_NS - 1, *before), quote_row(OPEN_NS, *after)])
    assert bars[Bar.FLOW_LOTS][0, 0] == flow


def test_bars_refuse_what_cannot_be():
    with pytest.raises(DataError, match="bars must be longer than 0 and fit the 23,400 seconds"):
        BarBuilder(0)
    with pytest.raises(DataError, match="no quote or trade falls into the hours asked for"):
        BarBuilder().bars({})


def test_bars_that_no_memory_holds_are_refused_before_it_is_asked_for():
    with pytest.raises(
        DataError,
        match=r"bars must fit 2 GiB; 23,400,000 of 1 instrument take 2\.4 GiB:"
        " make them longer or choose fewer instruments",
    ):
        BarBuilder(1_000_000)  # 23,400 s in ms, 14 fields of 8 bytes: 2.62e9 bytes
    many = np.zeros(200, QUOTE_DTYPE)
    many["instrument"] = np.arange(200)
    many["exchange_ns"] = OPEN_NS
    builder = BarBuilder(MINUTE_NS // 300)
    builder.update(np.zeros(0, EVENT_DTYPE), many[:10])
    with pytest.raises(DataError, match=r"117,000 of 200 instruments take 2\.4 GiB"):
        builder.update(np.zeros(0, EVENT_DTYPE), many)
    assert builder.bars({}).shape == (1, 10)


def test_the_table_has_nulls_where_nothing_was(bars):
    table = bars.to_arrow().to_pandas()
    assert len(table) == bars.shape[0] * bars.shape[1]
    quiet = table[table.trades == 0]
    assert quiet.open_ticks.isna().all()
    assert (table.high_ticks.dropna() >= table.low_ticks.dropna()).all()


def frames(bars):
    """What the formulas are written in, as pandas frames (T, N)."""
    f = {name: pd.DataFrame(bars[getattr(Bar, name)].astype(float)) for name in Bar.__members__}
    both = (f["BID_LOTS"] > 0) & (f["ASK_LOTS"] > 0)
    mid = ((f["BID"] + f["ASK"]) / 2 / 10_000).where(both)
    returns = np.log(mid).diff()
    return f, mid, returns


def expected(bars):
    f, mid, r = frames(bars)
    market = r.mean(axis=1)  # of what is known
    dollars = f["NOTIONAL"] / 10_000
    bid, ask, bl, al = f["BID"] / 10_000, f["ASK"] / 10_000, f["BID_LOTS"], f["ASK_LOTS"]
    net, both = f["BUY_LOTS"] - f["SELL_LOTS"], f["BUY_LOTS"] + f["SELL_LOTS"]
    covariance = r.apply(lambda column: column.rolling(60).cov(market))
    return {
        "reversal_1": -r,
        "momentum_20": np.log(mid / mid.shift(20)),
        "volatility_20": r.rolling(20).std(),
        "beta_60": covariance.div(market.rolling(60).var(), axis=0),
        "illiquidity_20": r.abs().rolling(20).sum() / dollars.rolling(20).sum(),
        "volume_surprise_60": np.log((1 + f["VOLUME"]) / (1 + f["VOLUME"].rolling(60).mean())),
        "vwap_gap_20": mid / (dollars.rolling(20).sum() / f["VOLUME"].rolling(20).sum()) - 1,
        "signed_volume_20": net.rolling(20).sum() / both.rolling(20).sum(),
        "order_flow_20": f["FLOW_LOTS"].rolling(20).sum() / ((bl + al) / 2).rolling(20).mean(),
        "book_imbalance": (bl - al) / (bl + al),
        "spread_20": ((ask - bid) / mid).rolling(20).mean(),
        "microprice_gap": (bid * al + ask * bl) / (bl + al) / mid - 1,
    }


@pytest.mark.parametrize("device", ["numpy", "jax"])
def test_factors_are_their_formulas(bars, device):
    panel = factor_panel(bars, on=tapeout.choose_device(device))
    want = expected(bars)
    assert panel.names == list(want)
    for name, values in want.items():
        theirs = values.replace([np.inf, -np.inf], np.nan).to_numpy()
        np.testing.assert_allclose(panel[name], theirs, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("device", ["numpy", "jax"])
def test_a_gap_in_one_book_leaves_the_others_their_market(bars, device):
    values = bars.values.copy()
    values[100, 2, [Bar.BID, Bar.BID_LOTS]] = 0
    values[250, :, [Bar.ASK, Bar.ASK_LOTS]] = 0  # no book is whole: the market is not known
    holed = Bars(bars.time_ns, bars.every_ns, bars.symbols, values)
    panel = factor_panel(holed, on=tapeout.choose_device(device))
    want = expected(holed)["beta_60"].to_numpy()
    np.testing.assert_allclose(panel["beta_60"], want, rtol=1e-6, atol=1e-9)
    own = frames(holed)[2].notna().rolling(60).sum() == 60
    known = np.isfinite(panel["beta_60"])
    assert np.array_equal(known[:250], own[:250])
    assert known[100:161].any()
    assert not known[100:161, 2].any()
    assert not known[250:311].any()


def test_no_factor_looks_ahead(bars):
    panel = factor_panel(bars)
    cut = Bars(bars.time_ns[:200], bars.every_ns, bars.symbols, bars.values[:200])
    assert np.array_equal(factor_panel(cut).values, panel.values[:, :200], equal_nan=True)


def test_no_factor_looks_further_back_than_it_says(bars):
    panel = factor_panel(bars)
    for number, factor in enumerate(CATALOGUE):
        start = 200 - factor.lookback
        short = Bars(bars.time_ns[start:], bars.every_ns, bars.symbols, bars.values[start:])
        assert np.array_equal(
            factor_panel(short).values[number, factor.lookback + 1 :],
            panel.values[number, 201:],
            equal_nan=True,
        ), factor.name
    assert max(factor.lookback for factor in CATALOGUE) == LOOKBACK


def test_a_panel_is_asked_by_name(bars):
    panel = factor_panel(bars)
    assert panel["beta_60"].shape == bars.shape
    assert panel.to_arrow().num_columns == 2 + len(CATALOGUE)
    with pytest.raises(DataError, match=r"factor must be one of reversal_1, .*; got 'luck'"):
        panel["luck"]


def test_one_bar_has_no_factors(bars):
    one = Bars(bars.time_ns[:1], bars.every_ns, bars.symbols, bars.values[:1])
    with pytest.raises(DataError, match="factors need at least 2 bars; got 1"):
        factor_panel(one)


def test_information_coefficients_are_spearmans():
    rng = np.random.default_rng(5)
    values, returns = rng.normal(size=(2, 40, 12)), rng.normal(size=(40, 12))
    values[0, 3, 4] = np.nan
    values[1, :-1] = returns[1:] ** 3  # the future itself, in another unit
    panel = Panel(["noise", "oracle"], np.arange(40), list("abcdefghijkl"), values)
    found = information_coefficients(panel, returns)
    daily = [
        pd.Series(values[0, t]).corr(pd.Series(returns[t + 1]), method="spearman")
        for t in range(39)
        if t != 3
    ]
    daily.append(pd.Series(values[0, 3]).dropna().corr(pd.Series(returns[4]), method="spearman"))
    assert found["noise"].mean == pytest.approx(np.mean(daily))
    assert found["noise"].standard_error == pytest.approx(np.std(daily, ddof=1) / np.sqrt(39))
    assert found["oracle"].mean == pytest.approx(1)
