"""The demo: a simulated exchange day, walked from wire bytes to a risk report, and checked."""

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from tapeout.device import choose_device
from tapeout.errors import DataError, FeedError
from tapeout.files import whole
from tapeout.kernels.tape.bars import Bar
from tapeout.market.bars import MINUTE_NS
from tapeout.meter import Meter
from tapeout.progress import Progress, Silent
from tapeout.service.check import check_options, check_places
from tapeout.service.report import write_report
from tapeout.sim.day import Oracle, SimulatedDay
from tapeout.sim.exchange import matching
from tapeout.walk.result import Options, Step, Walk
from tapeout.walk.walker import Tell, walk

INSTRUMENTS, EVENTS, SAMPLE = 64, 1_000_000, 2_000


def demo(
    out: str | Path | None = None,
    *,
    seed: int = 1,
    events: int = EVENTS,
    keep: str | Path | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
    tell: Tell = lambda step: None,
) -> Walk:
    """Simulate an exchange day, walk it, and hold every book and quote against the exchange's own.

    Parameters
    ----------
    out : path, optional
        Write the report there.
    seed : int
        Of the day and of the scenarios; the same seed gives the same day, byte for byte.
    events : int
        Acts of traders between 09:30 and 16:00, each about one message.
    keep : path, optional
        Keep the capture there.
    options : Options, optional
        See `walk`; seed and sample are set here.
    progress, tell
        See `walk`.

    Raises
    ------
    FeedError
        If anything differs from what the exchange knows: the message names the first difference.
    DataError
        "events must be at least 1; got 0", or if an option or a place to write cannot be used:
        that is tried first. Nothing is written then: what is kept appears after the report.
    """
    progress = progress or Silent()
    options = replace(options or Options(), seed=seed, sample=SAMPLE)
    if events < 1:
        raise DataError(f"events must be at least 1; got {events:,}")
    check_places(None, out, keep, options.events)
    check_options(options)
    choose_device(options.device)
    with ExitStack() as files:
        if keep is not None:
            capture = files.enter_context(whole(Path(keep)))
        else:
            folder = files.enter_context(tempfile.TemporaryDirectory())
            capture = Path(folder, "simulated day.pcap")
        aside = files.enter_context(whole(Path(options.events))) if options.events else None
        found = _walked(capture, seed, events, replace(options, events=aside), progress, tell)
        found.options, found.source = options, Path(keep) if keep is not None else capture
        if out is not None:
            write_report(found, Path(out), f"A simulated exchange day, seed {seed}", progress, tell)
    return found


def _walked(
    capture: Path, seed: int, events: int, options: Options, progress: Progress, tell: Tell
) -> Walk:
    """Simulate, walk and compare."""
    SimulatedDay(seed, 1, 1).write(capture)  # compiled before the clock
    day, meter = SimulatedDay(seed, INSTRUMENTS, events), Meter()
    with meter.timing("day") as reading:
        oracle = day.write(capture, progress.stage("simulating the exchange", events))
        reading.items = oracle.messages
    made = Step(
        "exchange -> capture",
        oracle.messages,
        "messages",
        meter["day"].ns_per_item,
        "cpu",
        f"simulated, seed {seed}",
    )
    tell(made)
    found = walk(capture, options, progress=progress, tell=tell)
    found.steps.insert(0, made)
    found.checks[:0] = _compared(found, oracle)
    return found


def _compared(found: Walk, oracle: Oracle) -> list[str]:
    """What the walk and the exchange both know, in words; a difference is an error."""
    if found.messages != oracle.messages:
        raise FeedError(f"the exchange sent {oracle.messages:,} messages; {found.messages:,} came")
    planted = [
        f"planted: {one.what}, {one.messages} messages from {one.sequence:,}"
        for one in oracle.planted
    ]
    levels = 0
    for locate, symbol in enumerate(oracle.symbols, 1):
        ours = found.books.depth(locate, 1 << 30)
        for side, name in ((matching.BID, "bids"), (matching.ASK, "asks")):
            truth = matching.depth(oracle.books, locate - 1, side)
            mine = [tuple(level) for level in ours[side]]
            if mine != truth:
                raise FeedError(
                    f"{symbol} {name} must be the exchange's; got {mine[:3]}, not {truth[:3]}"
                )
            levels += len(truth)
    checks = [
        f"{oracle.messages:,} messages sent, {found.messages:,} delivered, none twice",
        *planted,
        f"{len(oracle.symbols)} books equal the exchange's own, {levels:,} levels",
    ]
    if found.bars is not None and found.options.every_ns == MINUTE_NS:
        checks.append(_same_quotes(found, oracle))
    return checks


def _same_quotes(found: Walk, oracle: Oracle) -> str:
    """The closing quote of every minute, against what the exchange wrote down."""
    assert found.bars is not None
    columns = [found.bars.symbols.index(symbol) for symbol in oracle.symbols]
    fields = (Bar.BID, Bar.BID_LOTS, Bar.ASK, Bar.ASK_LOTS)
    ours = np.stack([found.bars[field][:, columns] for field in fields], axis=-1)
    truth = oracle.quote[: len(ours)]
    if not np.array_equal(ours, truth):
        bar, n, _ = np.argwhere(ours != truth)[0]
        raise FeedError(
            f"{oracle.symbols[n]} at minute {bar} must close at {truth[bar, n].tolist()};"
            f" got {ours[bar, n].tolist()}"
        )
    return f"{ours.shape[0] * ours.shape[1]:,} closing quotes equal the exchange's own"
