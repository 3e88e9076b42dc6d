"""Streams that together bring the whole gateware all it must tell apart, from a seed each."""

import random
from typing import NamedTuple

import numpy as np

from tapeout.hdl.itch.model import encode
from tapeout.sim.whole.packets import busy, day, framed, mixed, packets, rows
from tapeout.sim.whole.play import NAMES, SWEPT, held_to, in_sequence, played, refused

ROWS = 64  # of the order table: small, so it fills up, and a scan of it is short
PLACES = ROWS * 2 * 4 + 8
SKEW = 40  # cycles that line b is behind
BURST, LULL = 3_000, 60  # cycles before which frames come back to back; between frames after that
HELD = {"hold_from": SWEPT + 300, "hold_to": SWEPT + 900}


class Stream(NamedTuple):
    """Messages and the frames they came in; what goes over the lines; settings of the handler."""

    messages: list
    frames: list
    a: tuple
    b: tuple = ()
    settings: dict = {"enable": 1}  # noqa: RUF012 - a default that nobody changes

    def held_to_the_model(self, of, **options):
        """Play it on a compiled handler; the records, which are the model's, and the rest."""
        made, done = played(self.a, self.b, of=of, **options, **self.settings)
        held_to(made, in_sequence(self.messages, refused=refused(made)))
        return made, done


def all_types(seed):
    """An exchange's day with messages of all types, on two lines that lose packets in turn."""
    rng = random.Random(seed)
    messages = [*mixed(day(4_000, seed, NAMES), rng, often=0.2)]
    frames = _frames(messages, rng, most=30)
    frames.append(framed(len(messages) + 1, []))
    luck = [rng.randrange(12) for _ in frames]
    luck[0] = luck[-1] = 2  # where it begins and where it ends both lines tell
    a, b = (
        rows(frames, start, lost=[at for at, lost in enumerate(luck) if lost == line])
        for line, start in enumerate((SWEPT, SWEPT + SKEW))
    )
    return Stream(messages, frames, a[:2], b[:2], {})


def few_orders(seed):
    """Few orders in few names, touched again and again: in a burst, then with time to refill."""
    rng = random.Random(seed)
    messages = [*busy(12_000, seed)]
    frames = _frames(messages, rng)
    return Stream(messages, frames, _thinned(frames))


def held_back(seed):
    """The same behind a host that looks away for a while: ops follow without a pause then."""
    rng = random.Random(seed)
    messages = [*busy(3_000, seed)]
    frames = _frames(messages, rng)
    return Stream(messages, frames, _thinned(frames), settings={"enable": 1, **HELD})


def too_many_orders(seed):
    """More orders than the table has places come, and go."""
    rng, messages, orders = random.Random(seed), [], []
    for _ in range(PLACES * 5 // 4):
        about = {"stock_locate": rng.randint(1, 5), "order_reference": rng.getrandbits(64)}
        orders.append(about)
        told = {"side": rng.choice("BS"), "shares": 5, "price": rng.randrange(900, 930)}
        messages.append(encode("A", **about, **told))
    messages += [encode("D", **about) for about in rng.sample(orders, len(orders))]
    frames = _frames(messages, rng)
    return Stream(messages, frames, rows(frames, SWEPT)[:2])


STREAMS = {
    "all types": all_types,
    "few orders": few_orders,
    "held back": held_back,
    "too many orders": too_many_orders,
}


def _frames(messages, rng, most=12):
    """Frames of none to two tags."""
    return [framed(*one, tags=rng.randrange(3)) for one in packets(messages, rng, most)]


def _thinned(frames):
    """Rows and cycles: a burst at the rate of the wire, then frames with lulls between."""
    words, due, at = [], [], SWEPT
    for frame in frames:
        beats, when, at = rows([frame], at)
        words.append(beats)
        due.append(when)
        at += LULL if at > SWEPT + BURST else 0
    return np.concatenate(words), np.concatenate(due)
