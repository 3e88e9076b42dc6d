"""A model that runs on: so many cycles, then more words, then so many cycles more."""

from collections.abc import Mapping

import numpy as np

from tapeout.sim.bench.compiled import (
    BREACH,
    MORE,
    MOST_WORDS,
    Cycles,
    Model,
    Played,
    Rows,
    Session,
    generator,
    none,
    total,
)

LOOK = 8  # cycles between two looks at the output that is waited for
FOREVER = 1 << 62  # cycles of patience: what runs on is never done


class Running(Session):
    """One run from reset, piece by piece as `Session`, but for a number of cycles.

    Nobody pauses: outputs are ready in every cycle, and a word is offered from the cycle on in
    which it is due until it is taken, however many pieces that takes.

    Parameters
    ----------
    model : Model
        It may be run several times at once.
    settings : name -> int, optional
        Plain inputs.
    """

    def __init__(self, model: Model, settings: Mapping[str, int] | None = None) -> None:
        known = model.library
        known.check({}, {}, settings or {})
        super().__init__(known, known.open(generator(0), 0.0, FOREVER, MOST_WORDS, True), FOREVER)
        self._left = dict[str, tuple[Rows, Cycles]]()
        self.set(settings or {})
        self.reset()

    @property
    def waiting(self) -> int:
        """Words that were given and are not taken yet."""
        return total({name: rows for name, (rows, _) in self._left.items()})

    @property
    def cycle(self) -> int:
        """Cycles since the first reset."""
        return int(self._library.call("cycle", self._bench))

    def set(self, settings: Mapping[str, int]) -> None:
        """Set plain inputs from the next cycle on."""
        self._library.check({}, {}, settings)
        self._library.set(self._bench, settings)

    def reset(self) -> None:
        """Two cycles of reset, which are not counted; words that wait are gone, settings stay."""
        self._left = {}
        self._library.call("reset", self._bench)

    def run(
        self,
        cycles: int,
        rows: Mapping[str, Rows] | None = None,
        *,
        due: Mapping[str, Cycles] | None = None,
        until: str | None = None,
    ) -> Played:
        """Go on for so many cycles, and collect what crossed the streams in them.

        Parameters
        ----------
        cycles : int
            How many.
        rows, due
            More words, behind those that wait; as for `Model.play`.
        until : str, optional
            Stop within `LOOK` cycles after this output has given a word.

        Raises
        ------
        RuntimeError
            If the component breaks the rules of a stream.
        ValueError
            If a stream or the shape of an array is not the component's.
        """
        self._library.check(rows or {}, due or {}, {})
        words, times = self._queued(rows or {}, due or {})
        self._library.call("again", self._bench, MOST_WORDS)
        keep = [self._library.feed(self._bench, one, words[one], times[one]) for one in words]
        self._pieces(cycles, until)
        del keep  # what the model reads from had to live until here
        told = self._told(words)
        for name, one in told.inputs.items():
            taken = len(one.rows)
            self._left[name] = words[name][taken:], times[name][taken:]
        return told

    def _pieces(self, cycles: int, until: str | None) -> None:
        call, went = self._library.call, MORE
        if until is None:
            went = int(call("run", self._bench, cycles))
        else:
            place = [name for name, _ in self._library.outputs].index(until)
            while went == MORE and cycles > 0 and not call("given", self._bench, place):
                went = int(call("run", self._bench, min(LOOK, cycles)))
                cycles -= LOOK
        if went >= BREACH:
            raise RuntimeError(self._breach(went - BREACH))

    def _queued(
        self, rows: Mapping[str, Rows], due: Mapping[str, Cycles]
    ) -> tuple[dict[str, Rows], dict[str, Cycles]]:
        """All words of each input, and the cycle that each is due in."""
        words, times = {}, {}
        for name, one in self._library.inputs:
            new = rows.get(name, none(one.width))
            when = due.get(name, np.zeros(len(new), np.uint64))
            old, then = self._left.get(name, (none(one.width), np.zeros(0, np.uint64)))
            words[name] = np.concatenate([old, new])
            times[name] = np.concatenate([then, when])
        return words, times
