"""A file of market data, told by content: plain, gz or zst; packets, a stream or messages."""

from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tapeout.errors import FeedError
from tapeout.hdl.itch.layout import MESSAGES
from tapeout.kernels.tape.wire import Bytes

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
PCAP = {b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1"}
PCAPNG = b"\x0a\x0d\x0d\x0a"
HEAD_BYTES = 1 << 12
PIECE_BYTES = 1 << 16  # what a stream that ends early may lose of its end
ENDS_EARLY = "Truncated compressed stream"  # how Arrow says it


class Source:
    """A file: what it holds, and its bytes after decompression while it is open (`with`).

    Attributes
    ----------
    container : str
        "pcap", "pcapng", "soup" (SoupBinTCP), or "itch" (length-prefixed messages, Nasdaq
        BinaryFILE).
    compression : str
        "plain", "gzip" or "zstd".
    size : int
        Bytes on disk; `position` counts up to it.
    cut : bool
        True once the compressed stream turned out to end early.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut = False
        self._out = 0
        if path.exists() and not path.is_file() and not path.is_dir():
            raise FeedError(f"{path} must be a file on disk, which can be read more than once")
        try:
            with path.open("rb") as file:
                magic = file.read(4)
            self.size = path.stat().st_size
        except OSError as reason:
            raise FeedError(f"{path} cannot be read: {reason.strerror}") from reason
        self.compression = "gzip" if magic[:2] == GZIP else "zstd" if magic == ZSTD else "plain"
        with self:
            self.container = self._tell(self.read(HEAD_BYTES))

    def __enter__(self) -> "Source":
        """Open the file at its start."""
        self._file: BufferedReader = self.path.open("rb")
        self._stream: Any = self._file
        if self.compression != "plain":
            opened = pa.PythonFile(self._file, mode="r")
            self._stream = pa.CompressedInputStream(opened, self.compression)
        self._out = 0
        return self

    def __exit__(self, *failure: object) -> None:
        self._file.close()

    @property
    def position(self) -> int:
        """Bytes of the file on disk that were used so far."""
        return self._file.tell()

    def read(self, most: int) -> bytes:
        """Up to `most` bytes; empty at the end."""
        if self.compression == "plain":
            return self._file.read(most)
        pieces: list[bytes] = []
        try:
            while most > 0 and (piece := self._stream.read(min(most, PIECE_BYTES))):
                pieces.append(piece)
                self._out += len(piece)
                most -= len(piece)
        except OSError as reason:
            if str(reason) != ENDS_EARLY:
                raise FeedError(
                    f"{self.path} must be intact {self.compression}; after {self._out:,} bytes"
                    f" it is not: {reason}"
                ) from reason
            self.cut = True
        return b"".join(pieces)

    def read_into(self, out: Bytes) -> int:
        """Fill `out` as far as the file goes; how many bytes that are."""
        if self.compression == "plain":
            return self._file.readinto(out.data)
        piece = self.read(out.size)
        out[: len(piece)] = np.frombuffer(piece, np.uint8)
        return len(piece)

    def _tell(self, head: bytes) -> str:
        """What the first bytes say the file is."""
        if not head:
            raise FeedError(f"{self.path} must hold a capture; it is empty")
        if head[:4] in PCAP:
            return "pcap"
        if head[:4] == PCAPNG:
            return "pcapng"
        if _begins_with_a_message(head):
            return "itch"
        if _begins_with_a_stream(head):
            return "soup"
        raise FeedError(
            f"{self.path} must be pcap, pcapng, SoupBinTCP or length-prefixed ITCH 5.0, plain, gz"
            f" or zst; it begins with {head[:8].hex(' ')}"
        )


def _begins_with_a_message(head: bytes) -> bool:
    """Whether the first message has the length of its type, or a length of zero."""
    message = MESSAGES.get(head[2:3].decode("latin-1"))
    return message is not None and int.from_bytes(head[:2]) in (0, message.length)


def _begins_with_a_stream(head: bytes) -> bool:
    """Whether remarks and heartbeats, if any, and then a login or a message stand there."""
    at = 0
    while at + 3 <= len(head):
        length, kind = int.from_bytes(head[at : at + 2]), head[at + 2 : at + 3]
        if kind == b"A":
            return length == 31
        if kind == b"S":
            message = MESSAGES.get(head[at + 3 : at + 4].decode("latin-1"))
            return message is not None and length == message.length + 1
        if length == 0 or (kind != b"+" and (kind != b"H" or length != 1)):
            return False
        at += 2 + length
    return False
