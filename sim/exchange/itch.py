"""The exchange's voice: records to ITCH 5.0 wire messages. The inverse of `kernels/tape/itch`."""

from typing import Any

import numpy as np

from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.itch.model import encode
from tapeout.kernels._jit import jit
from tapeout.kernels.tape.itch import (
    CODE,
    LENGTHS,
    MPID,
    OTHER,
    PRICE,
    SHARES,
    SIDE,
    STOCK,
    SUBJECT,
    WIDE,
)
from tapeout.kernels.tape.record import STAMP_BITS, Ints, Records
from tapeout.kernels.tape.wire import Bytes, put16, put32, put64

PREFIX = 2
IMBALANCE = ord("I")
_FIELDS = MESSAGES["I"].fields
IMBALANCE_SHARES, PRICE_VARIATION = (
    _FIELDS[name].start for name in ("imbalance_shares", "price_variation")
)
FAR_PRICE, NEAR_PRICE = _FIELDS["far_price"].start, _FIELDS["near_price"].start


@jit
def _imbalance(wire: Bytes, body: int, shares: int, price: int) -> None:
    """What a record lacks of an imbalance: its shares; far and near price are the reference's."""
    put64(wire, body + IMBALANCE_SHARES, shares)
    put32(wire, body + FAR_PRICE, price)
    put32(wire, body + NEAR_PRICE, price)
    wire[body + PRICE_VARIATION] = ord("L")


@jit
def write(records: Records, symbols: Any, wire: Bytes, starts: Ints) -> int:
    """Encode records one behind the other, each with its two-byte length in front.

    Whole are only types whose every field is in the record, or is the symbol: SAFECXDUPQB; and I,
    whose other fields `_imbalance` fills in.

    `symbols` (65536,) uint64 is the symbol of each locate as a big-endian integer. `starts` (M,)
    receives where each message's length stands. Returns the bytes written.
    """
    at = 0
    for index in range(records.size):
        record = records[index]
        kind, body = np.int64(record.type), at + PREFIX
        locate = np.int64(record.stamp >> np.uint64(STAMP_BITS))
        starts[index] = at
        put16(wire, at, LENGTHS[kind])
        wire[body] = kind
        put16(wire, body + 1, locate)
        put16(wire, body + 3, record.tracking)
        put16(wire, body + 5, (record.stamp >> np.uint64(32)) & np.uint64(0xFFFF))
        put32(wire, body + 7, record.stamp & np.uint64(0xFFFFFFFF))
        if SUBJECT[kind] != 0:
            put64(wire, body + SUBJECT[kind], record.subject)
        if OTHER[kind] != 0:
            put64(wire, body + OTHER[kind], record.other)
        if SHARES[kind] != 0 and WIDE[kind] != 0:
            put64(wire, body + SHARES[kind], record.shares)
        elif SHARES[kind] != 0:
            put32(wire, body + SHARES[kind], record.shares)
        if STOCK[kind] != 0:
            put64(wire, body + STOCK[kind], symbols[locate])
        if PRICE[kind] != 0:
            put32(wire, body + PRICE[kind], record.price)
        if SIDE[kind] != 0:
            wire[body + SIDE[kind]] = record.side
        if MPID[kind] != 0:
            put32(wire, body + MPID[kind], record.mpid)
        if CODE[kind] != 0:
            wire[body + CODE[kind]] = record.code
        if kind == IMBALANCE:
            _imbalance(wire, body, np.int64(record.other), np.int64(record.price))
        at = body + LENGTHS[kind]
    return at


def framed(messages: list[bytes]) -> tuple[Bytes, Ints]:
    """Messages one behind the other as `write` leaves them, and where each starts, (M + 1,)."""
    parts = [len(message).to_bytes(PREFIX) + message for message in messages]
    return np.frombuffer(b"".join(parts), np.uint8).copy(), np.cumsum([0, *map(len, parts)])


def symbol_words(symbols: list[str]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The symbols of locates 1, 2, ... as big-endian integers, (65536,)."""
    out = np.zeros(1 << 16, np.uint64)
    for locate, symbol in enumerate(symbols, 1):
        out[locate] = int.from_bytes(symbol.encode("ascii").ljust(8))
    return out


def opening(symbols: list[str], now_ns: int) -> list[bytes]:
    """What a session starts with: system events, directory, trading and short-sale state."""
    messages = [encode("S", timestamp=now_ns, event_code=code) for code in "OS"]
    for locate, symbol in enumerate(symbols, 1):
        about: dict[str, int | str] = {"stock_locate": locate, "timestamp": now_ns, "stock": symbol}
        messages += [
            encode(
                "R",
                **about,
                market_category="Q",
                financial_status="N",
                round_lot_size=100,
                round_lots_only="N",
                issue_classification="C",
                issue_subtype="Z",
                authenticity="P",
                short_sale_threshold="N",
                ipo_flag="N",
                luld_tier="1",
                etp_flag="N",
                inverse_indicator="N",
            ),
            encode("H", **about, trading_state="T"),
            encode("Y", **about, reg_sho_action="0"),
        ]
    return messages


def system_event(code: str, now_ns: int) -> bytes:
    """Q and M open and close the market, E and C end system hours and messages."""
    return encode("S", timestamp=now_ns, event_code=code)
