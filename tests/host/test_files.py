"""A file appears whole or not at all, through a link too; what cannot be written is said first."""

import os
import re
import resource
import socket
import stat
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from tapeout.errors import DataError
from tapeout.files import check_writable, write_whole
from tapeout.service.tables import check_table, write_table


def test_a_link_stays_and_what_it_names_is_written(tmp_path):
    (tmp_path / "deep").mkdir()
    link, target = tmp_path / "report.html", tmp_path / "deep" / "r.html"
    link.symlink_to(target)
    for text in ("not there yet", "there"):
        check_writable(link)
        write_whole(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert [path.name for path in target.parent.iterdir()] == ["r.html"]


def folder(path):
    path.mkdir()


def loop(path):
    path.symlink_to(path)


def bound(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


@pytest.mark.parametrize(
    ("make", "kind"),
    [(folder, "a folder"), (os.mkfifo, "a pipe"), (bound, "a socket"), (loop, "a link to itself")],
)
def test_only_a_regular_file_is_replaced(tmp_path, monkeypatch, make, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "out.html"
    make(path)
    before = stat.S_IFMT(path.lstat().st_mode)
    message = f"{path} must be a regular file to be replaced; it is {kind}"
    for attempt in (lambda: check_writable(path), lambda: write_whole(path, "x")):
        with pytest.raises(DataError, match=re.escape(message)):
            attempt()
    assert stat.S_IFMT(path.lstat().st_mode) == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_is_not_replaced():
    """Asked of the check alone: a fault in `whole` would cost the machine its device."""
    with pytest.raises(
        DataError, match="/dev/null must be a regular file to be replaced; it is a device"
    ):
        check_writable(Path("/dev/null"))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_folder_that_takes_no_files_is_named(tmp_path):
    (tmp_path / "file").touch()
    for attempt in (check_writable, lambda path: write_whole(path, "x")):
        with pytest.raises(DataError, match=r"/proc/self/r\.html cannot be written: No such file"):
            attempt(tmp_path / "/proc/self/r.html")
        with pytest.raises(DataError, match="cannot be written: File name too long"):
            attempt(tmp_path / ("x" * 300))
        with pytest.raises(DataError, match=r"folder must exist to write r\.html; got .*file"):
            attempt(tmp_path / "file" / "r.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@contextmanager
def small_disk():
    """No file of this process grows beyond 1,000 bytes: nor does pytest's own log, so be quick."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.csv", "report.html"])
def test_a_full_disk_is_one_sentence_and_leaves_what_was_there(tmp_path, name):
    path = tmp_path / name
    path.write_text("before")
    table = pa.table({"a": [n / 7 for n in range(5_000)]})
    write = write_whole if name == "report.html" else lambda path, _: write_table(table, path)
    with pytest.raises(DataError, match=f"{name} cannot be written: File too large"), small_disk():
        write(path, "x" * 5_000)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_read_is_not_written(tmp_path):
    prices = tmp_path / "prices.csv"
    prices.write_text("x")
    (tmp_path / "link.csv").symlink_to(prices)
    os.link(prices, tmp_path / "twin.csv")
    for name in ("prices.csv", "link.csv", "twin.csv", "../" + tmp_path.name + "/prices.csv"):
        path = tmp_path / name
        message = f"a file to write must be another than {prices}; got {path}"
        with pytest.raises(DataError, match=re.escape(message)):
            check_writable(path, prices)
        with pytest.raises(DataError, match=re.escape(message)):
            check_table(path, prices)
    with pytest.raises(DataError, match="a file to write must be another than"):
        check_writable(tmp_path / "new", tmp_path / "new")
    check_writable(tmp_path / "other.csv", prices)
    assert prices.read_text() == "x"


def test_a_name_that_is_no_utf8_is_written_and_spelled_out(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.html")
    write_whole(path, f"<h1>{path.name}</h1>")
    assert path.read_bytes() == rb"<h1>caf\udce9.html</h1>"
    table = pa.table({"a": [1]})
    for ending in ("parquet", "arrow", "csv"):
        write_table(table, path.with_suffix("." + ending))
    assert len(list(tmp_path.iterdir())) == 4


def test_a_table_goes_to_a_known_format(tmp_path):
    for attempt in (lambda path: check_table(path, tmp_path), lambda p: write_table(None, p)):
        with pytest.raises(
            DataError, match=r"tables must go to \.parquet, \.arrow or \.csv; got t\.xls"
        ):
            attempt(tmp_path / "t.xls")
