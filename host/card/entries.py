"""Entries of the ring as arrays, and as the records they are."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeout.errors import DeviceError
from tapeout.hdl.card.layout import RECORD_BYTES, Entry
from tapeout.hdl.top.layout import BOOK_RECORD, BookRecord

Entries = npt.NDArray[np.void]
TIMESTAMP = "timestamp"  # of 48 bits, for which there is no integer: three of 16
#: The entry as it stands in memory; `timestamps` joins the words of the exchange's clock.
ENTRY_DTYPE = np.dtype(
    [
        (name, "<u2", (bits // 16,)) if name == TIMESTAMP else (name, f"<u{bits // 8}")
        for name, bits in BOOK_RECORD.items()
    ]
)
assert ENTRY_DTYPE.itemsize == RECORD_BYTES


def timestamps(entries: Entries) -> npt.NDArray[np.int64]:
    """Exchange clock of each entry, (N,), ns since midnight in New York."""
    words = entries[TIMESTAMP].astype(np.int64)
    joined: npt.NDArray[np.int64] = words @ (1 << np.arange(0, 48, 16, dtype=np.int64))
    return joined


def book_records(entries: Entries) -> list[BookRecord]:
    """Each entry as the contract names its fields."""
    columns: list[Any] = [
        (timestamps(entries) if name == TIMESTAMP else entries[name]).tolist()
        for name in BOOK_RECORD
    ]
    return [BookRecord(*fields) for fields in zip(*columns, strict=True)]


class Missing(DeviceError):
    """Records are missing that no entry tells dropped."""


class Numbers(NamedTuple):
    """Where the numbers of records stand: the last one, and how many were told dropped since."""

    last: int = 0
    dropped: int = 0


def continued(entries: Entries, before: Numbers) -> tuple[Numbers, int, Missing | None]:
    """Where the numbers stand after more entries, how many of these are good, and what is not.

    Only records of books are numbered. As many numbers may be missing as an entry told dropped:
    "record must be number 8; got 10, and the ring told of 0 dropped between".
    """
    kinds = entries["kind"]
    lost = np.where(kinds == Entry.OVERFLOW, entries["subject"], 0).astype(np.int64)
    told = before.dropped + lost.cumsum()
    places = np.flatnonzero(~np.isin(kinds, list(Entry)))
    total = int(told[-1]) if len(told) else before.dropped
    if not places.size:
        return Numbers(before.last, total), len(entries), None
    dropped = np.diff(told[places], prepend=0)
    numbers = entries["number"][places]
    expected = np.concatenate([np.array([before.last], "<u4"), numbers[:-1]]) + np.uint32(1)
    missing = numbers - expected  # modulo 2**32, as numbers count
    if not (wrong := missing > dropped).any():
        return Numbers(int(numbers[-1]), total - int(told[places[-1]])), len(entries), None
    at = int(wrong.argmax())
    return before, int(places[at]), Missing(
        f"record must be number {expected[at]}; got {numbers[at]},"
        f" and the ring told of {dropped[at]} dropped between"
    )  # fmt: skip
