"""A simulated card in lockstep that keeps in which cycle each thing crossed its pins."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tapeout.hdl.card.layout import RECORD_BYTES
from tapeout.sim.bench.compiled import Played
from tapeout.sim.card.fault import Fault
from tapeout.sim.card.lockstep import Lockstep

BURST = RECORD_BYTES // 8 - 1  # `length` of a record's burst; the index has one beat


class Crossed(NamedTuple):
    """What crossed the pins since power-up; cycles in which an address was offered first.

    Parameters
    ----------
    records : (N,) int64
        Cycle of each entry, in the order of the ring.
    indices : (M,) int64
        Cycle of each producer index.
    counts : (M,) int64
        What it was.
    """

    records: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


class Probed(Lockstep):
    """A `Lockstep` that keeps what crossed the DMA's pins; otherwise the same."""

    def __init__(self) -> None:
        self._pieces = list[Crossed]()
        super().__init__()

    def power_up(self, fault: Fault | None = None) -> None:
        """See `Board`; what crossed before is forgotten."""
        super().power_up(fault)
        self._pieces = []

    def crossed(self) -> Crossed:
        """All that crossed; an index whose word has not crossed yet is left out."""
        none = np.zeros(0, np.int64)
        joined = zip((none, none, none), *self._pieces, strict=True)
        records, indices, counts = (np.concatenate(part) for part in joined)
        return Crossed(records, indices[: counts.size], counts)

    def _run(self, *arguments: Any, **others: Any) -> Played:
        played = super()._run(*arguments, **others)
        addressed, written = played.outputs["addressed"], played.outputs["written"]
        whole = addressed.rows[:, 2] & 0xFF == BURST
        wide = np.ascontiguousarray(written.rows[:, :4]).view("<u8")
        when = addressed.taken.astype(np.int64)
        counts = wide[wide[:, 0] == self._index(), 1].astype(np.int64)
        self._pieces.append(Crossed(when[whole], when[~whole], counts))
        return played
