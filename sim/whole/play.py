"""The whole gateware in compiled code, its records held to the golden model's and to its books."""

from collections import defaultdict
from functools import cache

import numpy as np

from tapeout.hdl.book.digest import digest
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import Record, pack
from tapeout.hdl.itch.model import decode
from tapeout.hdl.line.layout import Flag
from tapeout.hdl.net.layout import BEAT
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import Mark, unpack
from tapeout.hdl.top.model import Feed, agrees
from tapeout.sim.bench.compiled import Model, packed

NAMES = 12
SWEPT = 17_000  # cycles after reset in which memories are swept, and a few more
ENTERS = (Kind.ADD, Kind.REPLACE_IN)
LEAVES = (Kind.CANCEL, Kind.DELETE, Kind.EXECUTE, Kind.REPLACE_OUT)


@cache
def model(rows=4096, coverage=None):
    """The feed handler and a witness, compiled once a process: compiling takes the longest."""
    from tapeout.sim.bench.world import World

    return Model(World(witness=True, rows=rows), coverage=coverage)


def listed(count=NAMES):
    """What the host says first: listen to the instruments 1 to `count`."""
    words = [pack((locate, locate, 1), SUBSCRIBE) for locate in range(1, count + 1)]
    return packed(words, sum(SUBSCRIBE.values()))


def lines(a, b=(), listen=None):
    """Rows and cycles of (words, when each is due) of two lines; the instruments are listed."""
    rows, due = {"listen": listed() if listen is None else listen}, {}
    for name, (words, when) in {"a": a, "b": b or ((), ())}.items():
        rows[name] = words if isinstance(words, np.ndarray) else packed(words, sum(BEAT.values()))
        due[name] = np.array(when, np.uint64)
    return rows, due


def played(a, b=(), *, of=None, listen=None, pause=0.0, coverage=None, **settings):
    """The book records of what comes over two lines, and all that was played."""
    rows, due = lines(a, b, listen)
    done = (of or model()).play(
        rows, due=due, settings=settings, pause=pause, asked=True, patience=3 * SWEPT,
        coverage=coverage,
    )  # fmt: skip
    return records(done), done


def records(done):
    """The book records that left."""
    return [unpack(word) for word in done.outputs["o"].payloads()]


def in_sequence(messages, lost=(), refused=(), feed=None):
    """What the model makes of numbered messages, of which some never came."""
    feed, made, missing = feed or Feed(range(1, NAMES + 1), refused), [], 0
    for number, message in enumerate(messages, 1):
        if number in lost:
            missing += 1
            continue
        if missing:
            made += feed.apply(Record(number - missing, subject=missing, flags=Flag.GAP))
            missing = 0
        made += feed.apply(decode(message, number))
    if missing:
        made += feed.apply(Record(number - missing + 1, subject=missing, flags=Flag.GAP))
    return made


def refused(made):
    """References that the order table had no room for: only the gateware knows which."""
    return {one.subject for one in made if one.kind == Kind.STALE}


def held_to(made, true):
    """Records agree one by one, but for when they came.

    Raises
    ------
    AssertionError
        "record 7: ..." with both, or how many there are and how many there should be.
    """
    for place, (one, other) in enumerate(zip(made, true, strict=False)):
        if not agrees(one._replace(arrival_ns=0), other._replace(arrival_ns=0)):
            raise AssertionError(f"record {place}:\n{one}\n{other}")
    if len(made) != len(true):
        raise AssertionError(f"records must be {len(true)}; got {len(made)}")


class Ledger:
    """Books made of nothing but what records say of levels, and their digest."""

    def __init__(self):
        self._levels = defaultdict(lambda: defaultdict(int))

    def add(self, made):
        """Fold records in; one that is stale because nothing came of it changes no level."""
        for one in made:
            if one.kind in ENTERS or one.kind in LEAVES:
                level = self._levels[one.locate, "S" if one.flags & Mark.ASK else "B"]
                level[one.price] += one.lots if one.kind in ENTERS else -one.lots
                if not level[one.price]:
                    del level[one.price]

    def digest(self):
        """One number for all books."""
        total = 0
        for (locate, side), levels in self._levels.items():
            total ^= digest(locate, side, levels.items())
        return total


def digest_of(books):
    """The same of the golden model's books."""
    total = 0
    for (locate, side), levels in books.levels.items():
        total ^= digest(locate, side, levels.items())
    return total
