"""How fast are all books built, with every quote change written out, against C++ and Python?"""

import datetime

import harness
from inputs import messages_file

import itch_book  # isort: skip
import numpy as np

from tapeout.feed.replay import Replay
from tapeout.feed.tape import Tape
from tapeout.hdl.book.model import Books as ModelBooks
from tapeout.hdl.itch.layout import unpack
from tapeout.market.books import Books

PLAIN = 20_000  # messages the Python model applies


def run(bench: harness.Benchmark) -> None:
    """Books from records in memory, then from a file of messages to quotes."""
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

    def file_to_quotes() -> int:
        return sum(change.quotes.size for change in Replay(Tape(path)))

    def theirs() -> int:
        feed = itch_book.open(str(path), date=datetime.date(2026, 1, 5), price_type="fixed")
        return sum(batch.bbo["seq"].size for batch in feed.batches(tables=("bbo",)))

    assert file_to_quotes() == theirs()
    bench.compare(
        "file to best quotes", file_to_quotes, count, "ns/message",
        peer="itch-book (C++), bbo table; reads on a second thread", theirs=theirs, wall=True,
    )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
