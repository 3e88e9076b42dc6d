"""`tapeout.messages` and `tapeout messages`: every type as its own table, streaming and whole."""

import pyarrow as pa
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import tapeout
from tapeout.cli import app
from tapeout.errors import DataError
from tapeout.feed.tape import Tape
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.itch.model import encode
from tapeout.market.messages import ALL, MESSAGE_SCHEMAS

UNITS = {"p": "1/10000 USD", "q": "1/100000000 USD"}


def bare(path, messages):
    """A file of length-prefixed messages."""
    path.write_bytes(b"".join(len(m).to_bytes(2) + m for m in messages))
    return path


@pytest.mark.parametrize("kind", ALL)
def test_a_schema_has_every_field_of_its_type_and_says_the_units(kind):
    schema, fields = MESSAGE_SCHEMAS[kind], MESSAGES[kind].fields
    assert len(schema) == len(fields) + 1  # no type, which all share; arrival and sequence instead
    assert schema.metadata[b"message"] == MESSAGES[kind].name.encode()
    for name, field in fields.items():
        if unit := UNITS.get(field.kind):
            column = schema.field(name + {"p": "_ticks", "q": "_e8"}[field.kind])
            assert column.metadata[b"unit"] == unit.encode()
            assert column.type == pa.int64()
        elif name not in ("type", "timestamp"):
            form = schema.field(name).type
            assert (form == pa.bool_()) == (field.kind == "f")
            assert (form == pa.string()) == (field.kind == "a")
            if field.kind == "u":
                assert form.bit_width == 8 * field.length


def test_messages_of_one_type_stream_as_a_reader(capture):
    path, _ = capture
    reader = tapeout.messages(path, "A")
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.schema == MESSAGE_SCHEMAS["A"]
    table = reader.read_all()
    tape = tapeout.read(path)
    adds = [record for records in tape.records() for record in records[records["type"] == ord("A")]]
    assert table["order_reference"].to_pylist() == [int(record["subject"]) for record in adds]
    assert table["price_ticks"].to_pylist() == [int(record["price"]) for record in adds]
    assert table["sequence"].to_pylist() == [int(record["sequence"]) for record in adds]


def test_every_type_comes_in_one_pass_and_in_bounded_pieces(capture):
    path, _ = capture
    tape, rows, largest = Tape(path, chunk_bytes=1 << 16), {}, 0
    for kind, batch in tapeout.message_batches(tape):
        rows[kind] = rows.get(kind, 0) + batch.num_rows
        largest = max(largest, batch.num_rows)
    assert rows == {chr(kind): int(n) for kind, n in enumerate(tape.types) if n}
    assert largest < 1 << 13  # a chunk holds no more of the shortest messages


def test_symbols_choose_messages_too(capture):
    path, _ = capture
    (symbol, *_) = sorted(tapeout.books(path).directory.values())
    table = tapeout.messages(tapeout.read(path, symbols=symbol), "A").read_all()
    assert set(table["stock"].to_pylist()) == {symbol}


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    path = bare(tmp_path / "x.itch", [encode("S", event_code="O")])
    tape = tapeout.read(path)
    reader = tapeout.messages(tape, "S")
    assert tape.messages == 0
    assert reader.read_all()["event_code"].to_pylist() == ["O"]


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ("AF", "type must be one letter; got 'AF': message_batches reads several at once"),
        ("", "type must be one letter; got '': message_batches reads several at once"),
        ("z", f"types must be among {ALL}; got 'z'"),
    ],
)
def test_an_unknown_type_is_refused_at_once(capture, types, said):
    with pytest.raises(DataError) as caught:
        tapeout.messages(capture[0], types)
    assert str(caught.value) == said


def test_no_type_at_all_is_refused(capture):
    with pytest.raises(DataError, match=f"types must be among {ALL}; got ''"):
        tapeout.message_batches(capture[0], "")


def done(*words):
    return CliRunner().invoke(app, ["messages", *map(str, words)])


def test_the_command_writes_one_type(capture, tmp_path):
    out = tmp_path / "adds.parquet"
    ran = done(capture[0], "--type", "A", "-o", out)
    assert ran.exit_code == 0, ran.output
    table = pyarrow.parquet.read_table(out)
    assert table.equals(tapeout.messages(capture[0], "A").read_all())
    assert f"{table.num_rows:,} messages: {out}" in ran.output


def test_a_type_that_never_comes_is_an_empty_file(capture, tmp_path):
    out = tmp_path / "levels.arrow"
    assert done(capture[0], "--type", "V", "-o", out).exit_code == 0
    table = pa.ipc.open_file(out).read_all()
    assert (table.num_rows, table.schema) == (0, MESSAGE_SCHEMAS["V"])


def test_the_command_writes_a_file_a_type_into_a_folder(capture, tmp_path):
    folder = tmp_path / "day"
    assert done(capture[0], "-o", folder).exit_code == 0
    tape = tapeout.read(capture[0])
    counts = dict.fromkeys(ALL, 0)
    for records in tape.records():
        for kind in records["type"].tolist():
            counts[chr(kind)] += 1
    for kind, count in counts.items():
        path = folder / f"{MESSAGES[kind].name.lower().replace(' ', '_')}.parquet"
        assert (pyarrow.parquet.read_metadata(path).num_rows if path.exists() else 0) == count
    assert len({path.name.lower() for path in folder.iterdir()}) == sum(map(bool, counts.values()))


def test_no_file_is_left_where_the_capture_breaks(tmp_path):
    path = bare(tmp_path / "x.itch", [encode("S"), encode("A", stock_locate=1), b"Q!"])
    folder = tmp_path / "out"
    ran = done(path, "--strict", "-o", folder)
    assert ran.exit_code == 1
    assert "messages whose length is not their type's" in str(ran.exception)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--type", "AF", "-o", "x.parquet"],
         "one type must be chosen to write x.parquet; got 'AF': several go to a folder"),
        (["--format", "csv", "-o", "folder"], "messages must go to .arrow or .parquet; got .csv"),
        (["--type", "z", "-o", "x.parquet"], f"types must be among {ALL}; got 'z'"),
        (["-o", "nowhere/folder"], "nowhere/folder cannot be made: No such file or directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_at_once(capture, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    assert str(done(capture[0], *words).exception) == said
    assert list(tmp_path.iterdir()) == []
