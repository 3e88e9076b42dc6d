"""What several benchmarks measure on: a simulated day, as a capture and as a file of messages."""

import tempfile
from pathlib import Path

import numpy as np

from tapeout.feed.tape import Tape
from tapeout.kernels.tape.itch import SLACK
from tapeout.kernels.tape.wire import Bytes
from tapeout.sim.crowd import write_messages
from tapeout.sim.day import SimulatedDay

FOLDER = Path(tempfile.mkdtemp(prefix="tapeout-bench-"))


def capture(events: int, seed: int) -> Path:
    """A simulated day of 64 instruments as a pcap; written once a run."""
    path = FOLDER / f"{events}.pcap"
    if not path.exists():
        SimulatedDay(seed, 64, events).write(path)
    return path


def messages_file(events: int, seed: int) -> tuple[Path, int]:
    """The same messages, each behind its two-byte length; and how many there are."""
    path = FOLDER / f"{events}.itch"
    tape = Tape(capture(events, seed))
    with path.open("wb") as out:
        for stretch in tape.stretches():
            for message in stretch.messages:
                raw = stretch.wire[message["start"] : message["start"] + message["length"]]
                out.write(int(message["length"]).to_bytes(2) + raw.tobytes())
    return path, tape.messages


def many_instruments(messages: int, instruments: int, seed: int) -> Bytes:
    """Length-prefixed messages of a whole exchange in memory, and room behind them."""
    wire, _ = write_messages(seed, messages, instruments)
    return np.concatenate([wire, np.zeros(SLACK, np.uint8)])


def crowd_file(messages: int, instruments: int, seed: int) -> tuple[Path, int]:
    """Messages of a whole exchange as a file; and how many there are, with its directory."""
    path = FOLDER / f"{messages}-of-{instruments}.itch"
    wire, _ = write_messages(seed, messages, instruments)
    wire.tofile(path)
    return path, sum(stretch.messages.size for stretch in Tape(path).stretches(records=False))
