"""Messages to typed columns."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.kernels.columns.arena import HEAD, OFFSET_BYTES, STEP, Layout, layout, slots_of
from tapeout.kernels.columns.fill import count, fill
from tapeout.kernels.tape.moldudp import Messages
from tapeout.kernels.tape.wire import Bytes


class Columns(NamedTuple):
    """Filled columns: where they stand in `arena`, and which (S, C) text has bytes beyond ASCII."""

    layout: Layout
    arena: Bytes
    beyond: np.ndarray[Any, np.dtype[np.bool_]]


def columns(wire: Bytes, messages: Messages, kinds: str, wanted: Any, midnight_ns: int) -> Columns:
    """Decode the well-formed messages of `kinds`.

    Parameters
    ----------
    wire : (B,) uint8
        Bytes, with `itch.SLACK` readable ones behind the last message.
    messages : (M,) MESSAGE_DTYPE
        Where the messages stand.
    kinds : str
        The message types wanted, each once.
    wanted : (65536,) bool
        Which locates to take.
    midnight_ns : int
        What the messages' clocks count from, ns UTC.
    """
    some = len(kinds) + 1
    slot_of, rows = np.empty(messages.size, np.uint8), np.zeros(some, np.int64)
    arrived = count(wire, messages, slots_of(kinds), wanted, slot_of, rows)
    found = layout(kinds, rows[:-1], arrived)
    arena = np.empty(found.size, np.uint8)
    for place in found.places[found.offsets]:
        arena[place : place + OFFSET_BYTES] = 0
    seen = np.zeros((some, found.plan.shape[1]), np.uint64)
    behind, done = np.zeros(some, np.uint64), np.zeros(some, np.uint64)
    at, to = np.empty(some * STEP, np.int64), np.empty((some, len(HEAD)), np.uint64)
    fill(
        wire, messages, slot_of, midnight_ns, arrived, found.plan,
        arena, arena.view(np.uint16), arena.view(np.int32), arena.view(np.int64),
        at, behind, done, to, seen,
    )  # fmt: skip
    return Columns(found, arena, seen[:-1] != 0)
