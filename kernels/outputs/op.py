"""Level ops: book events with the orders taken out, which is all that a replay needs."""

from typing import Any

import numpy as np

from tapeout.hdl.book.layout import Kind
from tapeout.kernels._jit import jit
from tapeout.kernels.tape.itch import LOCATES
from tapeout.kernels.tape.record import Events, Ints

#: One signed change of the lots at one price. Every message is over with its op, but for the one
#: that a replace begins with (`Kind.REPLACE_OUT`): its other half follows. `Kind.RECOVERED` has no
#: lots: the book begins anew, with the adds of the same sequence number behind it.
OP_DTYPE = np.dtype(
    [
        ("exchange_ns", "<i8"),
        ("arrival_ns", "<i8"),
        ("sequence", "<i8"),
        ("lots", "<i8"),
        ("price_ticks", "<u4"),
        ("instrument", "<u2"),
        ("kind", "i1"),
        ("side", "i1"),
    ]
)
Ops = np.ndarray[Any, np.dtype[np.void]]


@jit
def gather(events: Events, ops: Ops) -> int:
    """Fill `ops`, which has room for all, with those of `events` that change a book; how many."""
    rows = 0
    for index in range(events.size):
        event, op = events[index], ops[rows]
        if event.kind >= Kind.TRADE and event.kind != Kind.RECOVERED:
            continue
        entered = event.kind == Kind.ADD or event.kind == Kind.REPLACE_IN
        op.exchange_ns, op.arrival_ns = event.exchange_ns, event.arrival_ns
        op.sequence = event.sequence
        op.lots = event.lots if entered else -event.lots
        op.price_ticks = event.price_ticks
        op.instrument, op.kind, op.side = event.instrument, event.kind, event.side
        rows += 1
    return rows


@jit
def by_instrument(ops: Ops, out: Ops) -> Ints:
    """Put `ops` into `out` (of the same size), sorted by instrument and else as they stood.

    Returns
    -------
    (65537,) int64
        Where each instrument's ops begin in `out`, and where the last ends.
    """
    starts = np.zeros(LOCATES + 1, np.int64)
    for index in range(ops.size):
        starts[ops[index].instrument + 1] += 1
    for locate in range(LOCATES):
        starts[locate + 1] += starts[locate]
    free = starts.copy()
    for index in range(ops.size):
        locate = ops[index].instrument
        out[free[locate]] = ops[index]
        free[locate] += 1
    return starts
