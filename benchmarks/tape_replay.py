"""How fast is an op tape replayed to every book and best quote, against a plain loop?"""

from typing import Any

import harness
from inputs import FOLDER

import numpy as np  # isort: skip

from tapeout.hdl.book.layout import Kind
from tapeout.journal.convert import convert
from tapeout.journal.replay import columns, replay
from tapeout.journal.tape import OpTape
from tapeout.kernels._jit import jit
from tapeout.kernels.book.digest import side_digest
from tapeout.kernels.book.levels import LEVELS, LOTS, PRICE, START, depth, put, take
from tapeout.kernels.tape.record import Ints
from tapeout.sim.crowd import write

INSTRUMENTS = 64
ROOM = 1 << 16  # levels the plain loop has room for
REPLACE_OUT = int(Kind.REPLACE_OUT)


@jit
def plain(
    lots: Ints, price_ticks: Any, kind: Any, side: Any, runs: Ints, pool: Ints, used: Ints
) -> int:
    """Sorted runs of levels, searched from the best; how often a best price or its lots changed."""
    changes, price, standing = 0, np.zeros(2, np.int64), np.zeros(2, np.int64)
    for index in range(lots.size):
        ticks, ask = np.int64(price_ticks[index]), np.int64(side[index] < 0)
        if lots[index] > 0:
            put(runs, pool, used, ask, ticks, lots[index])
        else:
            take(runs, pool, ask, ticks, -lots[index])
        if kind[index] == REPLACE_OUT:
            continue
        best, now, there = runs[ask, START] + runs[ask, LEVELS] - 1, 0, 0
        if runs[ask, LEVELS] > 0:
            now, there = pool[best, PRICE], pool[best, LOTS]
        changes += now != price[ask] or there != standing[ask]
        price[ask], standing[ask] = now, there
    return changes


def replayed(tape: OpTape, quotes: bool) -> list[int]:
    """The digest of every book."""
    return [replay(tape, entry.instrument, quotes=quotes).digest for entry in tape.entries]


def looped(tape: OpTape) -> list[int]:
    """The same from the plain loop."""
    found = []
    for entry in tape.entries:
        runs, pool = np.zeros((2, 3), np.int64), np.zeros((ROOM, 2), np.int64)
        used = np.zeros(1, np.int64)
        for batch in tape.batches(entry.instrument):
            plain(*columns(batch)[:4], runs, pool, used)
        sides = (depth(runs, pool, side, ROOM) for side in (0, 1))
        bid, ask = (side_digest(2 * entry.instrument + s, rows) for s, rows in enumerate(sides))
        found.append(bid ^ ask)
    return found


def run(bench: harness.Benchmark) -> None:
    """From a file in the page cache, whole instruments one after the other."""
    capture = FOLDER / "crowd.itch"
    write(capture, harness.SEED, bench.size(8_000_000, 400_000), INSTRUMENTS, "itch")
    tapes = {kind: convert(capture, FOLDER / f"crowd.{kind}") for kind in ("arrow", "parquet")}
    tape = tapes["arrow"]
    assert replayed(tape, True) == replayed(tapes["parquet"], False) == looped(tape)
    assert replayed(tape, False) == [entry.digest for entry in tape.entries]
    for kind, one in tapes.items():
        bench.record(f"size in {kind}", one.path.stat().st_size / one.rows, "bytes/op")
    for case, one, quotes in (
        ("Arrow to books and best prices", tape, False),
        ("Arrow to books and quotes as Arrow", tape, True),
        ("Parquet to books and quotes as Arrow", tapes["parquet"], True),
    ):
        bench.compare(
            case, lambda one=one, quotes=quotes: replayed(one, quotes), tape.rows, "ns/op",
            peer="plain loop over sorted levels, no output", theirs=lambda: looped(tape),
        )  # fmt: skip
    for kind in tapes:
        out = FOLDER / f"again.{kind}"
        bench.compare(
            f"messages in a file to {kind}", lambda out=out: convert(capture, out), tape.rows,
            "ns/op",
        )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
