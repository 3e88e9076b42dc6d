"""Plays every stream end of a component at once, and holds it to the contract.

The rules are Amaranth's (`amaranth.lib.stream`, "Data transfer rules"): a word that is offered
stays, unchanged, until it is taken; and it is offered without waiting for `ready`.
"""

import math
import random
from collections.abc import Mapping, Sequence

PATIENCE = 64  # cycles without pauses in which nothing moves before the component counts as done


class Sender:
    """Offers words to one input stream; an offered word stays until it is taken."""

    def __init__(self, words: Sequence[int]) -> None:
        self._words, self._sent, self._offering = words, 0, False

    def drive(self, rng: random.Random, pause: float) -> int | None:
        """The word offered in the coming cycle."""
        if not self._offering and self._sent < len(self._words):
            self._offering = rng.random() >= pause
        return self._words[self._sent] if self._offering else None

    def see(self, ready: bool) -> bool:
        """Whether the word was taken."""
        taken = self._offering and ready
        if taken:
            self._sent, self._offering = self._sent + 1, False
        return taken


class Receiver:
    """Takes the words of one output stream, and sees that each stays until then."""

    def __init__(self, name: str, asked: bool) -> None:
        self.out = list[int]()
        self._name, self._ready, self._asked = name, False, asked
        self._held: int | None = None

    def drive(self, rng: random.Random, pause: float) -> bool:
        """`ready` of the coming cycle; low until a first word was seen, or asked for."""
        self._ready = self._asked and rng.random() >= pause
        return self._ready

    def see(self, word: int | None, cycle: int) -> bool:
        """Whether a word came; None stands for none shown."""
        if self._held is not None and word != self._held:
            raise RuntimeError(breach(self._name, len(self.out), cycle, self._held, word))
        if given := self._ready and word is not None:
            self.out.append(word)
        self._held = None if given else word
        self._asked |= word is not None
        return given


class Player:
    """What goes into the input streams in each cycle, and what came out of the output streams.

    All ends pause at random, from `seed`: the same on every engine. In each cycle the inputs draw
    first, in the order of `words`, then the `outputs`. The first word out is waited for with
    `ready` low, so a component that waits for `ready` gives nothing; unless outputs are `asked` for
    at once.
    """

    def __init__(
        self,
        words: Mapping[str, Sequence[int]],
        outputs: Sequence[str],
        *,
        seed: int,
        pause: float,
        patience: int = PATIENCE,
        asked: bool = False,
    ) -> None:
        self._inputs = {name: Sender(sent) for name, sent in words.items()}
        self._outputs = {name: Receiver(name, asked) for name in outputs}
        self._rng, self._pause = random.Random(seed), pause
        self._patience = calm(patience, pause)
        self._most = most(patience, sum(map(len, words.values())))
        self._cycle, self._silent = 0, 0

    @property
    def out(self) -> dict[str, list[int]]:
        """What came out of each output stream."""
        return {name: output.out for name, output in self._outputs.items()}

    @property
    def done(self) -> bool:
        """Nothing has moved for as long as patience lasts, or more came out than can be meant."""
        longest = max((len(output.out) for output in self._outputs.values()), default=0)
        return self._silent > self._patience or longest > self._most

    def drive(self) -> tuple[dict[str, int | None], dict[str, bool]]:
        """The word offered to each input, None for none; `ready` of each output."""
        return (
            {name: end.drive(self._rng, self._pause) for name, end in self._inputs.items()},
            {name: end.drive(self._rng, self._pause) for name, end in self._outputs.items()},
        )

    def see(self, ready: Mapping[str, bool], shown: Mapping[str, int | None]) -> None:
        """What the component said in that cycle.

        Raises
        ------
        RuntimeError
            "o must hold word 7 until it is taken; in cycle 31 it went from 0x2a to nothing"
        """
        moved = [end.see(ready[name]) for name, end in self._inputs.items()]
        moved += [end.see(shown[name], self._cycle) for name, end in self._outputs.items()]
        self._silent = 0 if any(moved) else self._silent + 1
        self._cycle += 1


def calm(patience: int, pause: float) -> int:
    """Cycles in which nothing moves before a component counts as done: pauses stretch patience."""
    return math.ceil(patience / (1 - pause) ** 2)


def most(patience: int, words: int) -> int:
    """More words out than this cannot be meant."""
    return patience * (words + 1)


def breach(name: str, place: int, cycle: int, held: int, word: int | None) -> str:
    """What to say of an output that did not hold its word."""
    now = "nothing" if word is None else f"{word:#x}"
    return (
        f"{name} must hold word {place} until it is taken;"
        f" in cycle {cycle} it went from {held:#x} to {now}"
    )
