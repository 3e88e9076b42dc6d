"""Capture bytes to packets: classic pcap records and pcapng packet blocks.

pcap: "PCAP Capture File Format" (draft-ietf-opsawg-pcap). pcapng: "PCAP Now Generic"
(draft-ietf-opsawg-pcapng), Enhanced Packet Block.
"""

from typing import Any

import numpy as np

from tapeout.hdl.layout import Fault
from tapeout.kernels._jit import jit
from tapeout.kernels.tape.wire import Bytes, be16, be32, le32

#: `faults` is a set of `Fault` numbers, one bit each; `source` counts the captures read together.
#: A message of a SoupBinTCP stream has no clock: `arrival_ns` is its number.
PACKET_DTYPE = np.dtype(
    [
        ("start", "<i8"),
        ("captured", "<i4"),
        ("length", "<i4"),
        ("arrival_ns", "<i8"),
        ("faults", "<i4"),
        ("source", "<i4"),
    ]
)
Packets = np.ndarray[Any, np.dtype[np.void]]

RECORD_BYTES = 16
BLOCK_ENHANCED = 6
BLOCK_BYTES = 32  # of an enhanced packet block without its packet
LONGEST_PACKET = 262_144  # libpcap's own limit; a longer claim is a broken file
LONGEST_WIRE = 0x7FFFFFFF
LATEST_SECOND = 9_000_000_000  # int64 nanoseconds end in the year 2262

SOUP_BYTES = 3  # the length of a SoupBinTCP packet, and its type
SOUP_DATA, SOUP_LOGIN = ord("S"), ord("A")
#: 1 for remarks, and what only a client sends or a server that refuses; 2 for packets of one byte:
#: heartbeats, the end, logout.
SOUP_TYPES = np.zeros(256, np.int64)
SOUP_TYPES[list(b"SA+UJL")], SOUP_TYPES[list(b"HZRO")] = 1, 2

DONE, FULL, CORRUPT, OTHER_BLOCK, ENDED = range(5)


@jit
def pcap_packets(
    wire: Bytes, at: int, stop: int, big_endian: bool, tick_ns: int, out: Packets
) -> tuple[int, int, int]:
    """Index the whole records of `wire[at:stop]`.

    Returns how many stand in `out`, where the first record not taken starts, and DONE, FULL or
    CORRUPT. `tick_ns` is 1 for nanosecond and 1,000 for microsecond files.
    """
    count = 0
    while at + RECORD_BYTES <= stop:
        if count == out.size:
            return count, at, FULL
        if big_endian:
            seconds, ticks = be32(wire, at), be32(wire, at + 4)
            captured, length = be32(wire, at + 8), be32(wire, at + 12)
        else:
            seconds, ticks = le32(wire, at), le32(wire, at + 4)
            captured, length = le32(wire, at + 8), le32(wire, at + 12)
        if captured > LONGEST_PACKET or captured > length or length > LONGEST_WIRE:
            return count, at, CORRUPT
        if ticks * tick_ns >= 1_000_000_000:
            return count, at, CORRUPT
        if at + RECORD_BYTES + np.int64(captured) > stop:
            break
        packet = out[count]
        packet.start = at + RECORD_BYTES
        packet.captured = captured
        packet.length = length
        packet.arrival_ns = seconds * 1_000_000_000 + ticks * tick_ns
        packet.faults, packet.source = 0, 0
        count += 1
        at += RECORD_BYTES + np.int64(captured)
    return count, at, DONE


@jit
def pcapng_packets(
    wire: Bytes, at: int, stop: int, big_endian: bool, ticks_per_second: Any, out: Packets
) -> tuple[int, int, int]:
    """Index the whole enhanced packet blocks of `wire[at:stop]` up to another kind of block.

    `ticks_per_second` is (interfaces,) int64. Returns as `pcap_packets`; OTHER_BLOCK says that a
    block for the reader itself starts there.
    """
    count = 0
    while at + 12 <= stop:
        if count == out.size:
            return count, at, FULL
        kind = be32(wire, at) if big_endian else le32(wire, at)
        if kind != BLOCK_ENHANCED:
            return count, at, OTHER_BLOCK
        size = np.int64(be32(wire, at + 4) if big_endian else le32(wire, at + 4))
        if size < BLOCK_BYTES or size > LONGEST_PACKET + 65_536 or size % 4:
            return count, at, CORRUPT
        if at + size > stop:
            break
        again = np.int64(be32(wire, at + size - 4) if big_endian else le32(wire, at + size - 4))
        if again != size:
            return count, at, CORRUPT
        if big_endian:
            face, high, low = be32(wire, at + 8), be32(wire, at + 12), be32(wire, at + 16)
            captured, length = be32(wire, at + 20), be32(wire, at + 24)
        else:
            face, high, low = le32(wire, at + 8), le32(wire, at + 12), le32(wire, at + 16)
            captured, length = le32(wire, at + 20), le32(wire, at + 24)
        if np.int64(captured) > size - BLOCK_BYTES or face >= ticks_per_second.size:
            return count, at, CORRUPT
        rate = np.uint64(ticks_per_second[np.int64(face)])
        ticks = high << 32 | low
        seconds, part = np.int64(ticks // rate), np.int64(ticks % rate)
        if captured > length or length > LONGEST_WIRE or not 0 <= seconds < LATEST_SECOND:
            return count, at, CORRUPT
        packet = out[count]
        packet.start = at + 28
        packet.captured = captured
        packet.length = length
        packet.arrival_ns = seconds * 1_000_000_000 + part * 1_000_000_000 // np.int64(rate)
        packet.faults, packet.source = 0, 0
        count += 1
        at += size
    return count, at, DONE


@jit
def binary_messages(
    wire: Bytes, at: int, stop: int, lengths: Any, out: Packets
) -> tuple[int, int, int]:
    """Index the whole length-prefixed messages of `wire[at:stop]` (Nasdaq BinaryFILE 1.00).

    A prefix of zero before a known type takes the length from `lengths` (256,), as some published
    samples need; before anything else it is the end of the session, and nothing follows: ENDED.
    Returns otherwise as `pcap_packets`, never CORRUPT.
    """
    count = 0
    while at + 3 <= stop:
        if count == out.size:
            return count, at, FULL
        prefix = np.int64(be16(wire, at))
        length = prefix if prefix > 0 else np.int64(lengths[wire[at + 2]])
        if length == 0:
            return count, at, ENDED
        if at + 2 + length > stop:
            break
        message = out[count]
        message.start = at + 2
        message.captured = length
        message.length = length
        message.arrival_ns = 0
        message.faults, message.source = (prefix == 0) << Fault.ZERO_PREFIX, 0
        count += 1
        at += 2 + length
    return count, at, DONE


@jit
def soup_messages(
    wire: Bytes, at: int, stop: int, number: Any, seen: Any, out: Packets
) -> tuple[int, int, int]:
    """Index the sequenced data in the whole packets of `wire[at:stop]` up to a login.

    Nasdaq SoupBinTCP 3.00, "Logical Packets". `number` (1,) int64 is the number of the next
    message, `seen` (256,) int64 counts the packets of each type; both go on from call to call.
    Returns as `pcap_packets`; OTHER_BLOCK says that a login stands there.
    """
    count = 0
    while at + SOUP_BYTES <= stop:
        if count == out.size:
            return count, at, FULL
        length, kind = np.int64(be16(wire, at)), wire[at + 2]
        if length == 0 or SOUP_TYPES[kind] == 0 or (SOUP_TYPES[kind] == 2 and length != 1):
            return count, at, CORRUPT
        if kind == SOUP_LOGIN:
            return count, at, OTHER_BLOCK
        if at + 2 + length > stop:
            break
        if kind == SOUP_DATA:
            message = out[count]
            message.start = at + SOUP_BYTES
            message.captured = message.length = length - 1
            message.arrival_ns = number[0]
            message.faults, message.source = 0, 0
            number[0] += 1
            count += 1
        seen[kind] += 1
        at += 2 + length
    return count, at, DONE
