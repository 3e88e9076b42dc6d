"""Any bytes at all, given to every reader of captures: only the documented errors may leave them.

`make fuzz SECONDS=600 SEED=1` does this for long: it mutates small captures of every kind, and
keeps what breaks a reader. `tests/host/test_fuzz.py` does it for a moment.
"""

import argparse
import gzip
import random
import resource
import struct
import sys
import time
import traceback
from pathlib import Path

import pyarrow as pa

import tapeout
from tapeout.errors import TapeoutError
from tapeout.feed import replay
from tapeout.feed.tape import Tape
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.itch.model import encode
from tapeout.hdl.moldudp.model import frame
from tapeout.sim import pcap
from tapeout.sim.exchange.glimpse import soup

ARRIVAL = 1_767_623_400_000_000_000  # 2026-01-05 09:30 in New York
OPEN_NS = 34_200 * 10**9
ROOM = 12 << 30  # bytes of address space; what a reader asks for beyond that is an error of its own
#: Values at which lengths, counts and clocks turn over.
EDGES = [bytes(8), b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\x80" + bytes(7), b"\x00\x01", b"\xff\xff"]


def messages():
    """One of each type, and orders that live, trade and go."""
    about = {"stock_locate": 1, "timestamp": OPEN_NS}
    book = [
        ("A", {"order_reference": 1, "side": "B", "shares": 100, "price": 10, "stock": "AAPL"}),
        ("A", {"order_reference": 2, "side": "S", "shares": 100, "price": 11, "stock": "AAPL"}),
        ("E", {"order_reference": 1, "executed_shares": 10, "match_number": 5}),
        ("U", {"order_reference": 1, "new_order_reference": 3, "shares": 7, "price": 9}),
        ("X", {"order_reference": 3, "cancelled_shares": 3}),
        ("D", {"order_reference": 2}),
    ]
    return [encode(kind, **about) for kind in MESSAGES] + [
        encode(kind, **about, **values) for kind, values in book
    ]


def frames():
    """Ethernet frames of MoldUDP64 packets, three messages each; one is repeated."""
    told = messages()
    packets = [frame(b"SESSION", at + 1, told[at : at + 3]) for at in range(0, len(told), 3)]
    return [pcap.frame(packet, tags=at % 3) for at, packet in enumerate([*packets, packets[1]])]


def classic(order):
    """The frames as pcap, microseconds or nanoseconds."""
    magic, tick = (0xA1B23C4D, 1) if order == "<" else (0xA1B2C3D4, 1_000)
    out = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65_535, 1)
    for at, raw in enumerate(frames()):
        seconds, ns = divmod(ARRIVAL + 1_000_000 * at, 10**9)
        out += struct.pack(f"{order}IIII", seconds, ns // tick, len(raw), len(raw)) + raw
    return out


def block(order, kind, body):
    """A pcapng block."""
    size = 12 + len(body) + -len(body) % 4
    padded = body + bytes(-len(body) % 4)
    return struct.pack(f"{order}II", kind, size) + padded + struct.pack(f"{order}I", size)


def blocks(order):
    """The frames as pcapng of one section."""
    out = block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(order, 1, struct.pack(f"{order}HHIHHB3x", 1, 0, 0, 9, 1, 9))
    for at, raw in enumerate(frames()):
        clock = ARRIVAL + 1_000_000 * at
        head = struct.pack(f"{order}IIIII", 0, clock >> 32, clock & 0xFFFFFFFF, len(raw), len(raw))
        out += block(order, 6, head + raw)
    return out


def seeds():
    """A small capture of each kind."""
    bare = b"".join(len(m).to_bytes(2) + m for m in messages())
    plain = [bare, *(make(order) for make in (classic, blocks) for order in "<>")]
    plain.append(soup(messages()))
    packed = [pa.compress(plain[at], codec="zstd", asbytes=True) for at in (0, 1)]
    return [*plain, *packed, *(gzip.compress(plain[at]) for at in (0, 3))]


def mutated(rng, raw):
    """Some bytes of a capture changed, doubled, dropped, moved, cut, or all replaced by noise."""
    out = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, much = rng.randrange(len(out) + 1), rng.choice((1, 2, 4, 8, 64, 1_000))
        what = rng.randrange(8)
        if what < 3:
            out[at : at + 1] = bytes([rng.randrange(256)])
        elif what == 3:
            edge = rng.choice(EDGES)
            out[at : at + len(edge)] = edge
        elif what == 4:
            out[at:at] = out[at : at + much]
        elif what == 5:
            del out[at : at + much]
        elif what == 6:
            out[at:at] = rng.randbytes(much)
        else:
            del out[at:]
    return bytes(out) if rng.randrange(50) else rng.randbytes(rng.randrange(300))


def wrapped(rng, raw):
    """The capture as it is, or compressed: what is inside then reaches the readers."""
    how = rng.randrange(8)
    if how == 0:
        return gzip.compress(raw, 1)
    return pa.compress(raw, codec="zstd", asbytes=True) if how == 1 else raw


def folded(path):
    """The books and quotes straight from the wire, where they can be had so."""
    if tapeout.read(path).source.container != "soup":
        replay.folded_books(tapeout.read(path))
        list(replay.folded_quotes(tapeout.read(path)))


READERS = {
    "records": lambda path: list(Tape(path, chunk_bytes=1 << 12).records()),
    "strict": lambda path: list(tapeout.read(path, strict=True).records()),
    "one symbol": lambda path: list(tapeout.read(path, symbols="AAPL").records()),
    "messages": lambda path: [
        batch.validate(full=True) for _, batch in tapeout.message_batches(path)
    ],
    "events": lambda path: tapeout.events(path).read_all().validate(full=True),
    "books": lambda path: tapeout.books(path).quotes(),
    "folded": folded,
    "depth": lambda path: tapeout.depth(path, every="1h").read_all(),
    "bars": lambda path: tapeout.bars(path).to_arrow(),
}


def given(path, raw):
    """The readers that raise what they do not document, with what they raised, on these bytes."""
    path.write_bytes(raw)
    for name, reader in READERS.items():
        try:
            reader(path)
        except TapeoutError:
            continue
        except Exception:
            yield name, traceback.format_exc()


def main():
    """Try mutations for so long; what breaks a reader is kept beside the message."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    rng, end = random.Random(asked.seed), time.monotonic() + asked.seconds
    starts, tried, broken, path = seeds(), 0, 0, asked.keep / "now"
    while time.monotonic() < end:
        raw = wrapped(rng, mutated(rng, rng.choice(starts)))
        for name, failure in given(path, raw):
            broken += 1
            (asked.keep / f"{asked.seed}-{tried}").write_bytes(raw)
            print(f"{name} on {asked.keep}/{asked.seed}-{tried}\n{failure}")
        tried += 1
    path.unlink(missing_ok=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{tried:,} captures, seed {asked.seed}: {broken} broke a reader; {peak:,} MiB at most")
    sys.exit(broken > 0)


if __name__ == "__main__":
    main()
