"""The walk end to end: what it finds, what it says, what it writes; and what it refuses."""

import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import tapeout
from tapeout.cli import app
from tapeout.feed.replay import Replay
from tapeout.market.events import BOOK_EVENTS
from tapeout.service.demo import demo
from tapeout.sim.engine import READY, engines
from tapeout.walk.result import Options
from tapeout.walk.walker import walk
from tapeout.web.pages import walk_page

ARROWS = [
    "exchange -> capture", "capture -> packets", "packets -> datagrams", "datagrams -> messages",
    "messages -> records", "records -> books", "books -> Arrow events", "messages -> RTL records",
    "books -> bars", "bars -> factors", "returns -> covariance", "covariance -> VaR, ES",
    "everything -> report",
]  # fmt: skip


def command(*words, code=0):
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def shell(*words):
    """The command as a user runs it, with its exit code."""
    code = "import sys; from tapeout.cli import main; sys.argv[0] = 'tapeout'; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *map(str, words)], capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A demo of a small day: the walk, and its page."""
    out = tmp_path_factory.mktemp("demo") / "report.html"
    steps = []
    found = demo(out, seed=2, events=60_000, tell=steps.append, options=Options(paths=50_000))
    assert steps == found.steps
    return found, out.read_text()


def test_the_demo_walks_every_arrow(shown):
    found, _ = shown
    arrows = [step.arrow for step in found.steps]
    assert arrows == ARROWS or engines()["amaranth"] != READY
    for step in found.steps:
        assert step.items > 0
        assert step.ns_per_item > 0
        assert step.why
        assert re.match(
            rf"{re.escape(step.arrow)} +[\d,]+ \w+ +[\d,.]+ ns each +\w+ +\S", str(step)
        )


def test_the_demo_checks_itself_against_the_exchange(shown):
    found, _ = shown
    said = " | ".join(found.checks)
    assert "64 books equal the exchange's own" in said
    assert re.search(r"[\d,]+ closing quotes equal the exchange's own", said)
    assert "planted: gap, filled later" in said
    assert "planted: repeat" in said
    if engines()["amaranth"] == READY:
        assert re.search(r"gateware on \w+: 2,000 records equal the CPU twin's, bit for bit", said)


def test_the_report_is_one_small_file_that_needs_no_other(shown):
    _, page = shown
    assert len(page.encode()) < 300_000
    assert not re.search(r"https?:|src=\"(?!data:)|href=|@import|url\(", page)
    assert "default-src 'none'" in page


def test_the_report_shows_every_part(shown):
    found, page = shown
    for heading in ("The walk", "The tape", "Books", "Bars", "Factors", "Covariance", "Risk"):
        assert f"<h2>{heading}</h2>" in page
    for step in found.steps[:-1]:
        assert step.arrow.replace(">", "&gt;") in page
    assert page.count("<svg") > 25
    assert found.risk.why in page


def test_the_demo_is_the_same_day_every_time(shown):
    found, _ = shown
    again = demo(seed=2, events=60_000, options=Options(paths=50_000))
    assert again.checks == found.checks
    assert np.array_equal(again.risk.losses, found.risk.losses)
    assert np.array_equal(again.panel.values, found.panel.values, equal_nan=True)


def test_what_a_symbol_says_is_not_markup(tmp_path, capture):
    found = walk(capture[0], Options(paths=1_000))
    found.books.directory[1] = "<b>&"
    found.bars.symbols[0] = "<i>&"
    page = walk_page(found, "<u>&")
    assert not re.search("<b>&|<i>&|<u>&", page)
    assert "&lt;u&gt;&amp;" in page


def test_a_run_can_keep_the_events(tmp_path, capture):
    for name in ("events.arrow", "events.parquet"):
        tapeout.run(capture[0], options=Options(events=tmp_path / name, paths=1_000))
    table = pa.ipc.open_file(tmp_path / "events.arrow").read_all()
    assert table.schema.equals(BOOK_EVENTS)
    assert table.cast(BOOK_EVENTS).equals(tapeout.events(capture[0]).read_all())
    assert pyarrow.parquet.read_table(tmp_path / "events.parquet").num_rows == table.num_rows


def test_events_fold_into_the_books(capture):
    """The events alone, added up level by level, are the final books."""
    table = tapeout.events(capture[0]).read_all().to_pandas()
    table = table[table.price_ticks.notna()]
    sign = np.where(table.kind.isin(["add", "replace_in"]), 1, -1)
    levels = (table.lots * sign).groupby([table.symbol, table.side, table.price_ticks]).sum()
    levels = levels[levels != 0]
    books = tapeout.books(capture[0])
    for symbol in books.directory.values():
        for side, name in ((1, "bids"), (-1, "asks")):
            ours = {
                level.ticks: level.lots for level in getattr(books.depth(symbol, 1 << 30), name)
            }
            assert levels.loc[symbol, side].to_dict() == ours


def test_quotes_of_the_books_are_a_table(capture):
    books = tapeout.books(capture[0])
    table = books.quotes().to_pandas().set_index("symbol")
    for symbol in books.directory.values():
        depth = books.depth(symbol, 1)
        assert (table.bid_ticks[symbol], table.bid_lots[symbol]) == depth.bids[0]
    with pytest.raises(tapeout.DataError, match="instrument must be in the directory; got 'NONE'"):
        books.depth("NONE")


def test_only_the_symbols_asked_for_are_followed(capture):
    tape = tapeout.read(capture[0], symbols=["HYDR", "lith"])
    replay = Replay(tape)
    for _ in replay:
        pass
    names = {tape.directory[int(at)] for at in replay.books.active()}
    assert names == {"HYDR", "LITH"}


def test_the_gateware_can_read_a_whole_capture(tmp_path):
    if engines()["amaranth"] != READY:
        pytest.skip(engines()["amaranth"])
    from tapeout.sim.day import SimulatedDay

    path = tmp_path / "day.pcap"
    SimulatedDay(seed=1, instruments=2, events=300).write(path)
    found = walk(path, Options(feed="amaranth", paths=1_000))
    (step,) = [step for step in found.steps if step.device == "amaranth"]
    assert (step.items, step.why) == (found.messages, "asked for by name")


def test_gateware_that_lies_is_caught(tmp_path, capture, monkeypatch):
    from tapeout.walk import walker

    def lying(stretch, engine):
        records = stretch.records.copy()
        records["price"][7] ^= 1
        return records

    monkeypatch.setattr(walker, "decode", lying)
    with pytest.raises(tapeout.FeedError, match="record 7 must be the same on both; the CPU twin"):
        walk(capture[0], Options(feed="amaranth"))


def test_a_capture_too_short_for_bars_says_so(tmp_path):
    from tapeout.hdl.itch.model import encode
    from tapeout.hdl.moldudp.model import frame
    from tapeout.sim import pcap

    path = tmp_path / "x"
    add = encode("A", order_reference=1, side="B", shares=1, stock="A", price=1)
    path.write_bytes(pcap.capture_file([frame(b"S", 1, [add])]))
    found = walk(path)
    assert found.bars is None
    assert found.notes == ["no bars: no quote or trade falls into the hours asked for"]
    assert "no bars" in walk_page(found, "short")


def test_the_command_line_says_what_the_walk_found(tmp_path, capture):
    out = tmp_path / "r.html"
    said = command("run", capture[0], "-o", out, "--paths", 1_000)
    assert "capture -> packets" in said
    assert "found: " in said
    assert "VaR 99 % of the next bar" in said
    assert out.exists()
    assert command("--version") == f"{tapeout.__version__}\n"


def test_every_command_answers(tmp_path, capture):
    assert "| " in command("books", capture[0], "--levels", 2, "--symbols", "HYDR")
    for ending in ("parquet", "arrow", "csv"):
        assert "8 instruments" in command("bars", capture[0], "-o", tmp_path / f"bars.{ending}")
    assert "beta_60" in command("factors")
    assert "12 factors on numpy" in command("factors", capture[0], "-o", tmp_path / "f.parquet")
    assert "book events" in command("events", capture[0], "-o", tmp_path / "e.parquet")
    assert "feed handlers" in command("doctor")
    assert "tapeout.kernels.covariance" in command("map")


def test_risk_of_a_table_from_the_command_line(tmp_path):
    prices = tmp_path / "prices.csv"
    rng = np.random.default_rng(3)
    walked = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, (90, 3)), axis=0))
    days = np.datetime64("2020-01-01") + np.arange(90)
    rows = [
        f"{day},{','.join(f'{p:.4f}' for p in row)}" for day, row in zip(days, walked, strict=True)
    ]
    prices.write_text("date,A,B,C\n" + "\n".join(rows))
    out = tmp_path / "risk.html"
    said = command("risk", prices, "-o", out, "--window", 60, "--paths", 5_000)
    assert "90 days, 2020-01-01 to 2020-03-30; portfolio of 3 of 3 names in equal weight" in said
    assert re.search(r"backtest: \d+ exceptions in 29 days, 0\.3 expected; Kupiec LR", said)
    page = out.read_text()
    assert len(page.encode()) < 300_000
    assert not re.search(r"https?:|src=\"(?!data:)", page)
    said = command("covariance", prices, "-o", tmp_path / "c.csv", "--window", 60)
    assert "ledoit_wolf over 60 returns of 3 names: shrinkage" in said
    rows = [line.split(",") for line in (tmp_path / "c.csv").read_text().splitlines()]
    returns = walked[-60:] / walked[-61:-1] - 1
    want = tapeout.covariance(returns).matrix
    assert np.array([row[1:] for row in rows[1:]], float) == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nowhere.pcap"], "nowhere.pcap cannot be read: No such file or directory"),
        (["risk", "nowhere.csv"], "nowhere.csv cannot be read: No such file or directory"),
        (["run", "x", "--every", "soon"], "span must be like 1min, 30s or 250ms; got 'soon'"),
        (["run", "x", "--date", "today"], "date must be like 2019-12-30; got 'today'"),
        (["run", "x", "--device", "tpu"], "device must be one of cupy, jax, numpy, gpu, cpu; got"),
        (["--log", "loud", "doctor"], "log level must be one of"),
    ],
)
def test_an_error_is_one_sentence_and_no_traceback(words, message):
    done = shell(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("tapeout: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_left_behind_when_a_run_fails(tmp_path, capture):
    broken = tmp_path / "broken.pcap"
    raw = capture[0].read_bytes()
    broken.write_bytes(raw + b"\xff" * 64)
    kept, out = tmp_path / "events.arrow", tmp_path / "r.html"
    done = shell("run", broken, "-o", out, "--events", kept)
    assert done.returncode == 2
    assert re.search(r"packet [\d,]+ at byte [\d,]+ has an impossible header", done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.pcap"]


def test_strict_refuses_what_lenient_counts(tmp_path, capture):
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(capture[0].read_bytes()[:-3])
    assert "bytes after the last whole message" in command("run", cut, "-o", tmp_path / "r.html")
    with pytest.raises(tapeout.FeedError, match="bytes after the last whole message"):
        command("run", cut, "--strict", "-o", tmp_path / "s.html")
    assert not (tmp_path / "s.html").exists()


@pytest.mark.parametrize("name", ["out.txt", "out"])
def test_endings_that_say_nothing_are_refused(tmp_path, capture, name):
    with pytest.raises(
        tapeout.DataError, match=f"tables must go to .parquet, .arrow or .csv; got {name}"
    ):
        command("bars", capture[0], "-o", tmp_path / name)
    with pytest.raises(
        tapeout.DataError, match=f"events must go to .arrow or .parquet; got {name}"
    ):
        command("run", capture[0], "--events", tmp_path / name, "-o", tmp_path / "r.html")
