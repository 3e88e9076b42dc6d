"""Every kernel of the twin once, on nothing: compiled or fetched before a clock runs."""

import numpy as np

from tapeout.kernels.book import orders, replay
from tapeout.kernels.tape import bars as gathered
from tapeout.kernels.tape import frames, itch, lines, moldudp, pcap, sequence
from tapeout.kernels.tape.faults import ledger
from tapeout.kernels.tape.moldudp import MESSAGE_DTYPE
from tapeout.kernels.tape.record import EVENT_DTYPE, QUOTE_DTYPE, RECORD_DTYPE


def warm() -> None:
    """Make every kernel ready for the types the tape has."""
    wire()
    bars()
    books()


def wire() -> None:
    """The kernels from a capture's bytes to messages in sequence."""
    log, wire = ledger(), np.zeros(itch.SLACK, np.uint8)
    packets = np.zeros(0, pcap.PACKET_DTYPE)
    pcap.pcap_packets(wire, 0, 0, False, 1, packets)
    pcap.pcapng_packets(wire, 0, 0, False, np.zeros(0, np.int64), packets)
    pcap.binary_messages(wire, 0, 0, itch.LENGTHS, packets)
    pcap.soup_messages(wire, 0, 0, np.zeros(1, np.int64), np.zeros(256, np.int64), packets)
    grams, heads = np.zeros(0, frames.DATAGRAM_DTYPE), np.zeros(0, moldudp.HEADER_DTYPE)
    frames.datagrams(wire, packets, 0, grams)
    frames.tally(packets, False, log)
    known, met, chosen = moldudp.sessions(), lines.lines(), np.zeros((0, 2), np.int64)
    moldudp.headers(wire, grams, known, met, heads, packets)
    gaps = np.zeros(0, sequence.GAP_DTYPE)
    sequence.order(heads, grams, True, known, met, chosen, gaps, log)
    messages = np.zeros(0, MESSAGE_DTYPE)
    moldudp.messages(wire, grams, heads, chosen, messages)
    moldudp.bare(packets, 1, messages)


def books() -> None:
    """The kernels from messages to books."""
    log, wire, messages = ledger(), np.zeros(itch.SLACK, np.uint8), np.zeros(0, MESSAGE_DTYPE)
    records, symbols = np.zeros(0, RECORD_DTYPE), np.zeros(1, np.uint64)
    latest, types = np.zeros(1, np.int64), np.zeros(256, np.int64)
    itch.records(wire, messages, latest, symbols, types, records, log)
    events, quotes = np.zeros(0, EVENT_DTYPE), np.zeros(0, QUOTE_DTYPE)
    wanted = np.ones(itch.LOCATES, np.bool_)
    orders.with_room(orders.orders(2), 1, 1)
    replay.replay(records, 0, 0, wanted, *replay.book(), events, quotes, log, 0, 0)


def bars() -> None:
    """The kernels from books to bars."""
    events, quotes = np.zeros(0, EVENT_DTYPE), np.zeros(0, QUOTE_DTYPE)
    grid, four = np.zeros((0, 0, len(gathered.Bar)), np.int64), np.zeros((0, 4), np.int64)
    column = np.zeros(0, np.int64)
    gathered.add_trades(events, column, 0, 1, grid)
    gathered.add_quotes(quotes, column, 0, 1, grid, four, four)
