"""How fast do datagrams become messages, each once and in order, against NumPy?"""

import harness
import numpy as np
from inputs import capture

from tapeout.feed.capture import Capture
from tapeout.feed.source import Source
from tapeout.hdl.moldudp.layout import HEADER_BYTES, PREFIX_BYTES
from tapeout.kernels.tape import frames, lines, moldudp, sequence
from tapeout.kernels.tape.faults import ledger

#: Blocks of a capture, each its bytes, its packets and its datagrams.
Blocks = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def datagrams(path: str) -> Blocks:
    """The UDP payloads of a capture."""
    found = []
    with Source(path) as source:
        for block in Capture(source):
            grams = np.empty(block.packets.size, frames.DATAGRAM_DTYPE)
            count = frames.datagrams(block.wire, block.packets, 0, grams)
            found.append((block.wire.copy(), block.packets.copy(), grams[:count]))
    return found


def in_order(blocks: Blocks) -> list[np.ndarray]:
    """As `tapeout.feed.tape` does it: headers, order, messages."""
    found, known, met, log = [], moldudp.sessions(), lines.lines(), ledger()
    for wire, packets, grams in blocks:
        heads = np.empty(grams.size, moldudp.HEADER_DTYPE)
        moldudp.headers(wire, grams, known, met, heads, packets)
        chosen = np.empty((grams.size, 2), np.int64)
        gaps = np.empty(grams.size, sequence.GAP_DTYPE)
        rows, _, count, _ = sequence.order(heads, grams, True, known, met, chosen, gaps, log)
        found.append(np.empty(count, moldudp.MESSAGE_DTYPE))
        moldudp.messages(wire, grams, heads, chosen[:rows], found[-1])
    return found


def in_numpy(blocks: Blocks) -> list[np.ndarray]:
    """Headers gathered at once, then the k-th message of every datagram at once.

    Sorts and drops repeated datagrams; there is one session, and no fault is looked for.
    """
    found, expected = [], 0
    for wire, _, grams in blocks:
        head = wire[grams["start"][:, None] + np.arange(HEADER_BYTES)]
        sequence = head[:, 10:18].copy().view(">u8")[:, 0].astype(np.int64)
        count = head[:, 18:20].copy().view(">u2")[:, 0].astype(np.int64)
        order = np.argsort(sequence, kind="stable")
        order = order[(sequence[order] >= expected) & (count[order] > 0)]
        order = order[np.diff(sequence[order], prepend=-1) > 0]
        count, sequence, grams = count[order], sequence[order], grams[order]
        first, at = np.cumsum(count) - count, grams["start"] + HEADER_BYTES
        out = np.empty(int(count.sum()), moldudp.MESSAGE_DTYPE)
        live = np.flatnonzero(count)
        for block in range(int(count.max(initial=0))):
            live = live[count[live] > block]
            row, here = first[live] + block, at[live]
            length = (wire[here].astype(np.int64) << 8) | wire[here + 1]
            out["start"][row], out["length"][row] = here + PREFIX_BYTES, length
            at[live] = here + PREFIX_BYTES + length
        out["packet"], out["arrival_ns"] = (
            np.repeat(grams[name], count) for name in ("packet", "arrival_ns")
        )
        out["sequence"] = np.repeat(sequence - first, count) + np.arange(out.size)
        out["session"] = 0
        expected = int(sequence[-1] + count[-1]) if sequence.size else expected
        found.append(out)
    return found


def run(bench: harness.Benchmark) -> None:
    """From payloads in memory; both sides find every message, and the same."""
    blocks = datagrams(capture(bench.size(1_000_000, 100_000), harness.SEED))
    ours, theirs = np.concatenate(in_order(blocks)), np.concatenate(in_numpy(blocks))
    assert np.array_equal(ours, theirs)
    bench.compare(
        "datagrams to messages", lambda: in_order(blocks), ours.size, "ns/message",
        peer="NumPy, every datagram's k-th message at once", theirs=lambda: in_numpy(blocks),
    )  # fmt: skip


if __name__ == "__main__":
    harness.main(run)
