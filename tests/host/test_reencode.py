"""Every message that was ever captured is, decoded to columns and encoded again, the same bytes."""

import numpy as np

from tapeout.feed.tape import Tape
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.kernels.columns.decode import columns
from tapeout.kernels.tape import itch
from tapeout.market.messages import ALL, typed_batches
from tapeout.market.wire import wire_messages

EVERYTHING = np.ones(itch.LOCATES, np.bool_)


def encoded_again(tape):
    """How many messages of each type came through columns to their own bytes."""
    same = dict.fromkeys(ALL, 0)
    for stretch in tape.stretches():
        found = columns(stretch.wire, stretch.messages, ALL, EVERYTHING, tape.midnight_ns)
        kinds = stretch.wire[stretch.messages["start"]]
        for kind, batch in typed_batches(found):
            starts = stretch.messages["start"][kinds == ord(kind)]
            raw = stretch.wire[starts[:, None] + np.arange(MESSAGES[kind].length)]
            again = wire_messages(kind, batch, tape.midnight_ns)
            assert np.array_equal(again, raw), (tape.path, kind)
            same[kind] += batch.num_rows
    assert sum(same.values()) == tape.messages
    return same


def test_every_captured_message_encodes_to_the_same_bytes(data, figure):
    paths = sorted((data / "itch" / "pcap").rglob("*.pcap"))
    paths += sorted((data / "itch").glob("*.gz"))
    assert len(paths) == 37 + 3
    total = dict.fromkeys(ALL, 0)
    for path in paths:
        for kind, count in encoded_again(Tape(path)).items():
            total[kind] += count
    met = "".join(kind for kind, count in total.items() if count)
    figure(f"{sum(total.values()):,} real messages of types {met} encode to the same bytes")
    assert sum(total.values()) > 100_000


def test_a_simulated_day_encodes_to_the_same_bytes(capture):
    assert sum(encoded_again(Tape(capture[0])).values()) > 20_000
