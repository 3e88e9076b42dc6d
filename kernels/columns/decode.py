"""Messages to typed columns: found and counted, then filled."""

from typing import Any, NamedTuple

import numpy as np

from tapeout.kernels.columns.arena import OFFSET_BYTES, STEP, Layout, layout
from tapeout.kernels.columns.fill import fill
from tapeout.kernels.columns.find import Found, located, walked
from tapeout.kernels.tape.moldudp import Messages
from tapeout.kernels.tape.record import Ints
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
    return _filled(wire, *located(wire, messages, kinds, wanted), kinds, midnight_ns)


def bare_columns(
    wire: Bytes, at: int, stop: int, number: int, kinds: str, wanted: Any, midnight_ns: int,
    most: int,
) -> tuple[Columns, int, int]:  # fmt: skip
    """Decode up to `most` length-prefixed messages of `wire[at:stop]`, the first of them `number`.

    Other parameters as for `columns`. Returns also how many messages were taken, of any type, and
    where the first one not taken starts.
    """
    found, rows, at = walked(wire, at, stop, number, kinds, wanted, most)
    return _filled(wire, found, rows, kinds, midnight_ns), found.starts.size, at


def _filled(wire: Bytes, found: Found, rows: Ints, kinds: str, midnight_ns: int) -> Columns:
    plan = layout(kinds, rows[:-1], found.arrivals.size > 0)
    arena, some = np.empty(plan.size, np.uint8), len(kinds) + 1
    for place in plan.places[plan.offsets]:
        arena[place : place + OFFSET_BYTES] = 0
    seen = np.zeros(plan.plan.shape[:2], np.uint64)
    counts, done = np.zeros(some, np.uint64), np.zeros(some, np.uint64)
    at, order = np.empty(some * STEP, np.int64), np.empty(some * STEP, np.int64)
    fill(
        wire, found, midnight_ns, plan.plan,
        arena, arena.view(np.uint16), arena.view(np.int32), arena.view(np.int64),
        at, order, counts, done, seen,
    )  # fmt: skip
    return Columns(plan, arena, seen != 0)
