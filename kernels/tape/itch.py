"""Messages to 64-byte records, and the stock symbols met on the way. Twin of `hdl/itch`."""

from typing import Any

import numpy as np

from tapeout.hdl.itch.layout import MESSAGES, source
from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit_inner, jit_lean
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


@jit_inner
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


@jit_inner
def _sound(wire: Bytes, message: Any, index: int, latest: Ints, symbols: Any, log: Ledger) -> bool:
    """Whether a message is well-formed; what is wrong with it, and its stock, go on record."""
    at, length = message.start, message.length
    kind = wire[at]
    if length == 0 or LENGTHS[kind] != length:
        unknown = length != 0 and LENGTHS[kind] == 0
        fault = Fault.UNKNOWN_TYPE if unknown else Fault.WRONG_LENGTH
        note(log, fault, message.packet, at, index, 1)
        return False
    if STOCK[kind] != 0:
        symbols[be16(wire, at + 1)] = be64(wire, at + STOCK[kind])
    time = np.int64(be64(wire, at + 3) & 0xFFFFFFFFFFFF)
    if time < latest[message.session]:
        note(log, Fault.TIME_BACKWARDS, message.packet, at, index, 1)
    latest[message.session] = time
    return True


@jit_lean
def records(
    wire: Bytes,
    found: Messages,
    latest: Ints,
    symbols: Any,
    types: Ints,
    out: Records,
    log: Ledger,
) -> None:
    """Look at each of `found`, and decode it into its row of `out`.

    `out` must be zero, or have no rows: then nothing is decoded. `wire` must reach `SLACK` bytes
    beyond the last message. Carried from block to block are `latest` (sessions,) int64, the newest
    exchange time of each session; `symbols` (65536,) uint64, the symbol of each locate as a
    big-endian integer; and `types` (256,) int64, how many messages of each type there are, where
    one without a byte is of type 0.
    """
    decodes = out.size > 0
    for index in range(found.size):
        message = found[index]
        kind = np.int64(wire[message.start]) if message.length > 0 else 0
        types[kind] += 1
        sound = _sound(wire, message, index, latest, symbols, log)
        if decodes:
            record = out[index]
            record.sequence, record.arrival_ns = message.sequence, message.arrival_ns
            record.length, record.type = message.length & 0xFFFF, kind
            if sound:
                _fill(record, wire, message.start, kind)
