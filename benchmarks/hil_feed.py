"""How long from a message's last byte on the wire to its record in the host's memory?"""

import argparse
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import harness
import inputs
import numpy as np
import numpy.typing as npt
from hdl_latency import NAMES, crowd, story

from tapeout.card.driver import Card
from tapeout.errors import DeviceError
from tapeout.hdl.card.layout import Entry
from tapeout.hdl.itch.model import encode
from tapeout.hdl.line.model import Frame
from tapeout.hdl.moldudp.layout import HEADER_BYTES, PREFIX_BYTES
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.moldudp.model import unframe
from tapeout.hdl.net.model import datagram
from tapeout.hdl.top.model import Feed, one_line
from tapeout.sim.bench.simulators import READY, verilator
from tapeout.sim.card.board import BETWEEN
from tapeout.sim.card.probed import Probed
from tapeout.sim.pcap import frame as ethernet
from tapeout.walk.card import PACE, play
from tapeout.walk.play import frames_of, listened
from tapeout.web.latency import STYLE, quantiles
from tapeout.web.svg import Chart, short

LINE_MHZ = 156.25  # 64 bits a cycle at 10 Gbit/s; docs/gateware.md says what a part was placed at
BITS = 14  # of the ring
PIECE = 50  # frames that are sent at once
APART = 200  # cycles between two frames that have the card for themselves
SETTLED = 20_000  # cycles in which all that waits is written
SHORTEST, PACKET = 6_000, 60  # deletes in a burst, in frames of so many
WIDE, HIGH = 560, 260  # pixels of the drawing
TICKS_NS = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
KINDS = "abcd"  # of lines in the drawing
CASES = {
    "alone": "alone",
    "file": "file, line rate",
    "slow": f"{PACKET} a frame, 1/{PACE} of line rate",
    "full": f"{PACKET} a frame, line rate",
}
Ints = npt.NDArray[np.int64]


def options(parser: argparse.ArgumentParser) -> None:
    """What only this benchmark is asked."""
    parser.add_argument("--feed", default="sim-card", help="sim-card; or card: a real one")
    parser.add_argument("--capture", type=Path, help="what goes over line A; else a simulated day")
    parser.add_argument("--mhz", type=float, default=LINE_MHZ, help="the clock told in ns")
    parser.add_argument("--answer", type=int, default=0, help="cycles the memory takes to answer")
    parser.add_argument("--plot", type=Path, help="where the latency is drawn, as SVG")


@dataclass(frozen=True)
class Measured:
    """What crossed the pins.

    Parameters
    ----------
    record, index : (M,) int64
        Cycles from the word with a message's last byte to the address of its first entry's burst,
        and to that of the producer index that counts its last one.
    messages : int
        On the wire.
    wire, memory : int
        Cycles from the first word of the first frame to the last message, and to the last entry.
    entries : int
        Written, those included that tell of dropped ones.
    whole : int
        Book records that came before the first that was dropped.
    statistics : dict of str to int
        The card's counters.
    """

    record: Ints
    index: Ints
    messages: int
    wire: int
    memory: int
    entries: int
    whole: int
    statistics: dict[str, int]


class Run:
    """A started card in lockstep, what it was sent, and what it wrote."""

    def __init__(self, board: Probed, locates: Sequence[int], answer: int) -> None:
        board.power_up()
        board.host_memory(answer, 0, 0)
        self._board, self._ends, self._entries = board, dict[int, int](), list[np.void]()
        self._card = Card(board, bits=BITS, wait=lambda seconds: board.step(board.cycle + 1_000))
        self._card.start(lines="a")
        self._card.listen(locates)

    def send(self, frames: Sequence[Frame], apart: int = BETWEEN, pace: int = 1) -> None:
        """Frames so many words apart; and none before `pace` cycles a word of the one before."""
        at, end = self._board.cycle + APART, 0
        for first in range(0, len(frames), PIECE):
            piece, due = frames[first : first + PIECE], list[int]()
            for frame in piece:
                due.append(at)
                words = -(-len(frame.wire) // 8)
                at += max(words + apart, pace * words)
            begins = self._board.wire("a", piece, due)
            for begin, frame in zip(begins, piece, strict=True):
                for number, word in last_words(frame.wire):
                    self._ends.setdefault(number, begin + word)
            self._go(end)
            end = begins[-1]  # what comes next is given while this goes over the line
        self._go(end)

    def _go(self, until: int) -> None:
        self._board.step(until)
        self._entries.append(self._card.records())

    def done(self) -> Measured:
        """All that is known when nothing more comes."""
        self._go(self._board.cycle + SETTLED)
        entries, crossed = np.concatenate(self._entries), self._board.crossed()
        assert len(entries) == len(crossed.records) == crossed.counts[-1]
        books = np.flatnonzero(~np.isin(entries["kind"], list(Entry)))
        lost = np.flatnonzero(entries["kind"] == Entry.OVERFLOW)
        sequence = entries["sequence"][books].astype(np.int64)
        numbers, first = np.unique(sequence, return_index=True)
        _, back = np.unique(sequence[::-1], return_index=True)
        last = len(sequence) - 1 - back
        ends = np.array([self._ends[number] for number in numbers.tolist()], np.int64)
        told = crossed.indices[np.searchsorted(crossed.counts, books[last] + 1)]
        begin, wire = min(self._ends.values()), max(self._ends.values())
        return Measured(
            crossed.records[books[first]] - ends, told - ends, len(self._ends), wire - begin,
            int(crossed.records[-1]) - begin, len(entries),
            int(lost[0]) if len(lost) else len(books), self._card.statistics(),
        )  # fmt: skip


def last_words(wire: bytes) -> list[tuple[int, int]]:
    """Number of each message of a frame, and the word that its last byte is in."""
    place = datagram(wire)
    if isinstance(place, str):
        return []
    told, at, found = unframe(wire[place[0] : place[1]]), place[0] + HEADER_BYTES, []
    for number, message in enumerate(told.messages, told.sequence):
        at += PREFIX_BYTES + len(message)
        found.append((number, (at - 1) // 8))
    return found


def framed(messages: Sequence[bytes], size: int, first: int = 1) -> list[Frame]:
    """Messages in frames of so many."""
    return [
        Frame(ethernet(packet(b"SESSION", first + at, list(messages[at : at + size]))))
        for at in range(0, len(messages), size)
    ]


def tell(bench: harness.Benchmark, what: str, made: Measured) -> None:
    """Latency in cycles and in ns, and what became of the entries."""
    mhz = bench.asked.mhz
    for end, latency in (("record", made.record), ("index", made.index)):
        for name, cycles in quantiles(latency).items():
            bench.record(f"{what}, wire to {end}: {name}", float(cycles), "cycles")
            bench.record(f"{what}, at {mhz:g} MHz: {name}", cycles * 1e3 / mhz, "ns")
    said = made.statistics
    bench.record(f"{what}: on the wire", 1e3 * made.messages / made.wire, "messages/kc")
    bench.record(f"{what}: into memory", 1e3 * made.entries / made.memory, "entries/kc")
    bench.record(f"{what}: entries in the ring at most", float(said["most"]), "entries")
    bench.record(f"{what}: records dropped", 100 * said["dropped"] / said["records"], "%")


def shortest(board: Probed, answer: int) -> tuple[Measured, int]:
    """Deletes back to back, after the orders came slowly; and how many came before one was lost."""
    run, about = Run(board, range(1, NAMES + 1), answer), {"stock_locate": 1}
    references = range(1, SHORTEST + 1)
    run.send(
        framed(
            [
                encode("A", **about, order_reference=one, shares=1, side="B", price=100)
                for one in references
            ],
            PACKET,
        ),
        pace=PACE,
    )
    deletes = [encode("D", **about, order_reference=one) for one in references]
    run.send(framed(deletes, PACKET, SHORTEST + 1))
    made = run.done()
    return made, made.whole - SHORTEST


def twin(bench: harness.Benchmark, path: Path, sent: Sequence[Frame]) -> None:
    """The model in Python over the same frames."""
    locates, messages = listened(path, sent, ())
    began = time.perf_counter()
    deque(one_line(sent, Feed(set(locates))), maxlen=0)
    seconds = time.perf_counter() - began
    bench.record("twin in Python, the same file", messages / seconds, "messages/s", "wall")


def draw(at: Path, mhz: float, made: dict[str, Measured]) -> None:
    """Share of messages whose record was on its way within so many cycles, one line a case."""
    most = max(int(one.record.max()) for one in made.values())
    title = f"wire to record: share of messages, by ns at {mhz:g} MHz"
    ends = 2.0, float(np.log10(most * 1e3 / mhz))
    chart = Chart(ends, (0, 1), width=WIDE, height=HIGH, title=title)
    for place, (kind, (name, one)) in enumerate(zip(KINDS, made.items(), strict=True)):
        ns = np.log10(np.sort(one.record) * 1e3 / mhz)
        chart.line(ns, np.arange(1, len(ns) + 1) / len(ns), kind)
        chart.text(100, 50 + 16 * place, CASES[name], f"{kind}{kind}")
    colours = zip(KINDS, ("#1668b0", "#c2571a", "#2f8f4e", "#7a4fb0"), strict=True)
    style = STYLE
    for kind, colour in colours:
        style += f".{kind} {{ stroke: {colour}; stroke-width: 2; fill: none }}"
        style += f".{kind * 2} {{ fill: {colour} }}"
    marks = [np.log10(ns) for ns in TICKS_NS if ends[0] <= np.log10(ns) <= ends[1]]
    picture = str(chart.svg(x_text=lambda power: short(round(10**power)), x_ticks=marks))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{HIGH}">'
    at.write_text(f"{head}<style>{style}</style>{picture}</svg>\n")


def simulated(bench: harness.Benchmark, path: Path, sent: list[Frame]) -> None:
    """The simulated card: alone, at the pace of the ring, at the rate of the line, a burst."""
    board, answer, made = Probed(), bench.asked.answer, dict[str, Measured]()
    run = Run(board, range(1, NAMES + 1), answer)
    run.send(framed([*story()], 1), apart=APART)
    made["alone"] = run.done()
    run, began = Run(board, listened(path, sent, ())[0], answer), time.perf_counter()
    run.send(sent)
    made["file"], seconds = run.done(), time.perf_counter() - began
    speed = made["file"].messages / seconds
    bench.record("simulated card, the same file", speed, "messages/s", "wall")
    twin(bench, path, sent)
    packed = framed([*crowd(bench.size(40_000, 10_000))], PACKET)
    for name, pace in (("slow", PACE), ("full", 1)):
        run = Run(board, range(1, NAMES + 1), answer)
        run.send(packed, pace=pace)
        made[name] = run.done()
    for name, one in made.items():
        tell(bench, CASES[name], one)
    burst, came = shortest(board, answer)
    bench.record("shortest messages at line rate: before a loss", float(came), "messages")
    dropped = 100 * burst.statistics["dropped"] / SHORTEST
    bench.record(f"of {SHORTEST:,} shortest at line rate: dropped", dropped, "%")
    if bench.asked.plot:
        draw(bench.asked.plot, bench.asked.mhz, made)


def real(bench: harness.Benchmark, path: Path, frames: int) -> None:
    """A card behind a bus: what its counters and the clock on the wall say."""
    began = time.perf_counter()
    played = play(path, feed="card", frames=frames)
    seconds, said = time.perf_counter() - began, played.statistics
    print("cycles on the pins are not measured on a real card", file=sys.stderr)
    bench.record("card, the same file", played.messages / seconds, "messages/s", "wall")
    for name in ("most", "dropped"):
        bench.record(f"card: entries, {name}", float(said.get(name, 0)), "entries")
    bench.record("card: records that are the twin's", 100 * played.agreed / played.expected, "%")


def run(bench: harness.Benchmark) -> None:
    """Frames of one file through a card, and through the model in Python."""
    path = bench.asked.capture or inputs.capture(bench.size(60_000, 10_000), harness.SEED)
    frames = bench.size(20_000, 3_000)
    if bench.asked.feed == "card":
        try:
            real(bench, path, frames)
        except DeviceError as reason:
            print(reason, file=sys.stderr)
        return
    if (state := verilator()) != READY:
        print(f"verilator: {state}", file=sys.stderr)
        return
    simulated(bench, path, list(islice(frames_of(path), frames)))


if __name__ == "__main__":
    harness.main(run)
