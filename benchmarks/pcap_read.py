"""How fast are packets read from a capture, down to their UDP payloads, against dpkt?"""

import harness
from inputs import capture

import dpkt  # isort: skip
import numpy as np

from tapeout.feed.capture import Capture
from tapeout.feed.source import Source
from tapeout.kernels.tape import frames


def run(bench: harness.Benchmark) -> None:
    """The capture is in the page cache; both sides touch every packet's headers."""
    path = capture(bench.size(1_000_000, 100_000), harness.SEED)

    def ours() -> int:
        count = 0
        with Source(path) as source:
            for block in Capture(source):
                grams = np.empty(block.packets.size, frames.DATAGRAM_DTYPE)
                count += frames.datagrams(block.wire, block.packets, 0, grams)
        return count

    def theirs() -> int:
        count = 0
        with path.open("rb") as file:
            for _, raw in dpkt.pcap.Reader(file):
                count += bool(dpkt.ethernet.Ethernet(raw).data.data.data)
        return count

    packets = ours()
    assert theirs() == packets
    bench.compare("pcap to UDP payloads", ours, packets, "ns/packet", peer="dpkt", theirs=theirs)


if __name__ == "__main__":
    harness.main(run)
