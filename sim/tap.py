"""A tap on the exchange's line: messages are numbered, packed, and written as a capture."""

from typing import BinaryIO

import numpy as np

from tapeout.kernels.tape.record import Ints
from tapeout.kernels.tape.wire import Bytes
from tapeout.sim import pcap, wire


class Tap:
    """Writes what is sent as nanosecond pcap of MoldUDP64.

    Attributes
    ----------
    sequence : int
        The number of the next message.
    packets : int
        How many were sent, repeats not counted.
    """

    def __init__(self, out: BinaryIO, last_ns: int) -> None:
        self.sequence, self.packets = 1, 0
        self._out, self._last_ns = out, last_ns
        out.write(pcap.file_header())

    def packed(self, starts: Ints, times_ns: Ints) -> Ints:
        """Which message each packet starts with, and how many there are, (P + 1,)."""
        firsts = np.zeros(times_ns.size + 1, np.int64)
        count = wire.packets(starts, times_ns, wire.HOLD_NS, wire.MOST_PAYLOAD, firsts)
        return firsts[: count + 1]

    def send(
        self,
        messages: Bytes,
        starts: Ints,
        times_ns: Ints,
        firsts: Ints,
        order: Ints | None = None,
    ) -> None:
        """Send `messages` in packets from `packed`, in the `order` they arrive."""
        count = firsts.size - 1
        arriving = np.arange(count) if order is None else order
        most = int(np.diff(starts[firsts]).max(initial=0)) + wire.HEADERS + wire.PCAP_RECORD
        room = int(starts[-1]) + count * (wire.HEADERS + wire.PCAP_RECORD)
        frames = np.empty(room + max(arriving.size - count, 0) * most, np.uint8)
        feed = wire.Feed(messages, starts, times_ns, self.sequence)
        size, self._last_ns = wire.capture(feed, firsts, arriving, self._last_ns, frames)
        self._out.write(frames[:size].data)
        self.sequence += times_ns.size
        self.packets += count
