"""Op tapes: every book and best quote comes back, from either format; a kill leaves no half."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import tapeout
from tapeout.files import forget_leftovers
from tapeout.hdl.itch.model import encode
from tapeout.hdl.moldudp.model import frame
from tapeout.journal.convert import convert
from tapeout.journal.ops import DIRECTORY, OPS, TIMED_OPS
from tapeout.sim import pcap
from tapeout.sim.crowd import write as write_crowd
from tapeout.sim.exchange.glimpse import binary_file

FORMATS = ("arrow", "parquet")
OPEN = 34_200 * 10**9


@pytest.fixture(scope="module")
def tapes(capture, tmp_path_factory):
    """The small day converted to both formats, in runs and batches far smaller than it."""
    folder = tmp_path_factory.mktemp("ops")
    return {
        kind: convert(capture[0], folder / f"day.ops.{kind}", run_ops=1_000, batch_rows=700)
        for kind in FORMATS
    }


@pytest.fixture(scope="module")
def books(capture):
    return tapeout.books(capture[0])


def displayed(path):
    """The events that change a level, as pandas sees them, with signed lots."""
    events = tapeout.events(path).read_all().to_pandas()
    events = events[events.price_ticks.notna()].copy()
    entered = events.kind.isin(["add", "replace_in"])
    events["lots"] = events.lots.where(entered, -events.lots)
    return events.sort_values(["instrument"], kind="stable")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_tape_has_every_level_change_by_instrument_then_as_sent(tapes, capture, kind):
    want = displayed(capture[0])
    batches = [
        batch for entry in tapes[kind].entries for batch in tapes[kind].batches(entry.symbol)
    ]
    found = pa.Table.from_batches(batches)
    assert found.schema.remove_metadata() == TIMED_OPS
    assert len(want) == found.num_rows == tapes[kind].rows > 10_000
    frame = found.to_pandas()
    for name in TIMED_OPS.names:
        assert frame[name].astype(str).tolist() == want[name].astype(
            "int64" if name == "price_ticks" else want[name].dtype
        ).astype(str).tolist(), name  # fmt: skip


@pytest.mark.parametrize("kind", FORMATS)
def test_every_book_is_the_captures_after_replay(tapes, books, kind):
    tape = tapes[kind]
    assert [entry.symbol for entry in tape.entries] == [
        books.directory[e.instrument] for e in tape.entries
    ]
    for entry in tape.entries:
        played = tapeout.replay(tape, entry.symbol)
        assert played.depth(10**9) == books.depth(entry.instrument, 10**9)
        assert played.digest == books.digest(entry.instrument) == entry.digest
        assert played.ops == entry.rows
    assert tapeout.digest(tape) == tapeout.digest(tape.path) == books.digest()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_best_quote_is_the_captures(tapes, capture, kind):
    quotes = tapeout.quotes(capture[0]).read_all()
    for entry in tapes[kind].entries:
        ours = tapeout.replay(tapes[kind], entry.instrument).quotes
        wanted = quotes.filter(pa.compute.equal(quotes["instrument"], entry.instrument))
        assert ours.num_rows > 100
        assert ours.equals(
            wanted.select(ours.column_names).combine_chunks()
        ) or ours.to_pylist() == (wanted.select(ours.column_names).to_pylist())


def test_without_quotes_the_book_is_the_same(tapes):
    one = tapes["arrow"].entries[0].symbol
    bare = tapeout.replay(tapes["arrow"], one, quotes=False)
    assert bare.quotes is None
    assert bare.digest == tapeout.replay(tapes["arrow"], one).digest


def test_bare_messages_have_no_packet_clock(tmp_path):
    write_crowd(tmp_path / "crowd.itch", seed=4, messages=30_000, instruments=50, container="itch")
    tape = tapeout.convert(tmp_path / "crowd.itch", tmp_path / "crowd.ops.arrow")
    entry = max(tape.entries, key=lambda one: one.rows)
    (batch,) = tape.batches(entry.symbol)
    assert batch.schema.remove_metadata() == OPS
    assert "arrival_ns" not in tapeout.replay(tape, entry.symbol).quotes.column_names


def test_a_crowd_comes_back_as_the_exchange_knows_it(tmp_path):
    """Thousands of instruments, in runs and at once; the oracle is the exchange's own books."""
    oracle = write_crowd(tmp_path / "crowd.pcap", seed=3, messages=60_000, instruments=2_000)
    tape = convert(tmp_path / "crowd.pcap", tmp_path / "crowd.ops.parquet", run_ops=7_777)
    whole = convert(tmp_path / "crowd.pcap", tmp_path / "whole.ops.arrow")
    assert tape.entries == whole.entries
    for entry in tape.entries:
        played = tapeout.replay(whole, entry.instrument)
        for side, ours in enumerate(played.depth(10**9)):
            assert [tuple(level) for level in ours] == oracle.depth(entry.instrument, side)
        assert played.digest == entry.digest
    assert tapeout.digest(tape) == tapeout.digest(whole) == tapeout.digest(tmp_path / "crowd.pcap")


def test_an_op_takes_32_bytes_or_40_with_both_clocks(tapes):
    for schema, size in ((OPS, 32), (TIMED_OPS, 40)):
        width = sum(8 if pa.types.is_dictionary(t) else t.bit_width for t in schema.types)
        assert width == 8 * size
    assert tapes["parquet"].path.stat().st_size < tapes["arrow"].path.stat().st_size / 2
    written = pyarrow.parquet.ParquetFile(tapes["parquet"].path).metadata.row_group(0)
    for at in range(written.num_columns):
        column = written.column(at)
        assert column.compression == "ZSTD"
        assert ("DELTA_BINARY_PACKED" in column.encodings) == (column.path_in_schema != "kind")


def rewritten(tape, path, change):
    """The Arrow tape once more, with its directory changed."""
    with pa.ipc.open_file(str(tape.path)) as file:
        metadata = dict(file.schema.metadata)
        found = json.loads(metadata[DIRECTORY])
        change(found)
        metadata[DIRECTORY] = json.dumps(found)
        schema = file.schema.with_metadata(metadata)
        with pa.ipc.new_file(str(path), schema) as out:
            for at in range(file.num_record_batches):
                out.write_batch(file.get_batch(at).replace_schema_metadata(metadata))
    return path


def test_what_is_no_tape_is_refused_by_name(tapes, tmp_path, capture):
    says = "must be an op tape, which `tapeout tape convert` writes: "
    for name, content in (("a.arrow", b"ARROW1 and no more"), ("b.csv", b"a,b\n"), ("c", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(tapeout.DataError, match=f"{name} {says}"):
            tapeout.OpTape(tmp_path / name)
    tapeout.quotes(capture[0])
    plain = tmp_path / "plain.parquet"
    pyarrow.parquet.write_table(pa.table({"a": [1]}), plain)
    with pytest.raises(tapeout.DataError, match=f"{says}it holds something else"):
        tapeout.OpTape(plain)
    with pytest.raises(tapeout.DataError, match=r"nowhere\.arrow cannot be read: No such file"):
        tapeout.OpTape(tmp_path / "nowhere.arrow")
    newer = rewritten(tapes["arrow"], tmp_path / "v.arrow", lambda d: d.update(version=2))
    with pytest.raises(tapeout.DataError, match="it is of version 2, and this reads 1"):
        tapeout.OpTape(newer)
    fewer = rewritten(tapes["arrow"], tmp_path / "f.arrow", lambda d: d["rows"].__setitem__(0, 1))
    with pytest.raises(tapeout.DataError, match=r"its directory tells of .* parts, and it has"):
        tapeout.OpTape(fewer)
    less = rewritten(
        tapes["arrow"], tmp_path / "l.arrow", lambda d: d["rows"].__setitem__(0, d["rows"][0] - 1)
    )
    with pytest.raises(tapeout.DataError, match=r"1 has [\d,]+ ops, and not [\d,]+"):
        tapeout.replay(less, 1)


def test_an_instrument_that_is_not_there_is_refused(tapes):
    with pytest.raises(tapeout.DataError, match=r"instrument must be in .*arrow; got 'ZZ'"):
        tapeout.replay(tapes["arrow"], "ZZ")


def test_an_op_that_takes_what_is_not_there_is_named(tapes, tmp_path):
    tape = tapes["arrow"]
    with pa.ipc.open_file(str(tape.path)) as file:
        path = tmp_path / "odd.arrow"
        with pa.ipc.new_file(str(path), file.schema) as out:
            for at in range(file.num_record_batches):
                batch = file.get_batch(at)
                if at == 0:
                    lots = batch["lots"].to_numpy().copy()
                    lots[5] = -(10**15)
                    place = batch.schema.get_field_index("lots")
                    batch = batch.set_column(place, OPS.field("lots"), pa.array(lots))
                out.write_batch(batch.replace_schema_metadata(file.schema.metadata))
    first = tape.entries[0].symbol
    with pytest.raises(
        tapeout.DataError,
        match=rf"odd\.arrow, {first}: op 5 must change a level and leave 0 lots or more;"
        r" it adds -1000000000000000 at \d+ ticks",
    ):
        tapeout.replay(path, first)


def test_tapes_go_to_two_formats_and_not_over_their_source(capture, tmp_path):
    with pytest.raises(tapeout.DataError, match=r"op tapes must go to \.arrow or \.parquet; got d"):
        tapeout.convert(capture[0], tmp_path / "day.csv")
    copy = tmp_path / "day.arrow"
    copy.write_bytes(capture[0].read_bytes())
    with pytest.raises(tapeout.DataError, match="a file to write must be another than"):
        tapeout.convert(copy, copy)
    assert copy.read_bytes() == capture[0].read_bytes()


CONVERT = (
    "import sys, time; from tapeout.journal.convert import convert;"
    " print('begun', flush=True);"
    " convert(sys.argv[1], sys.argv[2], run_ops=3_000, batch_rows=500)"
)


def test_a_killed_conversion_leaves_no_tape_and_the_next_one_cleans_up(capture, tmp_path):
    """kill -9 at moments drawn from a seed; a tape that is there afterwards is whole."""
    out, draw = tmp_path / "day.ops.arrow", random.Random(11)
    want = tapeout.convert(capture[0], tmp_path / "want.arrow").entries
    command = [sys.executable, "-P", "-c", CONVERT, os.fspath(capture[0]), os.fspath(out)]
    killed = left = 0
    for _ in range(6):
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"begun\n"
        start = time.monotonic()
        while not list(tmp_path.glob(".day.ops.*.part.arrow")) and child.poll() is None:
            time.sleep(0.001)
        time.sleep(draw.random() * (time.monotonic() - start + 0.3))
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        killed += child.returncode == -signal.SIGKILL
        if out.exists():
            assert tapeout.OpTape(out).entries == want
            assert tapeout.digest(out) == tapeout.digest(tmp_path / "want.arrow")
            out.unlink()
        names = {path.name for path in tmp_path.iterdir()} - {"want.arrow"}
        assert all(name.startswith(".day.ops.") for name in names), names
        left += len(names)
    assert killed >= 3
    assert left >= 1
    tapeout.convert(capture[0], out)
    assert {path.name for path in tmp_path.iterdir()} == {"want.arrow", "day.ops.arrow"}
    assert tapeout.OpTape(out).entries == want


def test_only_what_killed_processes_left_is_forgotten(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine, theirs = f".a.{os.getppid()}.part.arrow", f".a.{dead.pid}.part.arrow"
    kept = {mine, ".a.x.part.arrow", ".b.1.part.arrow", f".a.{dead.pid}.part.parquet"}
    for name in {theirs, *kept}:
        (tmp_path / name).touch()
    assert forget_leftovers(tmp_path / "a.arrow") == 1
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_the_hour_of_apple_comes_back(data, tmp_path, figure):
    path = data / "itch" / "aapl_20120621_from_lobster.itch.gz"
    books = tapeout.books(path)
    for kind in FORMATS:
        tape = tapeout.convert(path, tmp_path / f"aapl.{kind}")
        played = tapeout.replay(tape, 13)
        assert played.digest == books.digest(13) == tape.entry(13).digest
        assert played.quotes.num_rows == 23_448  # as itch-book counts them: test_real_data
        figure(
            f"AAPL op tape: {tape.rows:,} ops, {tape.path.stat().st_size / tape.rows:.1f} bytes an"
            f" op in {kind}"
        )


def test_the_sampled_file_comes_back(data, tmp_path):
    path = data / "itch" / "ex20101224.TEST_ITCH_50.gz"
    tape = convert(path, tmp_path / "sample.arrow", run_ops=1_000)
    books = tapeout.books(path)
    for entry in tape.entries:
        assert tapeout.replay(tape, entry.instrument).digest == books.digest(entry.instrument)
    assert tapeout.digest(tape) == books.digest() == tapeout.digest(path)
    assert np.count_nonzero([entry.digest for entry in tape.entries]) == len(books.active())


def lossy(tmp_path):
    """A feed that lost a message, and a snapshot of the exchange that makes its books whole."""

    def add(number, locate, price, side="B"):
        return encode("A", stock_locate=locate, timestamp=OPEN + number, order_reference=number,
                      side=side, shares=100, stock=f"SYM{locate}", price=price)  # fmt: skip

    feed = [
        add(1, 1, 100),
        add(2, 2, 100),
        add(3, 2, 90),
        add(4, 1, 110),
        add(5, 1, 130, "S"),
        add(6, 3, 50),
        encode("D", stock_locate=1, timestamp=OPEN + 7, order_reference=4),
    ]
    lines = [frame(b"TESTING001", n, [m]) for n, m in enumerate(feed, 1) if n != 3]
    (tmp_path / "day.pcap").write_bytes(pcap.capture_file(lines))
    end = b"G" + str(5).rjust(20).encode()
    (tmp_path / "books").write_bytes(binary_file([feed[0], feed[2], feed[3], end]))
    return tapeout.read(tmp_path / "day.pcap", snapshot=tmp_path / "books")


def test_a_book_that_a_snapshot_made_whole_comes_back(tmp_path):
    books = tapeout.books(lossy(tmp_path))
    quotes = tapeout.quotes(lossy(tmp_path)).read_all()
    tape = tapeout.convert(lossy(tmp_path), tmp_path / "day.ops.arrow")
    assert books.depth("SYM1", 9) == ([(100, 100)], [])
    for symbol in ("SYM1", "SYM2", "SYM3"):
        played = tapeout.replay(tape, symbol)
        assert played.depth(9) == books.depth(symbol, 9)
        assert played.digest == books.digest(symbol) == tape.entry(symbol).digest
        wanted = quotes.filter(pa.compute.equal(quotes["symbol"], symbol))
        assert played.quotes.to_pylist() == wanted.select(played.quotes.column_names).to_pylist()


def test_depth_sees_a_snapshot_take_over(tmp_path):
    depth = tapeout.depth(lossy(tmp_path), "1ns", 1, ("09:30", "09:31")).read_all().to_pandas()
    best = depth[depth.symbol == "SYM1"].bid_ticks.tolist()
    assert best == [100] * 3 + [110] * 3  # after 1, 2, 4, 5 and 6, where the snapshot has 4
