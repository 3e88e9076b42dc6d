"""Where messages start, and which type's columns each belongs to: the pass that counts."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.kernels._jit import jit_lean
from tapeout.kernels.columns.arena import slots_of
from tapeout.kernels.tape.itch import LENGTHS
from tapeout.kernels.tape.moldudp import Messages
from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes, be16

PREFIX = 2


class Found(NamedTuple):
    """Messages one behind the other, all (M,): where each starts, its slot, number and arrival.

    The last slot, one behind the wanted types', is for what is malformed or not wanted. `arrivals`
    is empty where no message has one.
    """

    starts: Ints
    slots: Bytes
    numbers: Ints
    arrivals: Ints


@jit_lean
def _count(
    wire: Bytes, messages: Messages, slots: Ints, wanted: Any, out: Found, rows: Ints
) -> bool:
    """Fill `out` and `rows` (S + 1,); whether any message has an arrival."""
    others, arrived = rows.size - 1, np.int64(0)
    for index in range(np.uint64(messages.size)):
        message = messages[index]
        start = message.start
        kind = wire[np.uint64(start)]
        fits = message.length == LENGTHS[kind] and wanted[be16(wire, start + 1)]
        slot = np.uint64(slots[kind] if fits else others)
        rows[slot] += 1
        out.starts[index], out.slots[index] = start, slot
        out.numbers[index], out.arrivals[index] = message.sequence, message.arrival_ns
        arrived |= message.arrival_ns
    return arrived != 0


@jit_lean
def _walk(
    wire: Bytes, at: int, stop: int, number: int, slots: Ints, wanted: Any, out: Found, rows: Ints
) -> tuple[int, int]:
    """Fill `out` and `rows` from one message to the next; how many, and where it stopped."""
    index, others = np.uint64(0), rows.size - 1
    while at + PREFIX < stop and index < out.starts.size:
        kind = wire[np.uint64(at + PREFIX)]
        length = np.int64(be16(wire, at))
        if length == 0:
            length = LENGTHS[kind]
        if length == 0 or at + PREFIX + length > stop:
            break
        fits = length == LENGTHS[kind] and wanted[be16(wire, at + PREFIX + 1)]
        slot = np.uint64(slots[kind] if fits else others)
        rows[slot] += 1
        out.starts[index], out.slots[index] = at + PREFIX, slot
        out.numbers[index] = number + np.int64(index)
        index += np.uint64(1)
        at += PREFIX + length
    return np.int64(index), at


def located(wire: Bytes, messages: Messages, kinds: str, wanted: Any) -> tuple[Found, Ints]:
    """Messages whose places are known, and how many there are of each slot, (S + 1,).

    `wanted` (65536,) tells which locates to take. `wire` must reach `itch.SLACK` bytes beyond the
    last message.
    """
    out, rows = _room(messages.size), np.zeros(len(kinds) + 1, np.int64)
    arrived = _count(wire, messages, slots_of(kinds), wanted, out, rows)
    return out if arrived else out._replace(arrivals=out.arrivals[:0]), rows


def walked(
    wire: Bytes, at: int, stop: int, number: int, kinds: str, wanted: Any, most: int
) -> tuple[Found, Ints, int]:
    """Up to `most` length-prefixed messages of `wire[at:stop]`, the first of them `number`.

    Returns as `located`, and where the first message not taken starts. A prefix of zero takes the
    length from the type, as in `pcap.binary_messages`.
    """
    out, rows = _room(most), np.zeros(len(kinds) + 1, np.int64)
    taken, at = _walk(wire, at, stop, number, slots_of(kinds), wanted, out, rows)
    starts, slots, numbers, arrivals = out
    return Found(starts[:taken], slots[:taken], numbers[:taken], arrivals[:0]), rows, at


def _room(most: int) -> Found:
    starts, numbers, arrivals = (np.empty(most, np.int64) for _ in range(3))
    return Found(starts, np.empty(most, np.uint8), numbers, arrivals)
