"""How fast do messages become records, against a C++ decoder and against plain Python?"""

import datetime

import harness
from inputs import capture, messages_file

import itch_book  # isort: skip
import numpy as np

from tapeout.feed.tape import Tape
from tapeout.hdl.itch.model import decode
from tapeout.kernels.tape import itch
from tapeout.kernels.tape.faults import ledger
from tapeout.kernels.tape.moldudp import SESSIONS
from tapeout.kernels.tape.record import RECORD_DTYPE

PLAIN = 20_000  # messages the Python model decodes


def run(bench: harness.Benchmark) -> None:
    """Decoding alone from memory, then from a file of messages to columns."""
    events = bench.size(1_000_000, 100_000)
    stretches = [
        (stretch.wire.copy(), stretch.messages)
        for stretch in Tape(capture(events, harness.SEED)).stretches()
    ]
    latest, symbols = np.zeros(SESSIONS, np.int64), np.zeros(itch.LOCATES, np.uint64)
    out = np.zeros(max(found.size for _, found in stretches), RECORD_DTYPE)

    def records() -> None:
        for wire, found in stretches:
            rows = out[: found.size]
            rows.view(np.uint8)[:] = 0
            itch.records(wire, found, latest, symbols, rows, ledger())

    wire, found = stretches[-1]
    raw = [wire[m["start"] : m["start"] + m["length"]].tobytes() for m in found[:PLAIN]]
    total = sum(found.size for _, found in stretches)
    bench.compare(
        "messages in memory to 64-byte records", records, total, "ns/message",
        peer="golden model (Python)", theirs=lambda: [decode(m) for m in raw],
        peer_items=len(raw),
    )  # fmt: skip

    path, count = messages_file(events, harness.SEED)

    def file_to_records() -> None:
        for _ in Tape(path).records():
            pass

    def file_to_columns() -> None:
        feed = itch_book.open(str(path), date=datetime.date(2026, 1, 5), price_type="fixed")
        for _ in feed.batches(tables=("messages",)):
            pass

    bench.compare(
        "file to records", file_to_records, count, "ns/message",
        peer="itch-book (C++), messages table; keeps books too, reads on a second thread",
        theirs=file_to_columns, wall=True,
    )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
