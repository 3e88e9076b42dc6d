"""Plays both ends of a component, one stream in and one out, and holds it to the contract.

The rules are Amaranth's (`amaranth.lib.stream`, "Data transfer rules"): a word that is offered
stays, unchanged, until it is taken; and it is offered without waiting for `ready`.
"""

import math
import random
from collections.abc import Sequence

PATIENCE = 64  # cycles without pauses in which nothing moves before the component counts as done


class Player:
    """What goes into stream `i` of a component in each cycle, and what came out of its stream `o`.

    Both ends pause at random, from `seed`: the same on every engine. The first word out is waited
    for with `ready` low, so a component that waits for `ready` gives nothing.
    """

    def __init__(self, words: Sequence[int], seed: int, pause: float) -> None:
        self.out = list[int]()
        self._words, self._pause, self._rng = words, pause, random.Random(seed)
        self._patience = math.ceil(PATIENCE / (1 - pause) ** 2)
        self._most = PATIENCE * (len(words) + 1)
        self._sent, self._cycle, self._silent = 0, 0, 0
        self._offering, self._ready, self._asked = False, False, False
        self._held: int | None = None

    @property
    def done(self) -> bool:
        """Nothing has moved for as long as patience lasts, or more came out than can be meant."""
        return self._silent > self._patience or len(self.out) > self._most

    def drive(self) -> tuple[bool, int, bool]:
        """`i.valid`, `i.payload` and `o.ready` of the coming cycle."""
        if not self._offering and self._sent < len(self._words):
            self._offering = self._rng.random() >= self._pause
        self._ready = self._asked and self._rng.random() >= self._pause
        word = self._words[self._sent] if self._offering else 0
        return self._offering, word, self._ready

    def see(self, i_ready: bool, o_valid: bool, o_payload: int) -> None:
        """What the component said in that cycle.

        Raises
        ------
        RuntimeError
            "o must hold word 7 until it is taken; in cycle 31 it went from 0x2a to nothing"
        """
        if self._held is not None and (not o_valid or o_payload != self._held):
            now = f"{o_payload:#x}" if o_valid else "nothing"
            raise RuntimeError(
                f"o must hold word {len(self.out)} until it is taken;"
                f" in cycle {self._cycle} it went from {self._held:#x} to {now}"
            )
        taken, given = self._offering and i_ready, self._ready and o_valid
        if given:
            self.out.append(o_payload)
        if taken:
            self._sent, self._offering = self._sent + 1, False
        self._held = o_payload if o_valid and not given else None
        self._asked |= o_valid
        self._silent = 0 if taken or given else self._silent + 1
        self._cycle += 1
