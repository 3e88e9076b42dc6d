"""The fastest engine: a Verilated model and both its ends in one library, fed from arrays.

It plays by the rules of `tapeout.sim.bench.player`, with the same pauses from the same seed, and
tells the cycle of each word, so latency is measured where the words are compared.
"""

import ctypes
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tapeout.sim.bench.library import Library, library, stride
from tapeout.sim.bench.player import PATIENCE, breach, calm, most

Rows = npt.NDArray[np.uint32]
Cycles = npt.NDArray[np.uint64]
PIECE = 1 << 16  # cycles between two looks at the progress bar and at what interrupts
MORE, BREACH = 1, 2
MOST_WORDS = (1 << 64) - 1  # until a piece says how many can be meant


@dataclass(frozen=True)
class Words:
    """What crossed a stream: word k is `rows[k]`, (N, ceil(bits / 32)) uint32, lowest first.

    Parameters
    ----------
    taken : (N,) uint64
        Cycle in which each word crossed; the first after reset is cycle 0.
    shown : (N,) uint64
        Cycle in which it was first offered; of inputs the same as `taken`.
    """

    rows: Rows
    taken: Cycles
    shown: Cycles

    def payloads(self) -> list[int]:
        """The words as integers."""
        return unpacked(self.rows)


@dataclass(frozen=True)
class Played:
    """What went in and came out, how long it took, and what the plain outputs said at the end."""

    inputs: dict[str, Words]
    outputs: dict[str, Words]
    plain: dict[str, int]
    cycles: int


class Model:
    """A component compiled once, to be played any number of times.

    Parameters
    ----------
    component : wiring.Component or Outline
        With one clock; its streams are members of its own.
    coverage : str, optional
        "line", "toggle" or "both": what each playing covers is written where `play` is told.
    build : Path, optional
        Where models are kept between runs.

    Raises
    ------
    RuntimeError
        If Verilator is not here or fails.
    """

    def __init__(
        self, component: Any, *, coverage: str | None = None, build: Path | None = None
    ) -> None:
        self.library: Library = library(component, coverage, build)

    def play(
        self,
        rows: Mapping[str, Rows],
        *,
        due: Mapping[str, Cycles] | None = None,
        settings: Mapping[str, int] | None = None,
        seed: int = 7,
        pause: float = 0.0,
        patience: int = PATIENCE,
        asked: bool = False,
        advance: Callable[[int], object] = lambda words: None,
        coverage: Path | None = None,
    ) -> Played:
        """Send rows into the input streams and collect those of every output stream.

        Parameters
        ----------
        rows : name -> (N, ceil(bits / 32)) uint32
            Words of each input stream; see `packed`.
        due : name -> (N,) uint64, optional
            Cycle before which a word is not offered, so that packets come when they come.
        settings, seed, pause, patience
            As for `tapeout.sim.engine.play_streams`.
        asked : bool
            Outputs are ready from the first cycle on, without waiting for a word.
        advance : callable
            Told now and then how many more words went in.
        coverage : Path, optional
            Where to write what was covered.

        Raises
        ------
        RuntimeError
            If the component breaks the rules of a stream.
        ValueError
            If a stream, a setting or the shape of an array is not the component's.
        """
        with self.session(
            settings=settings, seed=seed, pause=pause, patience=patience, asked=asked
        ) as session:
            played = session.play(rows, due=due, advance=advance)
            if coverage:
                session.covered(coverage)
            return played

    def session(
        self,
        *,
        settings: Mapping[str, int] | None = None,
        seed: int = 7,
        pause: float = 0.0,
        patience: int = PATIENCE,
        asked: bool = False,
    ) -> "Session":
        """One run from reset that is played piece by piece; parameters as for `play`."""
        self.library.check({}, {}, settings or {})
        bench = self.library.open(generator(seed), pause, calm(patience, pause), MOST_WORDS, asked)
        self.library.set(bench, settings or {})
        self.library.call("reset", bench)
        return Session(self.library, bench, patience)


class Session:
    """A model that goes on where the last piece ended; memory is that of one piece.

    A context manager: the model is gone at its end.
    """

    def __init__(self, library: Library, bench: int, patience: int) -> None:
        self._library, self._bench, self._patience = library, bench, patience

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *told: object) -> None:
        self._library.call("close", self._bench)

    def play(
        self,
        rows: Mapping[str, Rows],
        *,
        due: Mapping[str, Cycles] | None = None,
        advance: Callable[[int], object] = lambda words: None,
    ) -> Played:
        """Send more rows, and collect what leaves until nothing moves; see `Model.play`.

        Cycles, in `due` as in what is told, count from the reset on.
        """
        words = {name: rows.get(name, none(one.width)) for name, one in self._library.inputs}
        times = dict(due or {})
        self._library.check(rows, times, {})
        self._library.call("again", self._bench, most(self._patience, total(words)))
        keep = [
            self._library.feed(self._bench, name, words[name], times.get(name)) for name in words
        ]
        self._run(advance)
        del keep  # what the model reads from had to live until here
        return self._told(words)

    def covered(self, at: Path) -> None:
        """Write what was covered so far; nothing can be played after that."""
        self._library.call("coverage", self._bench, str(at).encode())

    def _run(self, advance: Callable[[int], object]) -> None:
        """Play to the end, in pieces."""
        call, before, state = self._library.call, 0, MORE
        while state == MORE:
            state = int(call("run", self._bench, PIECE))
            sent = int(call("sent", self._bench))
            advance(sent - before)
            before = sent
        if state >= BREACH:
            raise RuntimeError(self._breach(state - BREACH))

    def _breach(self, place: int) -> str:
        name, one = self._library.outputs[place]
        held, now = none(one.width, 1), none(one.width, 1)
        valid = self._library.call("breach", self._bench, place, held.ctypes.data, now.ctypes.data)
        (was,), (is_,) = unpacked(held), unpacked(now)
        given = int(self._library.call("given", self._bench, place))
        cycle = int(self._library.call("cycle", self._bench))
        return breach(name, given, cycle, was, is_ if valid else None)

    def _told(self, words: Mapping[str, Rows]) -> Played:
        call, bench, inputs, outputs = self._library.call, self._bench, {}, {}
        for place, (name, sent) in enumerate(words.items()):
            taken = np.zeros(int(call("taken", bench, place)), np.uint64)
            call("input", bench, place, taken.ctypes.data)
            inputs[name] = Words(sent[: taken.size], taken, taken)
        for place, (name, one) in enumerate(self._library.outputs):
            count = int(call("given", bench, place))
            rows = none(one.width, count)
            taken, shown = np.zeros((2, count), np.uint64)
            call("output", bench, place, rows.ctypes.data, taken.ctypes.data, shown.ctypes.data)
            outputs[name] = Words(rows, taken, shown)
        return Played(inputs, outputs, self._library.plain(bench), int(call("cycle", bench)))


def packed(words: Sequence[int], width: int) -> Rows:
    """Integers of `width` bits as rows of 32-bit words, lowest first."""
    size = 4 * stride(width)
    raw = b"".join(word.to_bytes(size, "little") for word in words)
    return np.frombuffer(raw, "<u4").reshape(-1, stride(width))


def unpacked(rows: Rows) -> list[int]:
    """Rows as integers: the inverse of `packed`."""
    raw, size = rows.astype("<u4").tobytes(), 4 * rows.shape[1]
    return [int.from_bytes(raw[at : at + size], "little") for at in range(0, len(raw), size)]


def none(width: int, count: int = 0) -> Rows:
    """Rows of zeros."""
    return np.zeros((count, stride(width)), np.uint32)


def total(words: Mapping[str, Rows]) -> int:
    """Words of all streams together."""
    return sum(len(rows) for rows in words.values())


def generator(seed: int) -> ctypes.Array[ctypes.c_uint32]:
    """Where `random.Random(seed)` starts, for the generator in the library."""
    return (ctypes.c_uint32 * 624)(*random.Random(seed).getstate()[1][:624])
