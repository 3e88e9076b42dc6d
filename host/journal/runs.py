"""A day's ops sorted by instrument in bounded memory: sorted runs, then one after the other."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tapeout.kernels.outputs.op import OP_DTYPE, Ops, by_instrument, gather
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import Events

Starts = np.ndarray[Any, np.dtype[np.uint32]]

RUN_OPS = 1 << 22  # of a run: 168 MB, and as much again while it is sorted


class Runs:
    """Takes events as they come, gives ops by instrument; use it in a `with` block.

    Every run is later than the one before, so the ops of an instrument are those of each run in
    turn. All but the last are kept in one file without a name, which vanishes with the process,
    however that ends.

    Parameters
    ----------
    folder : Path
        Where the file is; it takes 40 bytes an op.
    most : int
        Ops of a run.

    Attributes
    ----------
    rows : (65536,) int64
        How many ops each instrument has so far.
    timed : bool
        Whether any of them has a packet's clock.
    """

    def __init__(self, folder: Path, most: int = RUN_OPS) -> None:
        self._folder, self._most = folder, most
        self._waiting, self._filled = np.empty(most, OP_DTYPE), 0
        self._file: Any = None
        self._written = 0
        self._starts: list[Starts] = []  # of each run that is written, where instruments begin
        self.rows = np.zeros(LOCATES, np.int64)
        self.timed = False

    def __enter__(self) -> "Runs":
        return self

    def __exit__(self, *failure: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, events: Events) -> None:
        """Take what changes a level among these events."""
        for first in range(0, events.size, self._most):
            some = events[first : first + self._most]
            if self._filled + some.size > self._most:
                self._write()
            self.timed = self.timed or bool(some["arrival_ns"].any())
            taken = gather(some, self._waiting[self._filled :])
            new = self._waiting[self._filled : self._filled + taken]
            self.rows += np.bincount(new["instrument"], minlength=LOCATES)
            self._filled += taken

    def ops(self, most: int) -> Iterator[tuple[int, Ops]]:
        """Locate and ops of each instrument, ascending: so many at a time, fewer only at its end.

        To be called once, when everything is added.
        """
        last, starts = self._sorted()
        runs: list[tuple[Ops, Starts]] = [(last, starts)]
        if self._file is not None:
            self._file.flush()
            disk = np.memmap(self._file, OP_DTYPE, "r")
            firsts = np.cumsum([0, *(int(one[-1]) for one in self._starts)])
            parts = zip(firsts, self._starts, strict=False)
            runs = [(disk[first : first + one[-1]], one) for first, one in parts] + runs
        for locate in np.flatnonzero(self.rows).tolist():
            pieces = (rows[one[locate] : one[locate + 1]] for rows, one in runs)
            for piece in _cut(pieces, most):
                yield locate, piece

    def _sorted(self) -> tuple[Ops, Starts]:
        """The ops that wait, by instrument, and where each begins."""
        out = np.empty(self._filled, OP_DTYPE)
        return out, by_instrument(self._waiting[: self._filled], out).astype(np.uint32)

    def _write(self) -> None:
        """Put the ops that wait into the file, as one run."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  (closed by `with`)
        rows, starts = self._sorted()
        self._file.write(rows.data)
        self._starts.append(starts)
        self._filled = 0


def _cut(pieces: Iterable[Ops], most: int) -> Iterator[Ops]:
    """The same rows, so many at a time and the rest at the end."""
    held: list[Ops] = []
    rows = 0
    for piece in pieces:
        while rows + piece.size >= most:
            head, piece = piece[: most - rows], piece[most - rows :]
            yield _joined([*held, head])
            held, rows = [], 0
        held.append(piece)
        rows += piece.size
    if rows:
        yield _joined(held)


def _joined(pieces: list[Ops]) -> Ops:
    """The rows of all pieces; one that is alone is not copied."""
    some = [piece for piece in pieces if piece.size]
    return some[0] if len(some) == 1 else np.concatenate(some)
