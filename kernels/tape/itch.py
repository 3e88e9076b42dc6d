"""Messages to 64-byte records, and the stock symbols met on the way. Twin of `hdl/itch`."""

from typing import Any

import numpy as np

from tapeout.hdl.itch.layout import MESSAGES, source
from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit
from tapeout.kernels.tape.faults import Ledger, note
from tapeout.kernels.tape.moldudp import Messages
from tapeout.kernels.tape.record import STAMP_BITS, WELL_FORMED, Ints, Records
from tapeout.kernels.tape.wire import Bytes, be16, be32, be64

#: Bytes that must be readable behind the last message: loads take whole words.
SLACK = 64
LOCATES = 1 << 16


def _starts(field: str) -> Any:
    """Where record field `field` starts in each of the 256 message types; 0 where it is absent."""
    table = np.zeros(256, np.int64)
    for kind in MESSAGES:
        found = source(kind, field)
        table[ord(kind)] = found.start if found else 0
    return table


def _stocks() -> Any:
    """Where the stock symbol starts in each of the 256 message types; 0 where there is none."""
    table = np.zeros(256, np.int64)
    for kind, message in MESSAGES.items():
        table[ord(kind)] = message.fields["stock"].start if "stock" in message.fields else 0
    return table


def _wide() -> Any:
    """1 for the types whose share count has eight bytes instead of four."""
    table = np.zeros(256, np.int64)
    for kind in MESSAGES:
        found = source(kind, "shares")
        table[ord(kind)] = bool(found and found.length == 8)
    return table


LENGTHS = np.array(
    [MESSAGES[chr(t)].length if chr(t) in MESSAGES else 0 for t in range(256)], np.int64
)
SUBJECT, OTHER, SHARES = _starts("subject"), _starts("other"), _starts("shares")
PRICE, SIDE, MPID, CODE = _starts("price"), _starts("side"), _starts("mpid"), _starts("code")
STOCK, WIDE = _stocks(), _wide()


@jit
def _fill(record: Any, wire: Bytes, at: int, kind: int) -> None:
    """Copy every field that messages of type `kind` have; the others stay zero."""
    stamp = be64(wire, at + 3)  # the timestamp is its low six bytes
    record.stamp = stamp & 0xFFFFFFFFFFFF | be16(wire, at + 1) << STAMP_BITS
    record.tracking = be16(wire, at + 3)
    record.flags = WELL_FORMED
    if SUBJECT[kind] != 0:
        record.subject = be64(wire, at + SUBJECT[kind])
    if OTHER[kind] != 0:
        record.other = be64(wire, at + OTHER[kind])
    if SHARES[kind] != 0:
        shares = be64(wire, at + SHARES[kind])
        record.shares = shares if WIDE[kind] != 0 else shares >> 32
    if PRICE[kind] != 0:
        record.price = be32(wire, at + PRICE[kind])
    if SIDE[kind] != 0:
        record.side = wire[at + SIDE[kind]]
    if MPID[kind] != 0:
        record.mpid = be32(wire, at + MPID[kind])
    if CODE[kind] != 0:
        record.code = wire[at + CODE[kind]]


@jit
def records(
    wire: Bytes, found: Messages, latest: Ints, symbols: Any, out: Records, log: Ledger
) -> None:
    """Decode each of `found` into its row of `out`, which must be zero.

    `wire` must reach `SLACK` bytes beyond the last message. `latest` (sessions,) int64 holds the
    newest exchange time of each session, `symbols` (65536,) uint64 the symbol of each locate as a
    big-endian integer; both are carried from block to block.
    """
    for index in range(found.size):
        message, record = found[index], out[index]
        at, length = message.start, message.length
        record.sequence, record.arrival_ns = message.sequence, message.arrival_ns
        record.length = length & 0xFFFF
        if length == 0:
            note(log, Fault.WRONG_LENGTH, message.packet, at, index, 1)
            continue
        kind = wire[at]
        record.type = kind
        if LENGTHS[kind] == 0:
            note(log, Fault.UNKNOWN_TYPE, message.packet, at, index, 1)
        elif LENGTHS[kind] != length:
            note(log, Fault.WRONG_LENGTH, message.packet, at, index, 1)
        else:
            _fill(record, wire, at, kind)
            if STOCK[kind] != 0:
                symbols[record.stamp >> STAMP_BITS] = be64(wire, at + STOCK[kind])
            time = np.int64(record.stamp & 0xFFFFFFFFFFFF)
            if time < latest[message.session]:
                note(log, Fault.TIME_BACKWARDS, message.packet, at, index, 1)
            latest[message.session] = time
