"""How fast are all books built, against a plain loop, C++ and Python?"""

import datetime
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import harness
from inputs import crowd_file, many_instruments, messages_file

import itch_book  # isort: skip
import numpy as np
from yardstick import Yardstick

import tapeout
from tapeout.feed.replay import Replay, best_quotes, folded_books
from tapeout.feed.tape import Tape
from tapeout.hdl.book.model import Books as ModelBooks
from tapeout.hdl.itch.layout import unpack
from tapeout.kernels.book.digest import digest
from tapeout.kernels.book.fold import Fold
from tapeout.kernels.tape.faults import COUNT, ledger
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.wire import Bytes
from tapeout.market.books import Books

PLAIN = 20_000  # messages the Python model applies
INSTRUMENTS = 8_000
PIECE = 1 << 24  # bytes a call
RING = 1 << 20  # orders the ring is made for
PLAIN_LOOP = "plain loop, no output"
FIRST_CALL = """
import time
import numpy as np
from tapeout.kernels.book.fold import Fold
fold, wire, nothing = Fold(2), np.zeros(64, np.uint8), np.zeros((1, 2), np.int64)
start = time.process_time()
fold.update(wire, nothing, tops=True)
print(time.process_time() - start)
"""


def play(fold: Fold, wire: Bytes, tops: bool = False) -> None:
    """Fold all messages, a piece a call."""
    at, end = 0, wire.size - SLACK
    while at < end:
        _, at = fold.update(wire, np.array([[at, min(at + PIECE, end)]]), tops=tops)


def exchange(bench: harness.Benchmark) -> None:
    """Both fill memory that is there and clean: what the machine needs to give it is not timed."""
    wire = many_instruments(bench.size(20_000_000, 500_000), INSTRUMENTS, harness.SEED)
    end, grown = wire.size - SLACK, Fold()
    grown.update(wire, np.array([[0, end]]))
    count, live, references = grown.seen, grown.live_orders, int(grown.store.shape[0]) + 1
    plain = Yardstick(references - 1, INSTRUMENTS, ledger())
    folds = {"direct": Fold(references), "ring": Fold(store="ring", orders=RING)}
    plain.update(wire, 0, end)
    for fold in folds.values():
        fold.levels = fold.levels._replace(pool=np.zeros_like(grown.levels.pool))
        play(fold, wire)
        assert digest(fold.levels) == digest(grown.levels) == plain.digest()
        assert (fold.ledger[:, COUNT] == plain.ledger[:, COUNT]).all()
    bench.record("live orders at the end", live, "orders")
    for name, fold in folds.items():
        bench.record(f"memory of the {name} store", fold.store.bytes / live, "bytes/order")

    def clear(fold: Fold) -> None:
        fold.clear()
        plain.clear()

    for name, tops in (("direct", False), ("direct", True), ("ring", True)):
        fold, more = folds[name], " and best prices" if tops else ""
        bench.compare(
            f"wire to books{more}, {name} store", partial(play, fold, wire, tops), count,
            "ns/message", peer=PLAIN_LOOP, theirs=partial(plain.update, wire, 0, end),
            before=partial(clear, fold),
        )  # fmt: skip


def first_call(bench: harness.Benchmark) -> None:
    """What the first call of all takes, before anything is kept on disk."""
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", FIRST_CALL], env={**os.environ, "NUMBA_CACHE_DIR": cache},
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    bench.record("first call, compiling", float(done.stdout), "s", "CPU")


def run(bench: harness.Benchmark) -> None:
    """Wire to books, then books from records in memory, then a file of messages to quotes."""
    exchange(bench)
    if not bench.quick:
        first_call(bench)
    path, count = messages_file(bench.size(1_000_000, 100_000), harness.SEED)
    blocks = [records.copy() for records in Tape(path).records()]
    first = np.concatenate(blocks)[:PLAIN]
    plain = [unpack(int.from_bytes(record.tobytes(), "little")) for record in first]

    def books() -> None:
        built = Books()
        for records in blocks:
            built.update(records)

    def model() -> None:
        built = ModelBooks()
        for record in plain:
            built.apply(record)

    bench.compare(
        "records to books, events and quotes", books, count, "ns/message",
        peer="golden model (Python), no quotes", theirs=model, peer_items=len(plain),
    )  # fmt: skip

    by_fold, by_records = (partial(end_of, way, path) for way in (folded_books, replayed_books))
    assert by_fold().digests().equals(by_records().digests())
    bench.compare(
        "file to books, by the fold", by_fold, count, "ns/message",
        peer="by way of records", theirs=by_records,
    )  # fmt: skip
    quotes_of(bench, path, count, "file to best quotes")
    many = crowd_file(bench.size(4_000_000, 600_000), INSTRUMENTS, harness.SEED)
    quotes_of(bench, *many, f"the same of {INSTRUMENTS:,} instruments")


def end_of(way: Callable[[Tape], Books], path: Path) -> Books:
    """The books at the end of a file."""
    return way(Tape(path))


def replayed_books(tape: Tape) -> Books:
    """The books by way of records."""
    replay = Replay(tape)
    for _ in replay:
        pass
    return replay.books


def quotes_of(bench: harness.Benchmark, path: Path, count: int, case: str) -> None:
    """A file to rows and to Arrow, each beside the same table of itch-book's."""

    def rows() -> int:
        return sum(found.size for found in best_quotes(Tape(path)))

    def arrow() -> int:
        return sum(batch.num_rows for batch in tapeout.quotes(path))

    def theirs() -> int:
        feed = itch_book.open(str(path), date=datetime.date(2026, 1, 5), price_type="fixed")
        return sum(batch.bbo["seq"].size for batch in feed.batches(tables=("bbo",)))

    assert rows() == arrow() == theirs()
    for suffix, work in (("", rows), (", as Arrow with symbols", arrow)):
        bench.compare(
            case + suffix, work, count, "ns/message",
            peer="itch-book (C++), bbo table; reads on a second thread", theirs=theirs, wall=True,
        )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
