"""The report pages: one HTML file each, that opens offline."""

import datetime
import platform
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

import tapeout
from tapeout.factors.catalogue import CATALOGUE
from tapeout.factors.coefficient import InformationCoefficient
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.kernels.covariance import sample_covariance
from tapeout.kernels.tape.bars import Bar
from tapeout.market.bars import Bars
from tapeout.risk.assessment import Assessment
from tapeout.risk.covariance import Floats
from tapeout.risk.var import VarReport
from tapeout.units import span
from tapeout.walk.result import Walk
from tapeout.web import market_charts, measure_charts
from tapeout.web.svg import spark
from tapeout.web.words import basis_points, count, percent, percents

MOST_BOOKS, MOST_ROWS = 6, 16
#: What the host does between a capture's bytes and bars; simulating a day or gates is none of it.
HOST_ARROWS = (
    "capture -> packets",
    "packets -> datagrams",
    "datagrams -> messages",
    "file -> messages",
    "messages -> records",
    "records -> books",
    "books -> Arrow events",
    "books -> bars",
)
_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
)


def walk_page(walk: Walk, heading: str) -> str:
    """A walk as a page."""
    shown = {**_walk_head(walk), **_tape(walk), **_bars(walk), **_factors(walk)}
    shown.update(_risk(walk.risk, walk.symbols, walk.returns, "bar"))
    provenance = [*_provenance(), ("seed", walk.options.seed)]
    return _PAGES.get_template("walk.html").render(heading=heading, provenance=provenance, **shown)


def risk_page(found: Assessment, heading: str) -> str:
    """The assessment of a price table as a page."""
    shown = {**_assessed(found), **_risk(found.risk, found.symbols, found.returns, "day")}
    provenance = [*_provenance(), ("seed", found.risk.seed)]
    return _PAGES.get_template("risk.html").render(heading=heading, provenance=provenance, **shown)


def _provenance() -> list[tuple[str, object]]:
    made = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return [
        ("tapeout", tapeout.__version__),
        ("Python", platform.python_version()),
        ("NumPy", np.__version__),
        (platform.system(), platform.machine()),
        ("made", made),
    ]


def _walk_head(walk: Walk) -> dict[str, Any]:
    taken = [step for step in walk.steps if step.arrow in HOST_ARROWS]
    total_ns = sum(step.ns_per_item * step.items for step in taken)
    end = taken[-1].arrow.rpartition(" -> ")[2] if taken else "bars"
    tiles = [
        (f"{walk.messages:,}", "ITCH messages"),
        (f"{total_ns / max(walk.messages, 1):,.0f} ns", f"a message, capture bytes to {end}"),
        (count(walk.books.active().size, "book"), "with orders at the end"),
    ]
    if walk.risk:
        tail = max(walk.risk.tails, key=lambda tail: tail.level)
        level = f"{100 * tail.level:g} %"
        tiles += [
            (
                f"{basis_points(tail.var)} bp",
                f"VaR {level}, next bar, ±\u00a0{basis_points(tail.var_error)}",
            ),
            (
                f"{basis_points(tail.es)} bp",
                f"ES {level}, next bar, ±\u00a0{basis_points(tail.es_error)}",
            ),
        ]
    longest = max((np.log10(step.ns_per_item) for step in walk.steps), default=1.0)
    steps = [
        (step, f"{max(100 * np.log10(max(step.ns_per_item, 1)) / longest, 1):.0f}")
        for step in walk.steps
    ]
    name = walk.source.name
    return {
        "tiles": tiles,
        "steps": steps,
        "checks": walk.checks,
        "findings": [str(finding) for finding in walk.findings],
        "notes": walk.notes,
        "lead": f"{name} ({walk.container}): every packet taken from wire bytes to a portfolio's"
        " risk, in one pass.",
    }


def _tape(walk: Walk) -> dict[str, Any]:
    names = {letter: message.name for letter, message in MESSAGES.items()}
    books, active = walk.books, walk.books.active()
    lots = {
        at: sum(level.lots for side in books.depth(int(at), 1 << 30) for level in side)
        for at in active
    }
    chosen = sorted(active, key=lambda at: -lots[at])[:MOST_BOOKS]
    drawings = [
        market_charts.depth(books.directory.get(int(at), f"#{at}"), books.depth(int(at), 25))
        for at in chosen
    ]
    packets = f" in {count(walk.packets, 'packet')}" if walk.packets else ""
    return {
        "tape": f"{count(walk.messages, 'message')}{packets},"
        f" {count(len(books.directory), 'instrument')} named.",
        "mix": market_charts.mix(walk.types, names),
        "depths": [drawing for drawing in drawings if drawing],
        "books": "Lots resting at each price or better, best 25 levels a side, where most rests;"
        f" {count(books.live_orders, 'order')} in {count(active.size, 'book')}.",
    }


def _bars(walk: Walk) -> dict[str, Any]:
    bars = walk.bars
    if bars is None:
        return {"bars": ""}
    order = np.argsort(-bars[Bar.TRADES].sum(axis=0))
    rows = [_instrument(bars, int(at)) for at in order[:MOST_ROWS]]
    rest = bars.shape[1] - len(rows)
    return {
        "bars": f"{count(bars.shape[0], 'bar')} of {span(bars.every_ns)} for"
        f" {count(bars.shape[1], 'instrument')}; the most traded first"
        f"{f', {rest:,} more not shown' if rest else ''}.",
        "candles": market_charts.candles(bars, int(order[0])),
        "instruments": rows,
    }


def _instrument(bars: Bars, at: int) -> dict[str, Any]:
    mid = bars.mid[:, at]
    known = mid[np.isfinite(mid)]
    both = (bars[Bar.BID_LOTS][-1, at] > 0) and (bars[Bar.ASK_LOTS][-1, at] > 0)
    spread = (bars[Bar.ASK][-1, at] - bars[Bar.BID][-1, at]) / 100
    return {
        "symbol": bars.symbols[at],
        "spark": spark(mid),
        "mid": f"{known[-1]:.2f}" if known.size else "none",
        "change": f"{100 * (known[-1] / known[0] - 1):+.2f} %" if known.size else "",
        "trades": f"{bars[Bar.TRADES][:, at].sum():,}",
        "lots": f"{bars[Bar.VOLUME][:, at].sum():,}",
        "spread": f"{spread:.1f} c" if both else "none",
    }


def _factors(walk: Walk) -> dict[str, Any]:
    if walk.panel is None:
        return {"factors": []}
    found = walk.coefficients
    ends = [abs(value.mean) + 2 * value.standard_error for value in found.values()]
    reach = np.nanmax([*ends, 1e-9])
    rows = [
        {
            "name": factor.name,
            "source": factor.source,
            "formula": factor.formula,
            "coverage": f"{100 * share:.0f} %",
            **_coefficient(found[factor.name], reach),
        }
        for factor, share in zip(CATALOGUE, walk.panel.coverage, strict=True)
    ]
    shape = " x ".join(f"{size:,}" for size in walk.panel.values.shape)
    return {
        "factors": rows,
        "factors_lead": f"{shape} values (factors, bars, instruments); r is the log return of the"
        " mid. IC is the mean rank correlation with the next bar's return, plus or minus its"
        " standard error; the stroke spans two of them either way.",
    }


def _coefficient(value: InformationCoefficient, reach: float) -> dict[str, str]:
    """One cell in words and one drawn; a rank needs instruments to be ranked among."""
    if not np.isfinite(value.standard_error):
        return {"ic": "none", "bar": ""}
    words = f"{value.mean:+.3f} \u00b1 {value.standard_error:.3f}"
    return {"ic": words, "bar": measure_charts.coefficient(value, reach)}


def _risk(
    risk: VarReport | None, symbols: list[str], returns: Floats | None, unit: str
) -> dict[str, Any]:
    if risk is None or returns is None:
        return {"risk": None}
    estimate, n = risk.covariance, len(symbols)
    rows = []
    for tail in risk.tails:
        for name, found, error, limit in (
            ("VaR", tail.var, tail.var_error, tail.gaussian_var),
            ("ES", tail.es, tail.es_error, tail.gaussian_es),
        ):
            away = (found - limit) / error if error else 0.0
            label = f"{name} {100 * tail.level:g} %"
            rows.append((label, *percents(found, error, limit), f"{away:+.1f}"))
    return {
        "risk": risk,
        "covariance": f"Ledoit-Wolf over {estimate.bars:,} returns of {count(n, 'instrument')}:"
        f" shrinkage {estimate.shrinkage:.3f}, condition number {estimate.condition:,.0f},"
        f" on {estimate.device} ({estimate.why}).",
        "several": n > 1,  # one instrument correlates with nothing and carries all
        "heat": measure_charts.correlation(estimate.matrix),
        "spectrum": measure_charts.spectrum(estimate.matrix, sample_covariance(returns)),
        "risk_lead": f"{risk.paths:,} Gaussian scenarios of the next {unit} for an equal-weight"
        f" portfolio of {n:,}, seed {risk.seed}, on {risk.device} ({risk.why});"
        f" volatility {percent(risk.volatility)} a {unit}.",
        "losses": measure_charts.losses(risk),
        "tails": rows,
        "contributions": measure_charts.contributions(symbols, risk.contributions),
    }


def _assessed(found: Assessment) -> dict[str, Any]:
    prices, risk, test = found.prices, found.risk, found.backtest
    tail = max(risk.tails, key=lambda tail: tail.level)
    level = f"{100 * tail.level:g} %"
    var, var_error = percents(tail.var, tail.var_error)
    es, es_error = percents(tail.es, tail.es_error)
    tiles = [
        (count(len(found.symbols), "name"), f"of {len(prices.symbols):,} in the table"),
        (var, f"VaR {level}, 1 day, ±\u00a0{var_error}"),
        (es, f"ES {level}, 1 day, ±\u00a0{es_error}"),
    ]
    shown: dict[str, Any] = {"held": ""}
    if test:
        kupiec = test.test
        tiles += [
            (f"{kupiec.exceptions:,}", f"exceptions, {kupiec.expected:,.1f} expected"),
            (f"{kupiec.p_value:.2g}", "Kupiec p-value"),
        ]
        shown["held"] = measure_charts.held(test, prices.dates)
        shown["held_lead"] = (
            f"On {kupiec.exceptions:,} of {kupiec.days:,} days more was lost than the"
            f" {100 * test.level:g} % VaR, estimated from the {test.window:,} days before:"
            f" {kupiec.expected:,.1f} were expected. Kupiec's likelihood ratio is"
            f" {kupiec.statistic:.1f}, its p-value {kupiec.p_value:.2g}."
        )
    jumps = [f"{jump.symbol} {jump.day} {100 * jump.value:+.0f} %" for jump in found.jumps]
    notes = [*prices.treatments, *found.notes]
    if jumps:
        more = ", ..." if len(jumps) > 6 else ""
        notes.append(f"{len(jumps)} daily returns beyond 50 %, kept ({', '.join(jumps[:6])}{more})")
    days = f"{prices.dates[0]} to {prices.dates[-1]}"
    return {
        **shown,
        "tiles": tiles,
        "notes": notes,
        "lead": f"{prices.dates.size:,} days, {days}, prices from {prices.column}: an equal-weight"
        " portfolio, its risk over the next day, and how the same method would have done.",
    }
