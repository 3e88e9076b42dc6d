"""Takes a capture all the way, as far as it goes, and times each arrow."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from tapeout.ahead import Ahead
from tapeout.device import READY, choose_device
from tapeout.errors import DataError, DeviceError
from tapeout.factors.catalogue import factor_panel
from tapeout.factors.coefficient import information_coefficients
from tapeout.feed.recovery import Stretch
from tapeout.feed.replay import Change, Replay
from tapeout.feed.sink import EventSink
from tapeout.feed.tape import Tape
from tapeout.kernels.montecarlo import gaussian_losses
from tapeout.kernels.returns import log_returns
from tapeout.kernels.tape.record import EVENT_DTYPE
from tapeout.kernels.tape.warm import bars, books, wire
from tapeout.market.bars import BarBuilder
from tapeout.market.events import event_batch
from tapeout.meter import Meter
from tapeout.progress import Progress, Silent
from tapeout.risk.covariance import covariance
from tapeout.risk.var import value_at_risk
from tapeout.sim.engine import engines
from tapeout.walk.gateware import choose, decode, must_agree
from tapeout.walk.result import Options, Step, Walk

FEWEST_BARS = 20  # fewer returns say nothing about a covariance
TWIN, HOST = "twin", "host"

Tell = Callable[[Step], object]


def walk(
    path: str | Path,
    options: Options | None = None,
    *,
    progress: Progress | None = None,
    tell: Tell = lambda step: None,
) -> Walk:
    """Take a capture all the way, as far as it goes.

    Parameters
    ----------
    path : str or Path
        A capture; see `tapeout.feed.tape.Tape`.
    options : Options, optional
        What to read and what to make of it.
    progress : Progress, optional
        One bar a stage.
    tell : callable, optional
        Told every step as soon as it is done.

    Raises
    ------
    TapeoutError
        If the capture cannot be read, or a device asked for cannot be used. What a capture is too
        short for is no error: it stands in `Walk.notes`.
    """
    walker = _Walker(Path(path), options or Options(), progress or Silent(), tell)
    walker.follow()
    walker.play_sample()
    walker.gather()
    walker.measure()
    return walker.found


class _Walker:
    """The walk under way."""

    def __init__(self, path: Path, options: Options, progress: Progress, tell: Tell) -> None:
        self.options, self.progress, self.tell = options, progress, tell
        self.on, self.feed = choose_device(options.device), choose(options.feed)
        ahead = Ahead()
        wire()
        bars()
        ahead.wait()
        books()
        event_batch(np.zeros(0, EVENT_DTYPE), {})  # Arrow is loaded before its clock runs
        self.meter = Meter()
        self.tape = Tape(
            path,
            symbols=options.symbols,
            strict=options.strict,
            date=options.date,
            lines=options.lines,
            retransmitted=options.retransmitted,
            snapshot=options.snapshot,
            meter=self.meter,
            progress=progress,
        )
        self.replay = Replay(self.tape)
        self.builder = BarBuilder(options.every_ns)
        self.sample: Stretch | None = None
        self.found: Walk

    def follow(self) -> None:
        """Capture to books, Arrow events and bars, in one pass of bounded memory."""
        keep = EventSink(self.options.events) if self.options.events else nullcontext()
        with keep as sink:
            for change in self.replay:
                self._take(change, sink)
        tape = self.tape
        if tape.strict:
            tape.stop_at_fault()
        types = {chr(at): int(tape.types[at]) for at in np.flatnonzero(tape.types)}
        self.found = Walk(
            tape.path,
            self.options,
            tape.source.container,
            tape.packets,
            tape.messages,
            types,
            tape.findings,
            tape.sessions,
            tape.lines,
            self.replay.books,
        )
        if stale := list(tape.stale):
            self.found.notes.append(
                f"{len(stale):,} books may be wrong since messages were lost"
                f" ({', '.join(stale[:5])}{', ...' if len(stale) > 5 else ''})"
            )
        self._tell_feed()

    def _take(self, change: Change, sink: EventSink | None) -> None:
        if self.feed.name != TWIN:
            self._decode(change.stretch, self.feed.name)
        elif self.sample is None and change.stretch.messages.size >= self.options.sample > 0:
            self.sample = _middle(change.stretch, self.options.sample)
        with self.meter.timing("events") as reading:
            batch = event_batch(change.events, self.tape.directory)
            if sink is not None:
                sink.write(batch)
            reading.items += batch.num_rows
        with self.meter.timing("bars") as reading:
            self.builder.update(change.events, change.quotes, self.tape.midnight_ns)
            reading.items += change.events.size

    def _tell_feed(self) -> None:
        """One step for each arrow from the file to the books."""
        container = self.tape.source.container
        if self.tape.packets:
            self._step("capture -> packets", "packets", "packets", HOST, f"a {container} file")
            self._step("packets -> datagrams", "datagrams", "packets")
            self._step("datagrams -> messages", "messages", "messages")
        else:
            self._step("file -> messages", "packets", "messages", HOST, f"a bare {container} file")
        self._step("messages -> records", "records", "messages")
        if self.feed.name != TWIN:
            self._step(
                "messages -> RTL records", "gateware", "messages", self.feed.name, self.feed.why
            )
        self._step("records -> books", "books", "messages")
        self._step("books -> Arrow events", "events", "events", HOST, "the same on every feed")

    def play_sample(self) -> None:
        """A short stretch of the same bytes through the gateware: the same records."""
        if self.options.sample == 0 or self.feed.name != TWIN:
            return
        if self.sample is None:
            self.found.notes.append("gateware not played: the capture has too few messages at once")
            return
        passed: list[str] = []
        for engine, state in engines().items():
            if state == READY:
                advance = self.progress.stage(f"gateware on {engine}", self.sample.messages.size)
                try:
                    self._decode(self.sample, engine)
                except DeviceError as reason:
                    state = str(reason).splitlines()[0]
                else:
                    advance(self.sample.messages.size)
                    why = "; ".join([*passed, "equal to the twin, bit for bit"])
                    self._step("messages -> RTL records", "gateware", "messages", engine, why)
                    return
            if state not in passed:
                passed.append(state)
        self.found.notes.append(f"gateware not played: {'; '.join(passed)}")

    def _decode(self, stretch: Stretch, engine: str) -> None:
        with self.meter.timing("gateware") as reading:
            decoded = decode(stretch, engine)
            reading.items += decoded.size
        must_agree(stretch, decoded, engine)
        check = f"gateware on {engine}: every record equals the CPU twin's, bit for bit"
        if self.feed.name == TWIN:
            check = (
                f"gateware on {engine}: {decoded.size:,} records equal the CPU twin's, bit for bit"
            )
            self.found.checks.append(check)

    def gather(self) -> None:
        """Bars, if any trade or quote fell into trading hours."""
        try:
            self.found.bars = self.builder.bars(self.tape.directory)
        except DataError as reason:
            self.found.notes.append(f"no bars: {reason}")
            return
        self._step("books -> bars", "bars", "events", HOST, "the same on every feed")

    def measure(self) -> None:
        """Factors, covariance and risk, if there are bars enough."""
        bars, found = self.found.bars, self.found
        if bars is None:
            return
        if bars.shape[0] <= FEWEST_BARS:
            found.notes.append(
                f"no factors and no risk: {bars.shape[0]} bars are too few"
                f" (more than {FEWEST_BARS} are needed)"
            )
            return
        self._factors()
        self._returns()
        if found.returns is not None and found.returns.shape[1]:
            self._risk()

    def _factors(self) -> None:
        bars, found = self.found.bars, self.found
        assert bars is not None
        advance = self.progress.stage("factors", 1)
        with self.meter.timing("factors") as reading:
            found.panel = factor_panel(bars, on=self.on)
            reading.items += found.panel.values.size
        returns = np.full(bars.shape, np.nan)
        returns[1:] = log_returns(bars.mid)
        found.coefficients = information_coefficients(found.panel, returns)
        advance(1)
        self._step("bars -> factors", "factors", "values", self.on.name, self.on.why)

    def _returns(self) -> None:
        """Log returns of the instruments whose mid was always known, and moved."""
        bars, found = self.found.bars, self.found
        assert bars is not None
        returns = log_returns(bars.mid)
        known = np.isfinite(returns).all(axis=0)
        moved = np.where(known, np.abs(np.nan_to_num(returns)).sum(axis=0), 0) > 0
        for out, why in ((~known, "a side of the book was empty"), (known & ~moved, "no move")):
            names = [symbol for symbol, gone in zip(bars.symbols, out, strict=True) if gone]
            if names:
                found.notes.append(
                    f"{len(names)} of {bars.shape[1]} instruments left out of the risk"
                    f" ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''}): {why}"
                )
        found.symbols = [symbol for symbol, kept in zip(bars.symbols, moved, strict=True) if kept]
        found.returns = returns[:, moved]

    def _risk(self) -> None:
        found, options = self.found, self.options
        advance = self.progress.stage("covariance", 1)
        with self.meter.timing("covariance") as reading:
            estimate = covariance(found.returns, on=self.on)
            reading.items += found.returns.size if found.returns is not None else 0
        advance(1)
        self._step("returns -> covariance", "covariance", "returns", self.on.name, self.on.why)
        gaussian_losses(self.on.put(np.zeros(1)), 0, paths=1, seed=0)  # compiled before the clock
        with self.meter.timing("risk") as reading:
            found.risk = value_at_risk(
                found.returns,
                paths=options.paths,
                seed=options.seed,
                estimate=estimate,
                on=self.on,
                progress=self.progress,
            )
            reading.items += options.paths
        self._step("covariance -> VaR, ES", "risk", "scenarios", self.on.name, self.on.why)

    def _step(
        self, arrow: str, name: str, unit: str, device: str | None = None, why: str | None = None
    ) -> None:
        reading = self.meter[name]
        if reading.items:
            step = Step(
                arrow,
                reading.items,
                unit,
                reading.ns_per_item,
                device or TWIN,
                why or self._twin_why,
            )
            self.found.steps.append(step)
            self.tell(step)

    @property
    def _twin_why(self) -> str:
        return self.feed.why if self.feed.name == TWIN else "checks the gateware"


def _middle(stretch: Stretch, count: int) -> Stretch:
    """A copy of `count` messages from the middle of a stretch."""
    start = (stretch.messages.size - count) // 2
    chosen = slice(start, start + count)
    return Stretch(
        stretch.wire.copy(), stretch.messages[chosen].copy(), stretch.records[chosen].copy()
    )
