"""`tapeout tape` and the streams as commands: what they print, what they write, how they end."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow.feather
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import tapeout
from tapeout.cli import app
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.kernels.tape.record import timestamp
from tapeout.service.top import top
from tapeout.sim.exchange import matching

START = "from tapeout.cli import main; import sys; sys.argv[0] = 'tapeout'; main()"


def printed(*words):
    done = CliRunner().invoke(app, [os.fspath(word) for word in words])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output.splitlines()


def refused(*words):
    done = CliRunner().invoke(app, [os.fspath(word) for word in words])
    assert isinstance(done.exception, tapeout.TapeoutError), done.output
    return str(done.exception)


@pytest.fixture(scope="module")
def converted(capture, tmp_path_factory):
    out = tmp_path_factory.mktemp("ops") / "day.ops.arrow"
    (line, *_) = printed("tape", "convert", capture[0], "-o", out)
    rows = pd.read_feather(out).shape[0]
    assert re.fullmatch(rf"{rows:,} ops of 8 instruments, 4\d\.\d bytes an op: {out}", line)
    return out


def test_info_tells_what_a_capture_holds(capture):
    lines = printed("tape", "info", capture[0])
    told = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in lines if line[0] != " ")
    path, oracle = capture
    tape = tapeout.read(path)
    records = np.concatenate([block.copy() for block in tape.records()])
    assert told["container"] == "pcap, plain"
    assert told["size"] == f"{path.stat().st_size:,} bytes"
    assert told["messages"] == f"{oracle.messages:,}"
    assert told["instruments"] == f"{len(oracle.symbols)}"
    assert told["date"] == "2026-01-05"
    assert told["sessions"] == "TAPEOUT001"
    assert told["exchange time"] == "09:29:00 to 16:00:00"
    counts = {chr(kind): int((records["type"] == kind).sum()) for kind in set(records["type"])}
    for letter, count in counts.items():
        assert f"{'':20}{count:>12,}  {letter}  {MESSAGES[letter].name}" in lines
    seconds = np.bincount(timestamp(records) // 10**9)
    assert told["messages a second"].startswith(
        f"{records.size / 23_460:,.0f}; {seconds.max():,} in the busiest, 09:29:00"
    )
    found = [line for line in lines if re.search(r"\(first at packet", line)]
    assert len(found) == len(tape.findings) > 0


def test_info_tells_what_an_op_tape_holds(converted):
    lines = printed("tape", "info", converted)
    tape = tapeout.OpTape(converted)
    assert lines[0].split() == ["container", "op", "tape", "in", "arrow"]
    busiest = max(tape.entries, key=lambda entry: entry.rows)
    assert f"{'':20}{busiest.rows:>12,}  {busiest.symbol}" in lines


def test_replay_and_digest_agree_with_the_exchange(capture, converted):
    path, oracle = capture
    header, *rows = printed("tape", "replay", converted)
    assert header.split() == ["symbol", "ops", "quotes", "bid", "ask", "digest"]
    assert len(rows) == 8
    for row in rows:
        symbol, ops, _, bid, ask, digest = row.split()
        place = oracle.symbols.index(symbol)
        for side, shown in ((0, bid), (1, ask)):
            best = matching.depth(oracle.books, place, side)[0][0]
            assert round(float(shown) * 10_000) == best
        assert int(ops.replace(",", "")) == tapeout.OpTape(converted).entry(symbol).rows
        assert printed("tape", "digest", path, "--symbols", symbol)[0] == f"{digest}  {symbol}"
    whole = printed("tape", "digest", path)
    assert whole == printed("tape", "digest", converted)
    assert whole[-1] == f"{tapeout.digest(path):016x}  all"
    some = printed("tape", "digest", converted, "--symbols", "heli,HYDR")
    assert [line.split()[1] for line in some] == ["HYDR", "HELI", "all"]


def test_a_book_that_is_not_as_when_converted_is_told(converted, tmp_path):
    tape = tapeout.OpTape(converted)
    digest = f"{tape.entries[0].digest:016x}".encode()
    other = tmp_path / "odd.arrow"
    raw = converted.read_bytes()
    assert raw.count(digest) == 2  # the schema stands at the file's start and at its end
    other.write_bytes(raw.replace(digest, b"0" * 16))
    done = CliRunner().invoke(app, ["tape", "replay", str(other)])
    assert done.exit_code == 1
    assert f"{digest.decode()}, but 0000000000000000 when converted" in done.output


@pytest.mark.parametrize(("what", "ending"), [("quotes", "arrow"), ("trades", "parquet"),
                                              ("depth", "parquet")])  # fmt: skip
def test_streams_are_written_as_they_are_read(capture, tmp_path, what, ending):
    out = tmp_path / f"{what}.{ending}"
    words = (
        ["--every", "30min", "--levels", "2", "--hours", "10:00-12:00"] if what == "depth" else []
    )
    (line, *_) = printed(what, capture[0], "-o", out, *words)
    options = {"every": "30min", "levels": 2, "hours": ("10:00", "12:00")} if words else {}
    want = getattr(tapeout, what)(capture[0], **options).read_all()
    read = pyarrow.feather.read_table if ending == "arrow" else pyarrow.parquet.read_table
    assert read(out).to_pylist() == want.to_pylist()
    assert line == f"{want.num_rows:,} rows of {what}: {out}"


def test_bars_by_volume_are_written(capture, tmp_path):
    out = tmp_path / "bars.parquet"
    (line,) = printed("bars", capture[0], "-o", out, "--by", "volume", "--size", "5000")
    want = tapeout.bars(capture[0], by="volume", size=5_000)
    assert pyarrow.parquet.read_table(out).equals(want)
    assert line == f"{want.num_rows:,} bars by volume: {out}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("tape convert {} -o d.csv", "op tapes must go to .arrow or .parquet; got d.csv"),
        ("tape replay {}", "must be an op tape, which `tapeout tape convert` writes: it holds"),
        ("tape info nowhere", "nowhere cannot be read: No such file or directory"),
        ("tape top {} --symbols ZZ", "symbols must be in"),
        ("depth {} -o d.csv", "depth must go to .arrow or .parquet; got d.csv"),
        ("depth {} -o d.arrow --hours 9", "time must be like 09:30 or 09:30:05; got '9'"),
        ("bars {} -o b.csv --by volume", "bars by volume need a size; got none"),
        ("bars {} -o b.csv --size 5", "bars by time take no size, but every; got size 5"),
    ],
)
def test_commands_refuse_in_a_sentence(capture, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused(*words.format(capture[0]).split())
    assert list(tmp_path.iterdir()) == []


def test_top_shows_the_end_where_nobody_watches(capture):
    path, oracle = capture
    lines = printed("tape", "top", path, "--rows", "3")
    assert len(lines) == 3
    for line in lines:
        symbol, lots, bid, _, ask_lots, ask, *rest = line.split()
        place = oracle.symbols.index(symbol)
        (bids, asks) = (matching.depth(oracle.books, place, side)[0] for side in (0, 1))
        assert (round(float(bid) * 10_000), int(lots.replace(",", ""))) == bids
        assert (round(float(ask) * 10_000), int(ask_lots.replace(",", ""))) == asks
        trades = tapeout.trades(tapeout.read(path, symbols=symbol)).read_all().to_pandas()
        trades = trades[trades.printable]
        assert rest == ["last", f"{trades.price_ticks.iloc[-1] / 10_000:.2f},",
                        f"{trades.lots.sum():,}", "traded"]  # fmt: skip


def test_top_keeps_the_pace_it_is_told(capture):
    """At 600 times a frame is a minute of the exchange, and a tenth of a second of ours."""
    now, shown, slept = [100.0], [], []

    def wait(seconds):
        slept.append(seconds)
        now[0] += seconds

    top(tapeout.read(capture[0]), lambda at, rows: shown.append(at), speed=600,
        clock=lambda: now[0], wait=wait)  # fmt: skip
    assert slept == pytest.approx([0.1] * len(slept))
    minutes = np.diff(shown[:-1])
    assert set(minutes) == {60 * 10**9}
    assert shown[-2] == 16 * 3600 * 10**9
    with pytest.raises(tapeout.DataError, match="speed must be more than 0; got 0"):
        top(tapeout.read(capture[0]), lambda at, rows: None, speed=0)


def drain(terminal, enough):
    """What a terminal shows, until it is enough, a minute is over, or nobody writes to it."""
    shown, begun = b"", time.monotonic()
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while not enough(shown) and time.monotonic() - begun < 60:
            if select.select([terminal], [], [], 0.5)[0]:
                shown += os.read(terminal, 1 << 16)
    return shown


def test_top_ends_cleanly_when_it_is_interrupted(capture):
    """In a terminal of its own: it draws, and an interrupt leaves no traceback."""
    master, slave = pty.openpty()
    command = [sys.executable, "-P", "-c", START, "tape", "top", os.fspath(capture[0])]
    child = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"}
    )
    os.close(slave)
    drawn = drain(master, lambda so_far: b"times as fast" in so_far)
    child.send_signal(signal.SIGINT)
    drawn += drain(master, lambda so_far: False)
    os.close(master)
    assert child.wait(timeout=60) == 130
    assert b"tapeout: interrupted" in drawn
    assert b"Traceback" not in drawn
