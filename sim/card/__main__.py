"""The simulated card's process: python -m tapeout.sim.card SOCKET MEMORY KIND [FAULT].

Both first arguments are file descriptors that its host passes on: one end of a pair of sockets, and
the memory that both map. The process ends when the host closes its end.
"""

import mmap
import os
import sys
from multiprocessing.connection import Connection

from tapeout.sim.card.fault import read_fault
from tapeout.sim.card.model import BUS
from tapeout.sim.card.process import open_card, serve


def main(words: list[str]) -> None:
    """Serve one host."""
    socket, file, kind = int(words[0]), int(words[1]), words[2]
    fault = read_fault(words[3]) if words[3:] and words[3] else None
    memory = memoryview(mmap.mmap(file, os.fstat(file).st_size))
    with Connection(socket) as connection:
        card = open_card(kind, memory, fault)
        connection.send(("", BUS))
        serve(connection, card)


if __name__ == "__main__":
    main(sys.argv[1:])
