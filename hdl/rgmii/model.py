"""Golden model of the receiver: bytes between silences are frames, their check is zlib's CRC-32."""

import zlib
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from tapeout.hdl.net.layout import beats
from tapeout.hdl.rgmii.layout import FCS_BYTES, LEAST_BYTES, PREAMBLE, START


class Symbol(NamedTuple):
    """What the PHY says in one cycle."""

    byte: int = 0
    valid: bool = False
    error: bool = False


def sent(frame: bytes, preamble: int = 7) -> bytes:
    """What is on the wire of a frame: preamble, start and check come around it."""
    check = zlib.crc32(frame).to_bytes(FCS_BYTES, "little")
    return bytes([PREAMBLE] * preamble + [START]) + frame + check


def words(symbols: Iterable[Symbol]) -> list[int]:
    """The words of all frames among the symbols, as `tapeout.hdl.net.layout.BEAT` says.

    A frame starts behind the first `START`, so what has none is none. It was received badly if the
    check is wrong, if it is shorter than any frame may be, or if the PHY said so of a byte.
    """
    out = []
    for valid, run in groupby(symbols, key=lambda symbol: symbol.valid):
        spoken = list(run)
        whole = bytes(symbol.byte for symbol in spoken)
        _, start, frame = whole.partition(bytes([START]))
        if valid and start:
            body, check = frame[:-FCS_BYTES], frame[-FCS_BYTES:]
            good = len(frame) >= LEAST_BYTES and zlib.crc32(body).to_bytes(4, "little") == check
            out += beats(body, not good or any(symbol.error for symbol in spoken[-len(frame) :]))
    return out
