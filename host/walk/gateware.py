"""The gateware in the loop: messages decoded by the Amaranth decoder, on a simulator."""

import numpy as np

from tapeout.device import ASKED, CARDS, FeedDevice, choose_feed
from tapeout.errors import DeviceError, FeedError
from tapeout.feed.recovery import Stretch
from tapeout.hdl.itch.layout import Record, unpack, words
from tapeout.kernels.tape.record import RECORD_DTYPE, Records
from tapeout.sim.engine import play


def choose(name: str | None = None) -> FeedDevice:
    """The feed handler of a walk, which follows messages; a card tells book records.

    Raises
    ------
    DeviceError
        If one was asked for and cannot be used.
    """
    chosen = choose_feed(name)
    if chosen.name not in CARDS:
        return chosen
    if chosen.why == ASKED:
        raise DeviceError(
            f"feed of a walk must tell messages; {chosen.name} tells book records:"
            " tapeout card play shows them"
        )
    return FeedDevice("twin", f"a walk follows messages; {chosen.name} tells book records")


def decode(stretch: Stretch, engine: str) -> Records:
    """The records of a stretch as the gateware makes them, (M,) RECORD_DTYPE.

    Both sides of the decoder pause at random while it plays, from a fixed seed.

    Raises
    ------
    DeviceError
        If the engine cannot be used.
    FeedError
        If the gateware gave another number of records than there are messages.
    """
    try:
        from tapeout.hdl.itch.gateware import Decoder

        stream = [word for message in _messages(stretch) for word in words(*message)]
        out = play(Decoder(), stream, engine=engine)
    except (ImportError, RuntimeError) as reason:
        raise DeviceError(f"engine {engine!r} cannot decode: {reason}") from reason
    if len(out) != stretch.messages.size:
        raise FeedError(
            f"a decoder must give a record for each of {stretch.messages.size:,} messages;"
            f" the gateware on {engine} gave {len(out):,}"
        )
    return np.frombuffer(b"".join(word.to_bytes(64, "little") for word in out), RECORD_DTYPE)


def must_agree(stretch: Stretch, decoded: Records, engine: str) -> None:
    """Raise `FeedError` at the first record that differs from the CPU twin's, bit for bit."""
    if decoded.tobytes() == stretch.records.tobytes():
        return
    for place, (ours, theirs) in enumerate(zip(stretch.records, decoded, strict=True)):
        if ours.tobytes() != theirs.tobytes():
            raise FeedError(
                f"record {place:,} must be the same on both; the CPU twin says {_unpacked(ours)},"
                f" {engine} says {_unpacked(theirs)}"
            )


def _messages(stretch: Stretch) -> list[tuple[bytes, int, int]]:
    """Bytes, sequence number and arrival of each message."""
    wire = stretch.wire
    return [
        (
            wire[m["start"] : m["start"] + m["length"]].tobytes(),
            int(m["sequence"]),
            int(m["arrival_ns"]),
        )
        for m in stretch.messages
    ]


def _unpacked(record: np.void) -> Record:
    return unpack(int.from_bytes(record.tobytes(), "little"))
