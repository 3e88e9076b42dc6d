"""Stock locates and their symbols, as a session's messages tell them."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tapeout.errors import DataError
from tapeout.kernels.tape.itch import LOCATES


class Directory:
    """Which symbol each locate has, and which symbols a reader asked for (none asks for all).

    Attributes
    ----------
    words : (65536,) uint64
        The eight bytes of each locate's symbol as a big-endian integer; 0 is not known.
    """

    def __init__(self, asked: Sequence[str] = ()) -> None:
        self.words = np.zeros(LOCATES, np.uint64)
        self._read, self._symbols = self.words.copy(), dict[int, str]()
        self.asked = sorted({symbol.strip().upper() for symbol in asked})

    @property
    def symbols(self) -> dict[int, str]:
        """Stock locate to symbol, as the messages so far tell it."""
        if not np.array_equal(self.words, self._read):
            self._read, known = self.words.copy(), np.flatnonzero(self.words).tolist()
            letters = ((at, int(self.words[at]).to_bytes(8).decode("latin-1")) for at in known)
            self._symbols = {at: word.strip() for at, word in letters}
        return dict(self._symbols)

    @property
    def wanted(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which locates the reader asked for, (65536,); locate 0, about no stock, always."""
        if not self.asked:
            return np.ones(LOCATES, np.bool_)
        mask = np.zeros(LOCATES, np.bool_)
        mask[[0, *(at for at, symbol in self.symbols.items() if symbol in self.asked)]] = True
        return mask

    def check(self, path: Path) -> None:
        """Raise `DataError` for the first symbol asked for that is not in what `path` holds."""
        symbols = sorted(set(self.symbols.values()))
        for symbol in self.asked:
            if symbol not in symbols:
                near = difflib.get_close_matches(symbol, symbols, 3) or symbols[:3]
                raise DataError(
                    f"symbols must be in {path}; {symbol!r} is not"
                    f" (it has {len(symbols):,}, such as {', '.join(near)})"
                )
