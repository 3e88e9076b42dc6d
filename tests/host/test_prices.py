"""Price tables of both shapes; what is wrong with one is fixed and counted, or named by its row."""

import datetime
import re

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from tapeout.errors import DataError
from tapeout.market.prices import read_prices

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
        ("symbol,close\nA,1\n", "must have a date column; got symbol, close"),
        ("date,symbol,lots\n2020-01-02,A,1\n", "must have the price column one of adjusted_close"),
        ("date\n2020-01-02\n", "must have at least one column of prices beside date"),
        ("date,A\nyesterday,1\n", "date must be a date"),
        ("date,A\n,1\n2020-01-02,1\n", "date must not be empty; row 1 is"),
        ("date,symbol,close\n2020-01-02,,1\n", "symbol must not be empty; row 1 is"),
        ("date,A\n2020-01-02,1\n2020-01-03,abc\n", "A must be numbers; row 2 is 'abc'"),
        (LONG.replace("21", "-21"), "prices must be above 0; row 4 (BB 2020-01-03) is -21"),
        (WIDE.replace("11", "0"), "prices must be above 0; row 2 (AA 2020-01-03) is 0"),
        (LONG + "BB,2020-01-03,99\n",
         "one price a symbol and day; rows 4 and 5 both are BB 2020-01-03, at 21 and 99"),
        (WIDE + "2020-01-03,1,1\n", "one row a day; rows 2 and 3 both are 2020-01-03"),
        ("date,A,A\n2020-01-02,1,2\n", "must have one column a symbol; A stands twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_mended_is_named_with_its_place(tmp_path, text, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read_prices(written(tmp_path, text))


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
