"""Price tables of both shapes; what is wrong with one is fixed and counted, or named by its row."""

import datetime
import decimal
import gzip
import re

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from tapeout.errors import DataError
from tapeout.prices.panel import read_prices

LONG = """symbol,date,close
AA,2020-01-02,10
BB,2020-01-02,20
AA,2020-01-03,11
BB,2020-01-03,21
"""
WIDE = """date,BB,AA
2020-01-02,20,10
2020-01-03,21,11
"""
GRID = [[10.0, 20.0], [11.0, 21.0]]


def written(tmp_path, text, name="prices"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text", [LONG, WIDE, LONG.replace("symbol,date,close", "Ticker,DATE,Adj Close")]
)
def test_both_shapes_give_the_same_grid(tmp_path, text):
    prices = read_prices(written(tmp_path, text))
    assert prices.symbols == ["AA", "BB"]
    assert prices.values.tolist() == GRID
    assert [str(day) for day in prices.dates] == ["2020-01-02", "2020-01-03"]
    assert prices.treatments == []


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize("clock", [pa.date32(), pa.timestamp("us"), pa.timestamp("ns")])
def test_parquet_and_arrow_are_told_by_content(tmp_path, kind, clock):
    days = [datetime.datetime(2020, 1, day) for day in (2, 2, 3, 3)]
    table = pa.table({"symbol": ["AA", "BB"] * 2, "date": pa.array(days).cast(clock),
                      "close": [10, 20, 11, 21]})  # fmt: skip
    path = tmp_path / "no telling name"
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, str(path))
    assert read_prices(path).values.tolist() == GRID


def test_the_adjusted_close_is_preferred_and_another_can_be_named(tmp_path):
    path = written(tmp_path, "date,symbol,close,adjusted_close\n2020-01-02,A,5,4\n")
    assert read_prices(path).values.tolist() == [[4.0]]
    assert read_prices(path, column="close").values.tolist() == [[5.0]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LONG + "AA,2020-01-01,9\n", "1 rows out of time order (first at row 5): sorted"),
        (LONG + "BB,2020-01-03,21\n", "1 repeated rows (first at row 5): dropped"),
        (
            LONG.replace("11", ""),
            "1 of 4 prices missing (first AA 2020-01-03): left out day by day",
        ),
        (
            LONG.replace("AA,2020-01-03,11\n", ""),
            "1 of 4 prices missing (first AA 2020-01-03): left",
        ),
        (WIDE.replace("20,10", ",10"), "1 of 4 prices missing (first BB 2020-01-02): left out"),
        (
            "date,A\n2020-01-03,1\n2020-01-02,2\n",
            "1 rows out of time order (first at row 2): sorted",
        ),
    ],
)
def test_what_can_be_mended_is_mended_and_counted(tmp_path, text, said):
    prices = read_prices(written(tmp_path, text))
    assert prices.treatments[0].startswith(said)
    assert np.all(np.diff(prices.dates.astype(int)) > 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold a table of prices; it is empty"),
        ("a\0b", "must be Parquet, Arrow IPC or CSV; it is binary"),
        ("PAR1 but not really", "cannot be read as a table"),
        ("symbol,close\nA,1\n",
         "must have a date column, called one of date, time, timestamp, datetime, day; got sym"),
        (",Open,Close\n2020-01-02,1,1\n", "called one of date, time, timestamp, datetime, day;"
         " got (no name), Open, Close"),
        ("date,symbol,lots\n2020-01-02,A,1\n", "must have the price column one of adjusted_close"),
        ("date\n2020-01-02\n", "must have at least one column of prices beside date"),
        ("date,A\n2020-01-02,1\nyesterday,1\n",
         "date must be like 2020-01-02 or 20200102; row 2 is 'yesterday'"),
        ("date,A\n1577923200000,1\n", "must be like 2020-01-02 or 20200102; row 1 is '15779232000"),
        ("date,A\n20201302,1\n", "must be like 2020-01-02 or 20200102; row 1 is '20201302'"),
        ("time,A\n09:30:00,1\n", "time must be like 2020-01-02 or 20200102; row 1 is '09:30:00'"),
        ("date,symbol,close,close\n2020-01-02,A,1,1\n",
         "must have one column close; columns 3 and 4 both are"),
        ("date,date,A\n2020-01-02,2020-01-02,1\n",
         "must have one column date; columns 1 and 2 both are"),
        ("date,A\n2020-01-02,\n2020-01-03,1_000\n", "A must be numbers; row 2 is '1_000'"),
        ("date,A\n2020-01-02,1\n2020-01-03,9007199254740993\n",
         "A must be numbers up to 2^53; row 2 is 9007199254740993"),
        ("date,A\n2020-01-02,true\n", "A must be numbers; row 1 is 'true'"),
        ("date,A\n2020-01-02,1,2\n", "cannot be read as a table: CSV parse error: Expected 2 col"),
        ("date,A\n,1\n2020-01-02,1\n", "date must not be empty; row 1 is"),
        ("date,symbol,close\n2020-01-02,,1\n", "symbol must not be empty; row 1 is"),
        ("date,A\n2020-01-02,1\n2020-01-03,abc\n", "A must be numbers; row 2 is 'abc'"),
        (LONG.replace("21", "-21"), "prices must be above 0; row 4 (BB 2020-01-03) is -21"),
        (WIDE.replace("11", "0"), "prices must be above 0; row 2 (AA 2020-01-03) is 0"),
        (LONG + "BB,2020-01-03,99\n",
         "one price a symbol and day; rows 4 and 5 both are BB 2020-01-03, at 21 and 99"),
        (WIDE + "2020-01-03,1,1\n", "one row a day; rows 2 and 3 both are 2020-01-03"),
        ("date,A,A\n2020-01-02,1,2\n", "must have one column A; columns 2 and 3 both are"),
    ],
)  # fmt: skip
def test_what_cannot_be_mended_is_named_with_its_place(tmp_path, text, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read_prices(written(tmp_path, text))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"date,symbol,close\n2020-01-02,A,1\n2020-01-02,Soci\xe9t\xe9,1\n",
         r"symbol must be text in UTF-8; row 2 is b'Soci\xe9t\xe9'"),
        (b"date,Soci\xe9t\xe9\n2020-01-02,1\n",
         r"must name its columns in UTF-8; got b'Soci\xe9t\xe9'"),
        (b"date,A\n\xe9,1\n", r"date must be like 2020-01-02 or 20200102; row 1 is b'\xe9'"),
    ],
)  # fmt: skip
def test_latin_1_is_named_with_its_place(tmp_path, content, message):
    path = tmp_path / "prices"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(message)):
        read_prices(path)


def stored(tmp_path, date, price=1.0):
    """One row as Parquet, the cells as they are given."""
    cells = [cell if isinstance(cell, pa.Array) else pa.array([cell]) for cell in (date, price)]
    path = tmp_path / "prices"
    pyarrow.parquet.write_table(pa.table(cells, ["date", "A"]), path)
    return path


#: 2020-01-02 00:30 in Tokyo; in UTC it is still the first of January.
TOKYO_S = int(datetime.datetime(2020, 1, 1, 15, 30, tzinfo=datetime.UTC).timestamp())
DAY = datetime.date(2020, 1, 2)


@pytest.mark.parametrize(
    "date",
    [
        20200102,
        "20200102",
        "2020-01-02T09:30:00.123456789",
        "2020-01-02 00:30:00+09:00",
        "2020-01-02T23:59:59Z",
        pa.array([DAY]).cast(pa.date64()),
        pa.array(["2020-01-02"]).dictionary_encode(),
        pa.array([b"2020-01-02"]),
        pa.array([TOKYO_S * 10**9 + 1], pa.timestamp("ns", "Asia/Tokyo")),
        pa.array([TOKYO_S], pa.timestamp("s", "+09:00")),
    ],
)
def test_a_day_is_read_as_it_stands_on_the_wall(tmp_path, date):
    assert read_prices(stored(tmp_path, date)).dates.tolist() == [DAY]
    if isinstance(date, int | str):
        assert read_prices(written(tmp_path, f"date,A\n{date},1\n")).dates.tolist() == [DAY]


@pytest.mark.parametrize(
    ("date", "said"),
    [
        (1577923200000000000, "1577923200000000000"),
        (1577923200, "1577923200"),
        (20200102.0, "20200102.0"),
        (True, "True"),
        (datetime.time(9, 30), "09:30:00"),
        (pa.array([5], pa.time64("ns")), "00:00:00"),
        (pa.array([["2020-01-02"]]), "['2020-01-02']"),
        ("01/02/2020", "'01/02/2020'"),
    ],
)
def test_what_is_no_day_is_named_with_its_row(tmp_path, date, said):
    message = f"date must be like 2020-01-02 or 20200102; row 1 is {said}"
    with pytest.raises(DataError, match=re.escape(message)):
        read_prices(stored(tmp_path, date))


def test_a_zone_that_is_not_known_is_named(tmp_path):
    path = stored(tmp_path, pa.array([0], pa.timestamp("s", "Mars/Olympus")))
    with pytest.raises(DataError, match="date must be in a zone that is known; got 'Mars/Olympus'"):
        read_prices(path)


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (2**60, f" up to 2^53; row 1 is {2**60}"),
        (pa.array([DAY]), "; row 1 is 2020-01-02"),
        (pa.array([[1.5]]), "; row 1 is [1.5]"),
        (b"\xff", r"; row 1 is b'\xff'"),
    ],
)
def test_what_is_no_number_is_named_with_its_row(tmp_path, price, said):
    with pytest.raises(DataError, match=re.escape(f"A must be numbers{said}")):
        read_prices(stored(tmp_path, DAY, price))


@pytest.mark.parametrize(
    "price", [pa.array(["1.5"]), " 1.5 ", b"1.5", decimal.Decimal("1.5"), np.float16(1.5)]
)
def test_a_number_may_be_written_in_many_ways(tmp_path, price):
    assert read_prices(stored(tmp_path, DAY, price)).values.tolist() == [[1.5]]


OHLCV = """Date,Open,High,Low,Close,Adj Close,Volume
2020-01-02,10,12,9,11,5.5,900
2020-01-03,11,13,10,12,6,800
"""


@pytest.mark.parametrize("name", ["AAPL.csv", "AAPL.csv.gz"])
def test_a_table_of_one_name_is_called_like_its_file(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(OHLCV.encode()) if name.endswith("gz") else OHLCV.encode())
    prices = read_prices(path)
    assert (prices.symbols, prices.values.tolist()) == (["AAPL"], [[5.5], [6.0]])
    assert prices.column == "Adj Close"
    assert prices.treatments == [
        "one instrument, AAPL, from the column Adj Close: Open, High, Low, Close, Volume not read"
    ]
    for column in ("Close", "close"):
        assert read_prices(path, column=column).values.tolist() == [[11.0], [12.0]]
    assert read_prices(path, column="Open").values.tolist() == [[10.0], [11.0]]
    with pytest.raises(DataError, match="must have the price column 'mid'; got Date, Open, High"):
        read_prices(path, column="mid")


def test_a_compressed_table_that_is_cut_is_said(tmp_path):
    path = tmp_path / "AAPL.csv.gz"
    path.write_bytes(gzip.compress(OHLCV.encode())[:-20])
    with pytest.raises(DataError, match="cannot be read: Truncated compressed stream"):
        read_prices(path)


def test_symbols_stay_as_they_are_written(tmp_path):
    prices = read_prices(written(tmp_path, "date,symbol,close\n2020-01-02,0700,1\n2020-01-02,NA,2"))
    assert (prices.symbols, prices.values.tolist()) == (["0700", "NA"], [[1.0, 2.0]])


def test_a_column_without_a_name_is_left_and_counted(tmp_path):
    prices = read_prices(written(tmp_path, ",date,AA\n0,2020-01-02,10\n1,2020-01-03,11\n"))
    assert (prices.symbols, prices.values.tolist()) == (["AA"], [[10.0], [11.0]])
    assert prices.treatments == ["column 1 has no name: not read"]


def test_a_column_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        DataError, match="must have the price column 'mid'; got symbol, date, close"
    ):
        read_prices(written(tmp_path, LONG), column="mid")
    with pytest.raises(DataError, match="column='close' fits long tables"):
        read_prices(written(tmp_path, WIDE), column="close")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(DataError, match="nowhere cannot be read: No such file or directory"):
        read_prices(tmp_path / "nowhere")
