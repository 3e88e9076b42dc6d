"""The pages as a browser reads them: no stranger's markup, nothing too long, nothing left out."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

import tapeout
from tapeout.kernels.tape.bars import Bar
from tapeout.market.bars import Bars
from tapeout.market.books import Depth, Level
from tapeout.prices.panel import Prices
from tapeout.risk.assessment import assess
from tapeout.risk.backtest import Backtest
from tapeout.risk.kupiec import kupiec
from tapeout.units import NS_PER_SECOND
from tapeout.walk.result import Options, Step
from tapeout.walk.walker import walk
from tapeout.web import market_charts, measure_charts
from tapeout.web.pages import risk_page, walk_page
from tapeout.web.svg import Chart

LIMIT = 300_000
HOSTILE = ['"><img src=x>', "<script>1</script>", "' onload='x", "&lt;b&gt;<b>", "</svg><i>"]
ELEMENTS = set(
    "html head meta title style body main header div h1 h2 p b span table tr th td ul li code"
    " svg path rect circle text img footer".split()
)


class Reader(HTMLParser):
    """Elements in order, each with its attributes, and the text between tags."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def points(path):
    return np.array(re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path), float)


def prices(symbols, days=90, seed=3):
    walked = np.random.default_rng(seed).normal(0, 0.01, (days, len(symbols)))
    dates = np.datetime64("2020-01-01") + np.arange(days)
    return Prices(dates, list(symbols), 50 * np.exp(np.cumsum(walked, axis=0)), "close")


def risk(symbols, **options):
    return assess(prices(symbols), window=60, paths=2_000, **options)


@pytest.fixture(scope="module")
def found(capture):
    return walk(capture[0], Options(paths=2_000))


def test_one_name_has_a_page(capture, tmp_path):
    out = tmp_path / "one.html"
    one = tapeout.run(capture[0], out, options=Options(symbols=("HYDR",), paths=2_000))
    assert one.symbols == ["HYDR"]
    for page in (out.read_text(), risk_page(risk(["A"]), "one")):
        assert "portfolio of 1," in page
        assert "of 1 instrument:" in page
        assert "nan" not in page
        assert "eigenvalues" not in page


@pytest.mark.parametrize("n", [1, 3])
def test_shares_stand_in_rows_inside_the_frame(n):
    drawn = Reader(measure_charts.contributions("XYZ"[:n], np.arange(n, 0, -1) / n))
    height = float(drawn.of("svg")[0]["viewbox"].split()[3])
    row = (height - 24 - 24) / n  # below the title, above the ticks
    centres = [float(box["y"]) + float(box["height"]) / 2 for box in drawn.of("rect")]
    assert centres == pytest.approx([24 + row * (at + 0.5) for at in range(n)], abs=0.1)
    widths = [float(box["width"]) for box in drawn.of("rect")]
    assert widths == pytest.approx([widths[0] * (n - at) / n for at in range(n)], abs=0.1)
    assert [text for text in drawn.texts if text in "XYZ"] == list("XYZ"[:n])


def test_a_scale_may_run_down_and_equal_ends_are_opened():
    assert Chart((0, 1), (3, -1), height=132).py(1) == 58  # the middle of 8 and 108
    assert Chart((0, 1), (2, 2), height=132).py(2) == 58


def test_what_strangers_named_is_text_on_the_page(capture):
    found = walk(capture[0], Options(paths=2_000))
    for names in (found.symbols, found.bars.symbols):
        names[:] = [HOSTILE[at % len(HOSTILE)] for at in range(len(names))]
    for at in found.books.directory:
        found.books.directory[at] = HOSTILE[at % len(HOSTILE)]
    found.types.update({"<": 90_000, "<script>": 90_000, '"': 90_000})
    other = risk(HOSTILE)
    for page in (walk_page(found, HOSTILE[0]), risk_page(other, HOSTILE[0])):
        drawn = Reader(page)
        for tag, attributes in drawn.elements:
            assert tag in ELEMENTS
            assert not [name for name in attributes if name.startswith("on")]
        assert [image["class"] for image in drawn.of("img")] == ["heat"]
        assert HOSTILE[0] in drawn.texts
        for name in HOSTILE:
            assert name in "".join(drawn.texts)


def test_a_long_name_is_cut_before_it_leaves_the_chart():
    drawn = Reader(measure_charts.contributions(["W" * 500], np.ones(1)))
    assert "W" * 19 + "\u2026" in drawn.texts


def test_the_headline_time_is_every_host_arrow_from_bytes_to_bars(found):
    arrows = [step.arrow for step in found.steps]
    last = arrows.index("books -> bars")
    assert arrows[0] == "capture -> packets"
    total_ns = sum(step.items * step.ns_per_item for step in found.steps[: last + 1])
    strange = [
        Step(arrow, 10**9, "messages", 1e6, "cpu", "no part of it")
        for arrow in ("exchange -> capture", "messages -> RTL records")
    ]
    page = walk_page(replace(found, steps=[*strange, *found.steps]), "x")
    said = f"<b>{total_ns / found.messages:,.0f} ns</b><span>a message, capture bytes to bars<"
    assert said in page
    short = walk_page(replace(found, steps=found.steps[:last]), "x")
    assert "a message, capture bytes to Arrow events<" in short


def test_a_day_of_short_bars_is_a_small_page(capture):
    page = walk_page(walk(capture[0], Options(every_ns=NS_PER_SECOND, paths=2_000)), "long")
    assert re.search(r"23,\d\d\d bars of 1s", page)
    assert len(page.encode()) < LIMIT


def test_a_thinned_line_keeps_the_ends_of_every_column():
    seed = 4
    noise = np.random.default_rng(seed).normal(size=200_000)
    noise[123_456] = 40
    (path,) = Reader(
        Chart((0, noise.size - 1), (-40, 40), width=400).line(range(noise.size), noise).svg()
    ).of("path")[-1:]
    drawn = points(path["d"])
    x = 48 + np.arange(noise.size) / (noise.size - 1) * (390 - 48)
    y = 196 - (noise + 40) / 80 * (196 - 8)
    assert drawn[:, 1].min() == 8.0
    for column in range(48, 390):
        inside = drawn[(drawn[:, 0] >= column - 0.05) & (drawn[:, 0] <= column + 1.05), 1]
        for end in (np.min, np.max):
            assert np.abs(inside - end(y[x // 1 == column])).min() < 0.06, f"seed {seed}"
    assert len(drawn) <= 4 * (390 - 48 + 1)


def test_a_gap_breaks_a_line_and_a_lone_point_is_a_dot():
    y = [1, 2, np.nan, 3, np.nan, 2, 1]
    drawn = Reader(Chart((0, 6), (1, 3)).line(range(7), y).svg(x_text=None, y_text=None))
    assert re.sub(r"[^MLh]", "", drawn.of("path")[0]["d"]) == "MhLMhMhL"


def test_a_long_backtest_is_a_small_page_and_its_worst_day_is_drawn():
    days, worst = 200_000, 77_777
    rng = np.random.default_rng(5)
    returns, var = rng.normal(0, 0.01, days), rng.uniform(0.02, 0.03, days)
    returns[worst] = -0.2
    count = int((-returns > var).sum())
    test = Backtest(
        np.arange(days), returns, var, np.ones(days), kupiec(count, days, 0.99), 0.99, 60
    )
    dates = np.datetime64("1500-01-01") + np.arange(days + 1)
    found = replace(risk("ABC"), backtest=test)
    page = risk_page(replace(found, prices=replace(found.prices, dates=dates)), "long")
    assert len(page.encode()) < LIMIT
    assert count > 1_000
    assert f"<title>{dates[worst + 1]}: -20\u00a0% against" in page
    years = [text for text in Reader(page).texts if re.fullmatch(r"\d{4}", text)]
    assert 2 < len(years) <= 12


def test_a_short_backtest_shows_dates():
    test = risk("ABC").backtest
    drawn = Reader(measure_charts.held(test, prices("ABC").dates))
    dates = [text for text in drawn.texts if re.fullmatch(r"\d{4}-\d\d-\d\d", text)]
    assert dates[0] == "2020-03-02"
    assert len(dates) == 8


def test_a_book_of_one_level_a_side_is_drawn():
    book = Depth([Level(1_000_000, 300)], [Level(1_000_200, 100)])
    drawn = Reader(market_charts.depth("X", book))
    bid, ask = (path for path in drawn.of("path") if path["class"].startswith("fill"))
    assert [bid["class"], ask["class"]] == ["fill up", "fill down"]
    for path in (bid, ask):
        left, right = sorted({float(x) for x in re.findall(r"[MH]([\d.]+)", path["d"])})
        assert right - left > 10
    assert "X  100.00 / 100.02" in drawn.texts
    assert market_charts.depth("X", Depth([], [])) == ""


@pytest.mark.parametrize(
    ("bars", "every_ns", "title", "labels"),
    [
        (390, 60 * NS_PER_SECOND, "5min", ["09:30", "10:00", "10:30"]),
        (93_600, NS_PER_SECOND // 4, "5min", ["09:30", "10:00", "10:30"]),
        (60, 60 * NS_PER_SECOND, "1min", ["09:30", "09:35", "09:40"]),
        (100, NS_PER_SECOND, "2s", ["09:30:00", "09:30:10", "09:30:20"]),
        (200, 7 * NS_PER_SECOND, "21s", ["09:30", "09:32", "09:34"]),
    ],
)
def test_candles_are_as_long_as_a_clock_is_divided(bars, every_ns, title, labels):
    values = np.zeros((bars, 1, len(Bar)), np.int64)
    values[..., : Bar.VOLUME], values[..., Bar.VOLUME :] = 1_000_000, 1
    day = Bars(every_ns * np.arange(bars), every_ns, ["X"], values)
    drawn = Reader(market_charts.candles(day, 0))
    assert f"X, candles of {title}, volume" in drawn.texts
    times = [text for text in drawn.texts if ":" in text]
    assert times[:3] == labels
    assert len(times) <= 15


def test_eigenvalues_are_read_off_round_numbers():
    matrix = np.diag([3e-2, 1e-3, 4e-5, 2e-6])
    drawn = Reader(measure_charts.spectrum(matrix, matrix))
    assert {"1", "2", "3", "4", "0.01", "0.001"} <= set(drawn.texts)


def test_a_factor_that_cannot_be_ranked_says_none(capture):
    found = walk(capture[0], Options(symbols=("HYDR",), paths=2_000))
    assert walk_page(found, "x").count('<td class="n">none</td><td class="ic"></td>') == 12


def test_a_capture_without_messages_has_a_page(found):
    empty = replace(
        found, messages=0, types={}, bars=None, panel=None, risk=None, steps=[],
        books=SimpleNamespace(active=lambda: np.zeros(0, int), directory={}, live_orders=0),
    )  # fmt: skip
    assert "0 messages in" in walk_page(empty, "x")
