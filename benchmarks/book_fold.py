"""How fast do wire bytes become all books of an exchange, against a plain loop doing the same?"""

import harness
from inputs import many_instruments

import numpy as np  # isort: skip

from yardstick import Yardstick

from tapeout.kernels.book.digest import digest
from tapeout.kernels.book.fold import Fold
from tapeout.kernels.tape.faults import COUNT, ledger
from tapeout.kernels.tape.itch import SLACK

INSTRUMENTS = 8_000
PIECE = 1 << 24  # bytes a call


def run(bench: harness.Benchmark) -> None:
    """Both fill memory that is there and clean: what the machine needs to give it is not timed."""
    wire = many_instruments(bench.size(20_000_000, 1_000_000), INSTRUMENTS, harness.SEED)
    end = wire.size - SLACK
    grown, first = Fold(), ledger()
    grown.update(wire, np.array([[0, end]]))
    references = grown.store.slots.size // 2
    fold, plain = Fold(references), Yardstick(references, INSTRUMENTS, first)
    fold.levels = fold.levels._replace(pool=np.zeros_like(grown.levels.pool))

    def clear() -> None:
        fold.clear()
        plain.clear()

    def ours(tops: bool = False) -> None:
        at = 0
        while at < end:
            _, at = fold.update(wire, np.array([[at, min(at + PIECE, end)]]), tops=tops)

    def theirs() -> None:
        plain.update(wire, 0, end)

    clear()
    ours()
    theirs()
    assert digest(fold.levels) == digest(grown.levels) == plain.digest()
    assert (fold.ledger[:, COUNT] == plain.ledger[:, COUNT]).all()
    bench.record("live orders at the end", fold.live_orders, "orders")
    count = grown.seen
    for case, work in (
        ("wire to books", ours),
        ("wire to books and best prices", lambda: ours(tops=True)),
    ):
        bench.compare(
            case, work, count, "ns/message", peer="plain loop, no output", theirs=theirs,
            before=clear,
        )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
