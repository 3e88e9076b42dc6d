"""A capture through the whole gateware, its records held to the golden model's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tapeout.errors import DataError, DeviceError
from tapeout.feed.capture import Capture
from tapeout.feed.source import Source
from tapeout.feed.tape import Tape
from tapeout.hdl.book.layout import Kind
from tapeout.hdl.itch.layout import pack
from tapeout.hdl.line.model import Frame, Line
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.net.layout import BEAT, beats
from tapeout.hdl.orders.layout import INSTRUMENT_BITS
from tapeout.hdl.subscription.layout import SUBSCRIBE
from tapeout.hdl.top.layout import BookRecord, Mark, Report, unpack
from tapeout.hdl.top.model import Feed, agrees, one_line
from tapeout.progress import Progress, Silent
from tapeout.sim.engine import READY, engines, play_streams
from tapeout.sim.pcap import frame as ethernet

SESSION = b"TAPEOUT"
MESSAGES = 40  # a packet, where a file has none
MOST = 1 << INSTRUMENT_BITS  # instruments that are listened to
LOCATES = 1 << 14  # stock locates that the feed handler knows, if it is not told otherwise
BEFORE = 1 << 15  # cycles in which memories are swept and instruments listed
BETWEEN = 3  # words that two frames are apart on the wire, at least
PAUSE = 0.3  # chance that either end pauses in a cycle, on the engines driven by Python
ONE_LINE = {"enable": 1}
KINDS = {int(kind): kind.name.lower() for kind in [*Kind, *Report]}
SIDELESS = (Kind.CROSS, Kind.BREAK, Kind.STATE, Kind.GAP, Kind.STALE, Report.IMBALANCE)


@dataclass(frozen=True)
class Played:
    """What the gateware made of a capture.

    Parameters
    ----------
    engine : str
        Which simulator.
    frames, messages : int
        Frames that went in, messages in them.
    records : list of BookRecord
        What came out.
    agreed : int
        How many of them, from the first on, the golden model makes, too.
    expected : int
        How many the golden model makes.
    """

    engine: str
    frames: int
    messages: int
    records: list[BookRecord]
    agreed: int
    expected: int

    @property
    def equal(self) -> bool:
        """The same records, all of them."""
        return self.agreed == self.expected == len(self.records)


def play(
    path: str | Path,
    *,
    engine: str | None = None,
    symbols: Sequence[str] = (),
    frames: int = 10_000,
    wave: Path | None = None,
    progress: Progress | None = None,
) -> Played:
    """Play a capture on line A of the feed handler.

    Parameters
    ----------
    path : path
        As for `tapeout.read`. Bare messages are put into packets first.
    engine : str, optional
        "verilator", "icarus" or "amaranth"; the fastest that is here.
    symbols : sequence of str
        Which instruments to listen to; the first 256 that are met if empty.
    frames : int
        How many frames to play, from the start.
    wave : Path, optional
        Where to write a waveform (VCD); only the engine "amaranth" makes one.

    Raises
    ------
    DataError
        "frames must be 1 or more; got 0"
        "wave must be played on amaranth; got verilator"
        If a symbol is not in the capture, its stock locate is 16,384 or more, or there are more
        than 256.
    DeviceError
        If the engine is not ready, or fails.
    FeedError
        If the capture cannot be read.
    """
    if frames < 1:
        raise DataError(f"frames must be 1 or more; got {frames}")
    engine = engine or ("amaranth" if wave else _fastest())
    if wave and engine != "amaranth":
        raise DataError(f"wave must be played on amaranth; got {engine}")
    sent = list(islice(frames_of(Path(path)), frames))
    locates, messages = listened(path, sent, symbols)
    advance = (progress or Silent()).stage("playing the gateware", len(sent))
    words = _out(engine, sent, locates, wave)
    advance(len(sent))
    records = [unpack(word) for word in words]
    refused = {one.subject for one in records if one.kind == Kind.STALE}
    true = [r for made in one_line(sent, Feed(set(locates), refused)) for r in made]
    pairs = zip(records, true, strict=False)
    agreed = next((k for k, (a, b) in enumerate(pairs) if not agrees(a, b)), None)
    return Played(
        engine, len(sent), messages, records,
        min(len(records), len(true)) if agreed is None else agreed, len(true),
    )  # fmt: skip


def listened(
    path: str | Path, sent: Sequence[Frame], symbols: Sequence[str]
) -> tuple[list[int], int]:
    """The stock locates to listen to: of symbols, or the first met; and how many messages came."""
    line = Line()
    met = dict.fromkeys(r.locate for frame in sent for r in line.read(frame) if r.type)
    found = named(path, symbols) if symbols else [r for r in met if 0 < r < LOCATES][:MOST]
    return found, line.counts["messages"]


def table(records: Sequence[BookRecord]) -> Iterator[str]:
    """Records as lines of text."""
    yield (
        f"{'number':>8} {'kind':<11} {'locate':>6} {'side':<4} {'subject':>20} {'price':>12}"
        f" {'lots':>8} {'at':>2} {'best':>12} {'lots':>8}  flags"
    )
    for one in records:
        marks = Mark(one.flags)
        side = "" if one.kind in SIDELESS else "ask" if Mark.ASK in marks else "bid"
        known = [str(mark.name).lower() for mark in Mark if mark in marks and mark != Mark.ASK]
        yield (
            f"{one.number:>8} {KINDS[one.kind]:<11} {one.locate:>6} {side:<4} {one.subject:>20}"
            f" {one.price:>12,} {one.lots:>8,} {one.at:>2} {one.best_price:>12,}"
            f" {one.best_lots:>8,}  {' '.join(known)}"
        )


def _fastest() -> str:
    return next((name for name, state in engines().items() if state == READY), "amaranth")


def named(path: str | Path, symbols: Sequence[str]) -> list[int]:
    """The stock locates of symbols.

    Raises
    ------
    DataError
        If a symbol is not in the capture, its locate is too high, or there are too many.
    """
    tape = Tape(Path(path), symbols=symbols)
    for _ in tape.stretches():
        pass
    found = [locate for locate, symbol in tape.directory.items() if symbol in set(symbols)]
    if len(found) > MOST:
        raise DataError(f"symbols must be {MOST} at most; got {len(found)}")
    if max(found, default=0) >= LOCATES:
        raise DataError(f"stock locates must be below {LOCATES:,}; got {max(found):,}")
    return found


def frames_of(path: Path) -> Iterator[Frame]:
    """The frames of a capture, or those that would carry a file's bare messages."""
    with Source(path) as source:
        capture, number = Capture(source), 1
        bare = source.container in ("itch", "soup")
        for block in capture:
            starts, sizes = block.packets["start"], block.packets["captured"]
            bodies = [
                block.wire[start : start + size].tobytes()
                for start, size in zip(starts, sizes, strict=True)
            ]
            if not bare:
                yield from (Frame(body) for body in bodies)
                continue
            for first in range(0, len(bodies), MESSAGES):
                piece = bodies[first : first + MESSAGES]
                yield Frame(ethernet(packet(SESSION, number, piece)))
                number += len(piece)


def _words(frames: Sequence[Frame]) -> tuple[list[int], list[int]]:
    """The words of a line, and the cycle each is due in."""
    words, due, at = list[int](), list[int](), BEFORE
    for frame in frames:
        sent = beats(frame.wire)
        words += sent
        due += range(at, at + len(sent))
        at += len(sent) + BETWEEN
    return words, due


def _out(
    engine: str, frames: Sequence[Frame], locates: Sequence[int], wave: Path | None
) -> list[int]:
    """The words of the book records."""
    state = engines().get(engine, f"engine must be one of {', '.join(engines())}; got {engine!r}")
    if state != READY:
        raise DeviceError(state)
    listed = [pack((locate, place, 1), SUBSCRIBE) for place, locate in enumerate(locates)]
    words, due = _words(frames)
    try:
        from tapeout.hdl.flow.blocks import block

        if engine == "verilator":
            return _compiled(words, due, listed)
        idle = beats(bytes(BEFORE * 8))  # no feed's frame: meanwhile the instruments are listed
        return play_streams(
            block("feed_handler").component(), {"a": [*idle, *words], "listen": listed},
            engine=engine, settings=ONE_LINE, pause=PAUSE, patience=BEFORE, wave=wave,
        )["o"]  # fmt: skip
    except (ImportError, RuntimeError) as reason:
        raise DeviceError(str(reason)) from None


@cache
def _model() -> Any:
    """The compiled feed handler: writing its Verilog takes longer than a small capture plays."""
    from tapeout.hdl.flow.blocks import block
    from tapeout.sim.bench.compiled import Model

    return Model(block("feed_handler").component())


def _compiled(words: list[int], due: list[int], listed: list[int]) -> list[int]:
    from tapeout.sim.bench.compiled import packed

    rows = {
        "a": packed(words, sum(BEAT.values())),
        "listen": packed(listed, sum(SUBSCRIBE.values())),
    }
    played = _model().play(
        rows, due={"a": np.array(due, np.uint64)}, settings=ONE_LINE, asked=True, patience=BEFORE
    )
    out: list[int] = played.outputs["o"].payloads()
    return out
