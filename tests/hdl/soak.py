"""Millions of messages through the whole gateware in one run, every record held to the model's.

`make soak COUNT=5000000 SEED=1` plays one endless day over two lines that lose packets in turn:
piece by piece, so memory stays that of one piece, and the gateware, the model and the books go on
from one to the next. `SECONDS=600` ends it sooner; so does an interrupt, after what was checked.
"""

import argparse
import random
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.model import decode, encode
from tapeout.hdl.top.model import Feed
from tapeout.sim.whole.packets import day, framed, mixed, packets, rows
from tapeout.sim.whole.play import (
    NAMES,
    SWEPT,
    Ledger,
    digest_of,
    held_to,
    listed,
    model,
    records,
)

PIECE = 25_000  # messages that are played at once
LIVE = 8_000  # orders that rest before the oldest are deleted: a quarter of the table's places
LOST = 0.03  # of the packets of one line; the other has them
QUIET = 400  # cycles in which nothing moves before a piece counts as done
SKEW = 40  # cycles that line b is behind


class Day:
    """Messages with what the model makes of each; orders that rest for long are deleted."""

    def __init__(self, count: int, seed: int) -> None:
        self.feed = Feed(range(1, NAMES + 1))
        self.number = 0
        rng = random.Random(seed)
        self._coming = mixed(day(count, seed, NAMES), rng)

    def piece(self, size):
        """The next messages and their records; fewer at the end of the day."""
        messages, made = [], []
        while len(messages) < size and (message := next(self._coming, None)) is not None:
            made += self._told(messages, message)
            while len(self.feed.books.orders) > LIVE:
                made += self._told(messages, self._oldest())
        return messages, made

    def _told(self, messages, message):
        self.number += 1
        messages.append(message)
        return self.feed.apply(decode(message, self.number))

    def _oldest(self):
        reference, order = next(iter(self.feed.books.orders.items()))
        return encode("D", stock_locate=order.locate, order_reference=reference)


def two_lines(first, messages, start, rng):
    """Rows and cycles of both lines: each lacks some packets, and some come twice."""
    frames, lost = [], ([], [])
    for number, told in packets(messages, rng):
        lucky = rng.random() if first + number > 2 else 1.0  # the very first says where to begin
        for line in (0, 1):
            if line * LOST <= lucky < (line + 1) * LOST:
                lost[line].append(len(frames))
        frame = framed(first + number - 1, told, tags=rng.randrange(3))
        frames += [frame] * (1 + (lucky >= 2 * LOST and rng.random() < LOST))
    frames.append(framed(first + len(messages), []))
    both = [rows(frames, start + SKEW * line, lost=lost[line])[:2] for line in (0, 1)]
    return ({name: both[line][part] for line, name in enumerate("ab")} for part in (0, 1))


class Soak:
    """One run: what was played and found so far."""

    def __init__(self, count, seed):
        self.day, self.rng = Day(count, seed), random.Random(seed + 1)
        self.ledger, self.records, self.cycles = Ledger(), 0, SWEPT
        self.session = model().session(asked=True, patience=QUIET)
        self.played = 0

    def pieces(self):
        """Checks piece after piece; the gateware plays one while the model makes the next."""
        with self.session, ThreadPoolExecutor(1) as beside:
            coming = self.day.piece(PIECE)
            while coming[0]:
                messages, true = coming
                digest = digest_of(self.day.feed.books)
                playing = beside.submit(self._play, messages)
                coming = self.day.piece(PIECE)
                self._check(playing.result(), true, digest)
                self.played += len(messages)
                yield self

    def _play(self, messages):
        given, due = two_lines(self.played + 1, messages, self.cycles, self.rng)
        if not self.played:
            given["listen"] = listed()
        done = self.session.play(given, due=due)
        self.cycles = done.cycles
        return records(done)

    def _check(self, made, true, digest):
        held_to(made, true)
        self.records += len(made)
        self.ledger.add(made)
        if self.ledger.digest() != digest:
            raise AssertionError(f"the books differ after message {self.day.number:,}")
        if any(one.kind in (Kind.GAP, Kind.STALE) for one in made):
            raise AssertionError("nothing was lost, and no order refused: both lines cannot miss")


def main(arguments=None):
    """Play until enough is played, or enough time has passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000_000, help="messages")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="at most")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}, {asked.count:,} messages", flush=True)
    soak, began = Soak(asked.count, asked.seed), time.monotonic()
    try:
        for _ in soak.pieces():
            _progress(soak, asked.count, time.monotonic() - began)
            if time.monotonic() - began > asked.seconds:
                break
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
    _report(soak, asked.seed, time.monotonic() - began)
    return 0


def _progress(soak, count, seconds):
    """One line that is written over on a terminal, and one in forty elsewhere."""
    if sys.stderr.isatty() or soak.played // PIECE % 40 == 0:
        end = "\r" if sys.stderr.isatty() else "\n"
        said = f"{soak.played:,} of {count:,} messages, {soak.played / seconds:,.0f} a second "
        print(said, end=end, file=sys.stderr, flush=True)


def _report(soak, seed, seconds):
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{soak.played:,} messages, {soak.records:,} records the model's, books the same after"
        f" every {PIECE:,}; {soak.cycles:,} cycles, {seconds:.0f} s, {memory} MB, seed {seed}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
