"""The exchange's clock: which day a capture is of, and when that day began in UTC."""

import datetime
import re
from zoneinfo import ZoneInfo

from tapeout.errors import DataError
from tapeout.units import NS_PER_SECOND

NEW_YORK = "America/New_York"


def session_date(arrival_ns: int) -> datetime.date:
    """The New York date on which a packet arrived."""
    moment = datetime.datetime.fromtimestamp(arrival_ns / NS_PER_SECOND, ZoneInfo(NEW_YORK))
    return moment.date()


def midnight_ns(date: datetime.date) -> int:
    """The start of a New York day in ns UTC; ITCH timestamps count from there.

    >>> midnight_ns(datetime.date(2023, 8, 22))  # 04:00 UTC
    1692676800000000000
    """
    start = datetime.datetime.combine(date, datetime.time(), ZoneInfo(NEW_YORK))
    return int(start.timestamp()) * NS_PER_SECOND


def read_date(text: str) -> datetime.date:
    """A date written as 2019-12-30.

    Raises
    ------
    DataError
        "date must be like 2019-12-30; got 'today'"
        "date must be from 1970 to 2261, where int64 ns reach; got '0001-01-01'"
    """
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError:
        raise DataError(f"date must be like 2019-12-30; got {text!r}") from None
    if not 1970 <= date.year <= 2261:
        raise DataError(f"date must be from 1970 to 2261, where int64 ns reach; got {text!r}")
    return date


def read_time(text: str) -> int:
    """A time of day written as 09:30 or 09:30:05, in nanoseconds since midnight; 24:00 ends it.

    >>> read_time("09:30")
    34200000000000

    Raises
    ------
    DataError
        "time must be like 09:30 or 09:30:05; got 'noon'"
    """
    match = re.fullmatch(r"(\d\d):([0-5]\d)(?::([0-5]\d))?", text)
    seconds = 3_600 * int(match[1]) + 60 * int(match[2]) + int(match[3] or 0) if match else -1
    if not 0 <= seconds <= 86_400:
        raise DataError(f"time must be like 09:30 or 09:30:05; got {text!r}")
    return seconds * NS_PER_SECOND


def time_of_day(ns_since_midnight: int) -> str:
    """Nanoseconds since midnight as a clock shows them.

    >>> time_of_day(34_200_000_000_000)
    '09:30:00'
    """
    minutes, second = divmod(ns_since_midnight // NS_PER_SECOND, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
