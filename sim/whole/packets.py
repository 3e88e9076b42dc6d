"""A feed's messages as a line carries them: in packets, in frames, in words with their cycles."""

import random

import numpy as np

from tapeout.hdl.itch.layout import MESSAGES
from tapeout.hdl.itch.model import encode
from tapeout.hdl.moldudp.model import frame as packet
from tapeout.hdl.net.layout import BEAT, beats
from tapeout.sim.bench.library import stride
from tapeout.sim.pcap import frame as ethernet

SESSION = b"SESSION001"
BETWEEN = 3  # words between two frames on the wire
#: Types that put no order into a book and take none out.
OFF_THE_BOOK = "SRHYLVWKJhPQBINO"
PLACE = np.dtype([("data", "<u8"), ("rest", "<u4")])  # a beat as rows of 32-bit words lie


def day(count, seed, instruments=12):
    """Messages of a simulated exchange, about so many, in so many instruments."""
    from tapeout.sim.crowd import Crowd

    for block in Crowd(seed=seed, instruments=instruments, messages=count):
        for start, stop in zip(block.starts[:-1], block.starts[1:], strict=True):
            yield bytes(block.wire[start + 2 : stop])


def mixed(messages, rng, instruments=12, often=0.02):
    """The same with others between them: of all types that no book depends on, fields at random.

    At times one is of no known type, or of another length than its type has.
    """
    for message in messages:
        while rng.random() < often:
            yield _aside(rng, instruments)
        yield message


def _aside(rng, instruments):
    kind = rng.choice(OFF_THE_BOOK)
    body = kind.encode() + rng.randbytes(MESSAGES[kind].length - 1)
    locate = rng.randrange(instruments + 2).to_bytes(2)
    if rng.random() < 0.05:
        return rng.choice((b"z", b"A", b"D", b"U")) + rng.randbytes(rng.choice((11, 20, 40, 50)))
    return body[:1] + locate + body[3:]


def busy(count, seed, instruments=4, live=60):
    """Messages about a few orders of a few instruments, one in ten of them wrong somehow.

    The same orders are touched again and again, at once: whatever the gateware has to recall.
    """
    rng, orders, reference = random.Random(seed), {}, 0
    for _ in range(count):
        kind = rng.choice("AAAFEECXXDDUUPQBHI") if orders else "A"
        if kind in "AF" and len(orders) >= live:
            kind = "D"
        last = next(reversed(orders), 0)
        known = rng.choice([*orders, last, last]) if orders else 0
        if rng.random() < 0.05:
            known = rng.randrange(1, 99)
        reference += rng.choice([1, 1, 2, 64, 1 << 40])
        new = reference if rng.random() > 0.05 else known
        yield encode(kind, **_fields(rng, kind, known, new, orders.get(known), instruments))
        if kind in "AF":
            orders.setdefault(new, rng.randrange(1, instruments + 2))
        elif kind == "D":
            orders.pop(known, None)
        elif kind == "U" and known in orders:
            orders[new] = orders.pop(known)


def _fields(rng, kind, known, new, locate, instruments):
    """Values of a message: of an order's own instrument, unless it names a wrong one."""
    if kind in "AFPQBHI" or locate is None or rng.random() < 0.03:
        locate = rng.randrange(1, instruments + 2)
    shares = rng.choice([0, 1, 5, 100, 100, 100, 300])
    told = {
        "stock_locate": locate, "timestamp": rng.randrange(1 << 47),
        "side": rng.choice("BSBSBSB?"), "price": rng.randrange(100, 120), "shares": shares,
        "executed_shares": shares, "cancelled_shares": shares,
        "match_number": rng.randrange(1 << 60), "printable": rng.choice("YN"),
        "execution_price": rng.randrange(100, 112),
        "order_reference": new if kind in "AF" else known, "new_order_reference": new,
        "attribution": "NSDQ", "cross_shares": rng.randrange(1 << 40), "cross_price": 7,
        "cross_type": "O", "trading_state": "T", "reason": "LUDP",
        "paired_shares": rng.randrange(1 << 40), "imbalance_shares": rng.randrange(1 << 40),
        "imbalance_direction": "B", "reference_price": 9,
    }  # fmt: skip
    return {name: told[name] for name in MESSAGES[kind].fields if name in told}


def packets(messages, rng, most=30):
    """(number of the first message, messages) of each packet."""
    at = 0
    while at < len(messages):
        size = rng.randint(1, most)
        yield at + 1, messages[at : at + size]
        at += size


def framed(first, messages, tags=1):
    """The frame of a packet whose first message has the number `first`."""
    return ethernet(packet(SESSION, first, messages), tags)


def timed(frames, start, between=BETWEEN):
    """Words of (frame, cycle it may begin in or None, whether it came badly) and when each is due.

    A frame by itself may begin at once and comes well.
    """
    words, due, at = [], [], start
    for frame in frames:
        wire, begins, error = frame if isinstance(frame, tuple) else (frame, None, False)
        sent = beats(wire, error)
        at = max(at, begins or 0)
        words += sent
        due += range(at, at + len(sent))
        at += len(sent) + between
    return words, due


def rows(frames, start, between=BETWEEN, lost=()):
    """Sound frames as rows of the compiled engine, the cycle each word is due, and the next.

    Of the places in `lost` nothing comes; what follows comes when it would have come.
    """
    sizes = np.array([len(frame) for frame in frames], np.int64)
    words = -(-sizes // 8)
    ends, of = np.cumsum(words), np.repeat(np.arange(len(frames)), words)
    padded = zip(frames, words, strict=True)
    raw = b"".join(frame.ljust(8 * count, b"\0") for frame, count in padded)
    beat = np.zeros(int(words.sum()), PLACE)
    beat["data"], beat["rest"] = np.frombuffer(raw, "<u8"), 8
    beat["rest"][ends - 1] = (sizes - 1) % 8 + 1 | 1 << BEAT["count"]
    due = (start + np.arange(ends[-1]) + between * of).astype(np.uint64)
    came = ~np.isin(of, list(lost))
    laid = beat.view("<u4").reshape(-1, stride(sum(BEAT.values())))
    return laid[came], due[came], int(due[-1]) + 1 + between
