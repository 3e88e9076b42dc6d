"""Errors, units, clock, files, log, meter, progress: what everything else stands on."""

import datetime
import io
import json
import sys

import pytest

from tapeout import errors
from tapeout.clock import midnight_ns, read_date, session_date, time_of_day
from tapeout.errors import DataError, DeviceError, FeedError, TapeoutError
from tapeout.files import whole, write_whole
from tapeout.log import log, turn_on
from tapeout.meter import Meter
from tapeout.progress import Bars, Silent
from tapeout.units import dollars, span, span_ns


def test_the_exception_tree_is_the_one_that_is_drawn():
    drawn = [
        line.split()[1] for line in errors.__doc__.splitlines() if line.strip()[:1] in ("*", "+")
    ]
    assert drawn == ["TapeoutError", "DeviceError", "FeedError", "DataError"]
    assert {kind.__name__ for kind in TapeoutError.__subclasses__()} == set(drawn[1:])
    assert issubclass(FeedError, ValueError)
    assert issubclass(DataError, ValueError)
    assert issubclass(DeviceError, RuntimeError)


@pytest.mark.parametrize(
    ("text", "ns"), [("1min", 60 * 10**9), ("250 ms", 250 * 10**6), ("2h", 7_200 * 10**9), (5, 5)]
)
def test_spans_are_read(text, ns):
    assert span_ns(text) == ns


@pytest.mark.parametrize("text", ["", "1", "min", "1.5s", "-1s", "1 fortnight"])
def test_a_span_that_is_none_is_named(text):
    with pytest.raises(DataError, match=f"span must be like 1min, 30s or 250ms; got {text!r}"):
        span_ns(text)


@pytest.mark.parametrize("none", ["0s", 0, -3])
def test_a_span_has_a_length(none):
    with pytest.raises(DataError, match="span must be longer than 0; got"):
        span_ns(none)


def test_spans_are_written_as_they_are_read():
    for text in ("1min", "90s", "1h", "250us", "7ns"):
        assert span(span_ns(text)) == text


def test_prices_have_as_many_decimals_as_they_need():
    assert [dollars(t) for t in (1_0000, 1_2300, 12_345, 2_000_000_000)] == [
        "1.00",
        "1.23",
        "1.2345",
        "200000.00",
    ]


@pytest.mark.parametrize(("day", "hour"), [("2026-01-05", 5), ("2023-08-22", 4)])
def test_new_york_midnight_knows_summer(day, hour):
    start = datetime.datetime.fromtimestamp(midnight_ns(read_date(day)) / 1e9, datetime.UTC)
    assert (str(start.date()), start.hour) == (day, hour)


def test_a_session_is_the_day_in_new_york():
    just_before_midnight = midnight_ns(read_date("2026-01-06")) - 1_000
    assert str(session_date(just_before_midnight)) == "2026-01-05"
    assert time_of_day(57_599 * 10**9) == "15:59:59"


def test_a_date_that_is_none_is_named():
    with pytest.raises(DataError, match=r"date must be like 2019-12-30; got '30\.12\.2019'"):
        read_date("30.12.2019")


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.txt"
    write_whole(path, "first")
    with pytest.raises(FileNotFoundError), whole(path) as aside:
        aside.write_text("half" + path.read_text() + (tmp_path / "power cut").read_text())
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"folder must exist to write out\.txt; got .*nowhere"):
        write_whole(tmp_path / "nowhere" / "out.txt", "x")


def test_nothing_is_logged_until_asked(capfd):
    log.info("an event")
    assert capfd.readouterr() == ("", "")


def test_logs_are_json_lines(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    before = log.handlers[:], log.level
    try:
        turn_on("info")
        log.info("capture opened", extra={"container": "pcap"})
        log.debug("too quiet")
        (line,) = sys.stderr.getvalue().splitlines()
    finally:
        log.handlers[:], log.level = before
    said = json.loads(line)
    assert (said["event"], said["level"], said["container"]) == ("capture opened", "info", "pcap")
    assert said["timestamp"].endswith("Z")


def test_a_log_level_that_is_none_is_named():
    with pytest.raises(
        DataError, match="log level must be one of debug, info, warning, error; got 'loud'"
    ):
        turn_on("loud")


def test_a_meter_adds_up():
    meter = Meter()
    for _ in range(3):
        with meter.timing("x") as reading:
            reading.items += 2
    assert meter["x"].items == 6
    assert meter["x"].ns_per_item == meter["x"].ns / 6
    assert meter["never"].ns_per_item != meter["never"].ns_per_item


def test_progress_is_silent_unless_there_is_a_terminal(capfd):
    Silent().stage("x", 3)(1)
    bars = Bars()
    with bars.shown():
        bars.stage("work", 10)(5)
        bars.say("a line")
    assert capfd.readouterr() == ("a line\n", "")
