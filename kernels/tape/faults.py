"""A ledger of what was wrong: how often each fault was met, and where first."""

from typing import Any

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit_lean

#: (F + 1, 4) int64. A row a `Fault`: how often, then the packet, byte and message of the first,
#: counted from the start of the source, or -1. The last row holds how many packets, bytes and
#: messages came before this block; whoever moves to the next block adds to it.
Ledger = np.ndarray[Any, np.dtype[np.int64]]

COUNT, PACKET, BYTE, MESSAGE = range(4)
BEFORE = len(Fault)
NOWHERE = -1


def ledger() -> Ledger:
    """An empty one."""
    log = np.full((len(Fault) + 1, 4), NOWHERE, np.int64)
    log[:, COUNT] = 0
    log[BEFORE] = 0
    return log


@jit_lean
def note(log: Ledger, fault: int, packet: int, byte: int, message: int, many: int) -> None:
    """Count a fault `many` times; a place within this block of -1 is not known."""
    row = np.int64(fault)  # some versions of Numba do not index by an enumeration
    if log[row, COUNT] == 0:
        log[row, PACKET] = packet + log[BEFORE, PACKET] if packet >= 0 else packet
        log[row, BYTE] = byte + log[BEFORE, BYTE] if byte >= 0 else byte
        log[row, MESSAGE] = message + log[BEFORE, MESSAGE] if message >= 0 else message
    log[row, COUNT] += many
