"""How fast do messages become Arrow columns, and records, against C++, a plain loop and Python?"""

import datetime
from collections.abc import Iterator
from typing import Any

import harness
from inputs import capture, many_instruments, messages_file

import itch_book  # isort: skip
import numba
import numpy as np

from tapeout.feed.messages import message_batches
from tapeout.feed.tape import Tape
from tapeout.hdl.itch.model import decode
from tapeout.kernels.columns.decode import Columns, bare_columns
from tapeout.kernels.tape import itch
from tapeout.kernels.tape.faults import ledger
from tapeout.kernels.tape.moldudp import SESSIONS
from tapeout.kernels.tape.record import RECORD_DTYPE, Ints
from tapeout.kernels.tape.wire import Bytes, be16, be32, be64
from tapeout.market.messages import ALL, typed_batches

PLAIN = 20_000  # messages the Python model decodes
PIECE = 1 << 17  # messages a batch is made of; a chunk of a capture holds about as many
INSTRUMENTS = 8_000
EVERYTHING = np.ones(itch.LOCATES, np.bool_)
BOOK = {ord(kind): at for kind, at in zip("AFDUEXC", (1, 1, 2, 3, 4, 4, 5), strict=True)}
SHAPE = np.array([BOOK.get(kind, 0) for kind in range(256)])


@numba.njit
def walk(wire: Bytes, stop: int, kinds: Ints) -> None:
    """From length to length, counting types: the least that any decoder does."""
    at = 0
    while at < stop:
        kinds[wire[at + 2]] += 1
        at += 2 + np.int64(be16(wire, at))


@numba.njit
def plain_columns(wire: Bytes, stop: int, shape: Ints, out: Any) -> int:
    """One message after the other into seven columns that all book messages share: less than ours.

    No text, no numbers in the stream, no other types, no Arrow.
    """
    kind, locate, time, reference, lots, price, other = out
    at, row = 0, 0
    while at < stop:
        body = at + 2
        at = body + np.int64(be16(wire, at))
        what = shape[wire[body]]
        if what == 0:
            continue
        kind[row] = wire[body]
        locate[row] = be16(wire, body + 1)
        time[row] = be64(wire, body + 3) & 0xFFFFFFFFFFFF
        reference[row] = be64(wire, body + 11)
        if what == 1:
            lots[row], price[row] = be32(wire, body + 20), be32(wire, body + 32)
        elif what == 2:
            lots[row], price[row] = 0, 0
        elif what == 3:
            other[row] = be64(wire, body + 19)
            lots[row], price[row] = be32(wire, body + 27), be32(wire, body + 31)
        else:
            lots[row] = be32(wire, body + 19)
            price[row] = be32(wire, body + 32) if what == 5 else 0
        row += 1
    return row


def run(bench: harness.Benchmark) -> None:
    """A whole exchange to columns; then records, in memory and from a file."""
    typed_columns(bench)
    records_alone(bench)
    from_a_file(bench)


def typed_columns(bench: harness.Benchmark) -> None:
    """Every message of 8,000 instruments, from wire bytes in memory to a batch of its type.

    A piece at a time, as much as a chunk of a capture holds; nobody keeps the batches.
    """
    wire = many_instruments(bench.size(20_000_000, 1_000_000), INSTRUMENTS, harness.SEED)
    stop, kinds, count = wire.size - itch.SLACK, np.zeros(256, np.int64), 0

    def pieces() -> Iterator[Columns]:
        nonlocal count
        at, count = 0, 0
        while at < stop:
            filled, some, at = bare_columns(wire, at, stop, count + 1, ALL, EVERYTHING, 0, PIECE)
            count += some
            yield filled

    def to_columns() -> None:
        for _ in pieces():
            pass

    def to_batches() -> None:
        for filled in pieces():
            for _ in typed_batches(filled):
                pass

    size = sum(filled.arena.nbytes for filled in pieces())
    forms = (np.uint8, np.uint16, np.uint64, np.uint64, np.uint32, np.uint32, np.uint64)
    plain = tuple(np.zeros(count, form) for form in forms)
    walks = lambda: walk(wire, stop, kinds)  # noqa: E731
    flat = lambda: plain_columns(wire, stop, SHAPE, plain)  # noqa: E731
    for case, work, peer, theirs in (
        ("wire to typed columns", to_columns, "walk from length to length, no columns", walks),
        ("wire to typed Arrow batches", to_batches, "plain loop to 7 flat columns", flat),
    ):
        bench.compare(case, work, count, "ns/message", peer=peer, theirs=theirs)
    bench.record("memory of typed columns", size / count, "bytes/message")


def records_alone(bench: harness.Benchmark) -> None:
    """Messages in memory to what the books are built from."""
    events = bench.size(1_000_000, 100_000)
    stretches = [
        (stretch.wire.copy(), stretch.messages)
        for stretch in Tape(capture(events, harness.SEED)).stretches()
    ]
    latest, symbols = np.zeros(SESSIONS, np.int64), np.zeros(itch.LOCATES, np.uint64)
    types = np.zeros(256, np.int64)
    out = np.zeros(max(found.size for _, found in stretches), RECORD_DTYPE)

    def records() -> None:
        for wire, found in stretches:
            rows = out[: found.size]
            rows.view(np.uint8)[:] = 0
            itch.records(wire, found, latest, symbols, types, rows, ledger())

    wire, found = stretches[-1]
    raw = [wire[m["start"] : m["start"] + m["length"]].tobytes() for m in found[:PLAIN]]
    total = sum(found.size for _, found in stretches)
    bench.compare(
        "messages in memory to 64-byte records", records, total, "ns/message",
        peer="golden model (Python)", theirs=lambda: [decode(m) for m in raw],
        peer_items=len(raw),
    )  # fmt: skip


def from_a_file(bench: harness.Benchmark) -> None:
    """A file of messages to records, and to columns of every type."""
    path, count = messages_file(bench.size(1_000_000, 100_000), harness.SEED)

    def file_to_records() -> None:
        for _ in Tape(path).records():
            pass

    def file_to_batches() -> None:
        for _ in message_batches(path):
            pass

    def theirs() -> None:
        feed = itch_book.open(str(path), date=datetime.date(2026, 1, 5), price_type="fixed")
        for _ in feed.batches(tables=("messages",)):
            pass

    for case, work in (
        ("file to records", file_to_records),
        ("file to typed Arrow batches", file_to_batches),
    ):
        bench.compare(
            case, work, count, "ns/message",
            peer="itch-book (C++), messages table; keeps books too, reads on a second thread",
            theirs=theirs, wall=True,
        )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
