"""Frames of every kind a line may meet, good and bad, from a seed."""

import random
import struct

from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.line.model import Frame
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.net.model import checksum

PORT, GROUP = 26_477, 0xE936_0C6F
TAG, OUTER_TAG = b"\x81\x00\x00\x07", b"\x88\xa8\x00\x07"


def ethernet(payload, tags=0, kind=0x0800, pad=60):
    """An Ethernet frame, padded to its least size."""
    wire = bytes(range(2, 14)) + (OUTER_TAG + TAG * 2)[4 * (3 - tags) :] * bool(tags)
    return (wire + kind.to_bytes(2) + payload).ljust(pad, b"\0")


def ipv4(
    payload, options=b"", *, version=4, ihl=None, total=None, flags=0x4000, protocol=17, check=None
):
    """An IPv4 datagram; what is not given is as it should be."""
    size = 20 + len(options)
    total = size + len(payload) if total is None else total
    first = version << 4 | (size // 4 if ihl is None else ihl)
    addresses = bytes((10, 1, 2, 3)) + GROUP.to_bytes(4)
    header = struct.pack(">BBHHHBBH", first, 0, total, 77, flags, 16, protocol, 0) + addresses
    right = checksum(header + options)
    header = header[:10] + (right if check is None else check).to_bytes(2) + header[12:]
    return header + options + payload


def udp(payload, length=None, port=PORT):
    """A UDP datagram; its checksum is not looked at."""
    length = 8 + len(payload) if length is None else length
    return struct.pack(">HHHH", 4_000, port, length, 0xBEEF) + payload


def message(rng, size=None):
    """A message of known type and right length, its fields at random; or of any size and type."""
    if size is not None:
        return rng.randbytes(size)
    kind = rng.choice([*MESSAGES])
    return kind.encode() + rng.randbytes(MESSAGES[kind].length - 1)


def messages(rng):
    """What one packet carries: mostly sound, at times of unknown type or any length."""
    out = []
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        odd = rng.random()
        size = None if odd < 0.8 else rng.choice((11, 12, 13, 19, 36, 50, 51, 57, 64, 300))
        one = message(rng, size)
        if odd > 0.95:
            one = rng.choice([*MESSAGES]).encode() + one[1:]
        out.append(one)
    return out


def payload(rng, first):
    """A MoldUDP64 packet, and what may be wrong with it."""
    whole = packet(b"SESSION7", first, messages(rng))
    return rng.choice(
        [lambda: whole] * 12
        + [
            lambda: packet(b"SESSION7", first, []),  # heartbeat
            lambda: packet(b"SESSION7", first, [])[:18] + b"\xff\xff",  # end of session
            lambda: packet(b"SESSION7", first, [])[:18] + b"\xff\xff" + b"\0",
            lambda: whole + rng.randbytes(rng.randint(1, 9)),
            lambda: whole[: rng.randint(0, len(whole))],
            lambda: whole[:18] + rng.choice((0, 1, 2, 9, 300)).to_bytes(2) + whole[20:],
            lambda: whole[:10] + (rng.choice((0, 1, 2, 1 << 61)) + (1 << 62)).to_bytes(8)
            + whole[18:],
            lambda: packet(b"SESSION7", first, [rng.randbytes(rng.randint(0, 12)), *messages(rng)]),
            lambda: packet(b"S", (1 << 62) - 1, messages(rng)),
        ]
    )()  # fmt: skip


def datagram(rng, body):
    """UDP over IPv4 with options, and what may be wrong with it."""
    options = rng.randbytes(4 * rng.choice((0, 0, 0, 1, 2, 3, 10)))
    wrong = rng.choice(
        [{}] * 20
        + [
            {"check": 0},
            {"check": rng.randrange(1, 1 << 16)},
            {"version": rng.randrange(16)},
            {"ihl": rng.randrange(16)},
            {"flags": rng.choice((0x2000, 0x0001, 0x1FFF, 0x8000, 0x4800))},
            {"protocol": rng.choice((1, 6, 16, 18, 49))},
            {"total": rng.randrange(0, 40 + len(body))},
            {"total": 28 + len(body) + rng.randint(-1, 1) + len(options)},
        ]
    )
    length = rng.choice([None] * 20 + [rng.randrange(0, 12 + len(body)), 7, 8, 27, 28])
    port = rng.choice([PORT] * 12 + [PORT + 1, PORT ^ 0x8000])
    out = ipv4(udp(body, length, port), options, **wrong)
    if rng.random() < 0.04:
        at = rng.randrange(16, 20)
        out = out[:at] + bytes((out[at] ^ 1 << rng.randrange(8),)) + out[at + 1 :]
        out = out[:10] + b"\0\0" + out[12:]
    return out


def frame(rng, first=1, arrival_ns=0):
    """One frame, perhaps cut or received badly."""
    tags = rng.choice((0, 1, 2, 0, 1, 2, 0, 1, 2, 3))
    kind = rng.choice([0x0800] * 20 + [0x0806, 0x86DD, 0x8100, 0x0000])
    pad = rng.choice((60, 60, 60, 0, 90))
    wire = ethernet(datagram(rng, payload(rng, first)), tags, kind, pad)
    if rng.random() < 0.12:
        wire = wire[: rng.randint(1, len(wire))]
    return Frame(wire, arrival_ns, rng.random() < 0.06)


def frames(seed, count):
    """A run of frames."""
    rng = random.Random(seed)
    return [frame(rng, 1_000 + 10 * k, 10**18 + k) for k in range(count)]
