"""The exchange's books as a snapshot: the adds of every live order, as Nasdaq GLIMPSE 5.0 sends."""

from collections.abc import Iterable

import numpy as np

from tapeout.hdl.itch.model import encode
from tapeout.sim.exchange.itch import opening
from tapeout.sim.exchange.matching import HEAD, NONE, SIDE_LETTER, Exchange, price_of


def snapshot(books: Exchange, symbols: list[str], sequence: int, now_ns: int) -> list[bytes]:
    """Directory, live orders by instrument, level and time, and the number `sequence` at the end.

    `sequence` is that of the last message of the feed whose effect is in the books.
    """
    messages = opening(symbols, now_ns)
    for n, side, level in np.argwhere(books.levels[..., HEAD] != NONE).tolist():
        place = int(books.levels[n, side, level, HEAD])
        while place != NONE:
            order = books.orders[place]
            messages.append(
                encode(
                    "A",
                    stock_locate=n + 1,
                    timestamp=now_ns,
                    order_reference=int(order["reference"]),
                    side=chr(SIDE_LETTER[side]),
                    shares=int(order["shares"]),
                    stock=symbols[n],
                    price=int(price_of(books, n, level)),
                )
            )
            place = int(order["behind"])
    return [*messages, b"G" + str(sequence).rjust(20).encode()]


def soup(messages: Iterable[bytes], session: str = "GLIMPSE001", sequence: int = 1) -> bytes:
    """Messages as a SoupBinTCP server sends them, from login to the end of the session."""
    login = b"A" + session.rjust(10).encode() + str(sequence).rjust(20).encode()
    packets = [login, *(b"S" + message for message in messages), b"H", b"Z"]
    return b"".join(len(packet).to_bytes(2) + packet for packet in packets)


def binary_file(messages: Iterable[bytes]) -> bytes:
    """Messages behind their lengths, and a length of zero at the end (Nasdaq BinaryFILE 1.00)."""
    return b"".join(len(message).to_bytes(2) + message for message in [*messages, b""])
