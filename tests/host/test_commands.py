"""Commands refuse at once what must fail, end cleanly on a signal, and take any file name."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import tapeout
from tapeout.cli import app
from tapeout.hdl.itch.model import encode

START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " from tapeout.cli import main; sys.argv[0] = 'tapeout'; main()"
)


def command(*words):
    """The command as a user types it."""
    return [sys.executable, "-P", "-c", START, *(os.fspath(word) for word in words)]


def refused(*words):
    """The one sentence with which a command ends."""
    done = CliRunner().invoke(app, [os.fspath(word) for word in words])
    assert isinstance(done.exception, tapeout.TapeoutError), done.output
    assert "\n" not in str(done.exception)
    return str(done.exception)


@pytest.fixture
def prices(tmp_path):
    """One name over 80 days, as vendors write it."""
    rng = np.random.default_rng(8)
    walked = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, 80)))
    days = np.datetime64("2020-01-01") + np.arange(80)
    rows = [f"{day},{p:.4f},{p / 2:.4f},7" for day, p in zip(days, walked, strict=True)]
    path = tmp_path / "HYDR.csv"
    path.write_text("Date,Close,Adj Close,Volume\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--window 0", "window must be at least 2 days; got 0"),
        ("--window -3", "window must be at least 2 days; got -3"),
        ("--paths 5", "paths must be at least 200 for these levels; got 5"),
        ("--seed -1", "seed must fit 64 bits; got -1"),
        ("-o .", ". must be a regular file to be replaced; it is a folder"),
        ("-o /proc/self/r.html", "/proc/self/r.html cannot be written: No such file or directory"),
    ],
)
def test_risk_refuses_before_it_reads(tmp_path, words, message):
    assert message in refused("risk", tmp_path / "nowhere.csv", *words.split())
    assert list(tmp_path.iterdir()) == []


def test_the_table_that_is_read_is_not_overwritten(prices):
    before = prices.read_bytes()
    for name in ("risk", "covariance"):
        said = refused(name, prices, "-o", prices)
        assert f"a file to write must be another than {prices}; got {prices}" in said
    assert prices.read_bytes() == before


def test_one_name_is_assessed_and_its_column_chosen(prices, tmp_path):
    out = tmp_path / "r.html"
    for column, other in (("Adj Close", "Close"), ("Close", "Adj Close")):
        found = tapeout.risk_report(prices, out, column=column, window=60, paths=1_000)
        assert found.symbols == ["HYDR"]
        assert found.prices.treatments == [
            f"one instrument, HYDR, from the column {column}: {other}, Volume not read"
        ]
    assert out.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--events 0", "events must be at least 1; got 0"),
        ("--seed -1", "seed must fit 64 bits; got -1"),
        ("--paths 5", "paths must be at least 200 for these levels; got 5"),
        ("--device tpu", "device must be one of cupy, jax, numpy, gpu, cpu; got 'tpu'"),
        ("--keep r.html", "a file to write must be another than r.html; got r.html"),
        ("--keep .", ". must be a regular file to be replaced; it is a folder"),
    ],
)
def test_the_demo_refuses_before_it_simulates(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused("demo", "-o", "r.html", *words.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-o day.pcap", "a file to write must be another than day.pcap; got day.pcap"),
        ("--events day.pcap", "a file to write must be another than day.pcap; got day.pcap"),
        ("-o e.arrow --events e.arrow", "a file to write must be another than e.arrow; got"),
        ("--events e.csv", "events must go to .arrow or .parquet; got e.csv"),
        ("-o nowhere/r.html --events e.arrow", "folder must exist to write r.html; got nowhere"),
        ("--paths 5 --events e.arrow", "paths must be at least 200 for these levels; got 5"),
        ("--seed -1 --events e.arrow", "seed must fit 64 bits; got -1"),
        ("--every 1us --events e.arrow", "bars must fit 2 GiB; 23,400,000,000 of 1 instrument"),
        ("--date 0001-01-01", "date must be from 1970 to 2261, where int64 ns reach; got '0001"),
    ],
)
def test_a_run_refuses_before_it_walks(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "day.pcap").write_bytes(b"not read")
    assert message in refused("run", "day.pcap", *words.split())
    assert [path.name for path in tmp_path.iterdir()] == ["day.pcap"]


def test_no_events_are_left_without_their_report(tmp_path, capture, monkeypatch):
    from tapeout.service import report

    def full(path, text):
        raise tapeout.DataError("r.html cannot be written: No space left on device")

    monkeypatch.setattr(report, "write_whole", full)
    options = tapeout.Options(events=tmp_path / "e.arrow", paths=1_000)
    with pytest.raises(tapeout.DataError, match="No space left on device"):
        tapeout.run(capture[0], tmp_path / "r.html", options=options)
    keep = tmp_path / "day.pcap"
    with pytest.raises(tapeout.DataError, match="No space left on device"):
        tapeout.demo(tmp_path / "r.html", events=5_000, keep=keep, options=options)
    assert list(tmp_path.iterdir()) == []


def test_events_and_report_appear_together(tmp_path, capture):
    events = tmp_path / "e.parquet"
    options = tapeout.Options(events=events, paths=1_000)
    found = tapeout.run(capture[0], tmp_path / "r.html", options=options)
    assert found.options == options
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.parquet", "r.html"]
    assert pyarrow.parquet.read_metadata(events).num_rows > 1_000


def test_the_capture_that_is_read_is_not_overwritten(tmp_path):
    capture = tmp_path / "day.arrow"
    capture.write_bytes(b"not read")
    for name in ("events", "bars", "factors"):
        said = refused(name, capture, "-o", capture)
        assert f"a file to write must be another than {capture}; got {capture}" in said
    assert "events must go to .arrow or .parquet; got e.csv" in refused(
        "events", capture, "-o", tmp_path / "e.csv"
    )
    assert "tables must go to .parquet, .arrow or .csv; got b.xls" in refused(
        "bars", capture, "-o", tmp_path / "b.xls"
    )
    assert capture.read_bytes() == b"not read"


def test_one_symbol_may_come_as_it_is():
    assert tapeout.Options(symbols="HYDR").symbols == ("HYDR",)
    assert tapeout.Options(symbols=["HYDR", "LITH"]).symbols == ("HYDR", "LITH")
    assert tapeout.Options(symbols="").symbols == ()


#: 2019-12-30 00:00 in New York is 05:00 UTC: `date -ud "2019-12-30 05:00" +%s`.
MIDNIGHT_NS = 1_577_682_000 * 10**9
OPEN_NS = 34_200 * 10**9


@pytest.fixture
def clockless(tmp_path):
    """ITCH messages without packets: a quote at 09:30 and another at 09:31."""
    path = tmp_path / "day.itch"
    same = {"stock_locate": 1, "shares": 5, "stock": "HYDR"}
    rows = [("B", 10_000, 0), ("S", 10_100, 1), ("B", 10_050, 60 * 10**9)]
    messages = [
        encode("A", order_reference=at, side=side, price=price, timestamp=OPEN_NS + late, **same)
        for at, (side, price, late) in enumerate(rows, 1)
    ]
    path.write_bytes(b"".join(len(one).to_bytes(2) + one for one in messages))
    return path


@pytest.mark.parametrize(
    ("name", "column", "first"),
    [("events", "exchange_ns", OPEN_NS), ("bars", "time_ns", OPEN_NS),
     ("factors", "time_ns", OPEN_NS), ("books", None, None)],
)  # fmt: skip
def test_every_reader_is_told_the_day(tmp_path, clockless, name, column, first):
    out = tmp_path / "t.parquet"
    words = [name, clockless, *([] if column is None else ["-o", out])]
    subprocess.run(command(*words, "--date", "2019-12-30"), check=True, capture_output=True)
    if column is not None:
        found = pyarrow.parquet.read_table(out)[column].to_numpy()
        assert found.min() == MIDNIGHT_NS + first
    assert "date must be like 2019-12-30; got 'today'" in refused(*words, "--date", "today")


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_a_job_in_one_sentence(tmp_path, number, code, said):
    words = ["demo", "-o", tmp_path / "r.html", "--keep", tmp_path / "day.pcap"]
    with subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True) as job:
        patience = time.monotonic() + 120
        while not list(tmp_path.glob(".day.*.part.pcap")):
            assert job.poll() is None, job.stderr.read()
            assert time.monotonic() < patience
            time.sleep(0.01)
        job.send_signal(number)
        _, error = job.communicate(timeout=120)
    assert (job.returncode, error) == (code, f"tapeout: {said}; nothing half-written is left\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_so():
    """As `nohup` and the shell's `&` want it."""
    code = (
        "import atexit, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        " atexit.register(lambda: print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN));"
        " from tapeout.cli import main; sys.argv = ['tapeout', '--version']; main()"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == [tapeout.__version__, "True"]


def test_a_file_name_may_be_any_bytes(tmp_path, prices, capture):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.rename(prices, odd + ".csv")
    os.symlink(capture[0], odd + ".pcap")
    for words in (
        ["risk", odd + ".csv", "-o", odd + ".html", "--window", "60", "--paths", "1000"],
        ["covariance", odd + ".csv", "-o", odd + ".arrow", "--window", "60"],
        ["run", odd + ".pcap", "-o", odd + "2.html", "--paths", "1000"],
    ):
        done = subprocess.run(command(*words), capture_output=True)
        assert done.returncode == 0, done.stderr
        assert b"caf\\udce9" in done.stdout
    with open(odd + ".arrow", "rb") as file:
        assert pa.ipc.open_file(file).schema.names == ["symbol", r"caf\xe9"]
    for words in (["run", odd + ".pcap", "--events"], ["events", odd + ".pcap", "-o"]):
        said = refused(*words, odd + ".e.arrow")
        assert re.search(r"events must go to a path in UTF-8; got '.*caf\\udce9\.e\.arrow'", said)
