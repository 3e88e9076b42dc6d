"""How many orders and instruments a part has block RAM for, by calculation.

A memory is cut into block RAMs as Yosys cuts it: of the shapes that a block RAM can take, in the
one that needs the fewest. Logic is not counted: wider rows and more ways need more of it, and a
part that is full is slower.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from tapeout.hdl.levels.layout import LEVEL, LEVELS
from tapeout.hdl.net.layout import BEAT
from tapeout.hdl.orders.layout import ENTRY, INSTRUMENT_BITS, REFERENCE_BITS, row_bits
from tapeout.hdl.subscription.layout import LISTING

#: Rows and bits a row that one block RAM can have, as Yosys uses them.
SHAPES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "ebr": ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36)),
    "ramb18": ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36)),
    "ramb36": ((32768, 1), (16384, 2), (8192, 4), (4096, 9), (2048, 18), (1024, 36), (512, 72)),
    "uram": ((32768, 9), (16384, 18), (8192, 36), (4096, 72)),
}
LEAST_ROWS = 128  # a memory with fewer may be made of LUTs
URAM_ROWS = 4096  # a memory of words with as many goes into UltraRAM, if there is any
MOST_WAYS = 8
MARKET = 16384  # instruments, more than an exchange lists
ARRIVAL_BITS = 64


@dataclass(frozen=True)
class Part:
    """What there is: `ebr` of 18 kbit (Lattice), or `ramb36` and `uram` of 288 kbit (AMD)."""

    name: str
    ebr: int = 0
    ramb36: int = 0
    uram: int = 0


#: Of the whole device, with no platform on it. Those of the cards are quoted: the originals are AMD
#: DS965 (U50) and DS978 (U55C).
PARTS = (
    Part("ECP5-85F", ebr=208),
    Part("Alveo U50", ramb36=1344, uram=640),
    Part("Alveo U55C", ramb36=2016, uram=960),
)


@dataclass(frozen=True)
class Sizes:
    """Widths and depths of the pipeline, as the parameters of `FeedHandler`; `levels` a side."""

    rows: int = 512
    ways: int = 4
    stash: int = 8
    instruments: int = 256
    levels: int = LEVELS
    locates: int = 16384
    words: int = 512

    @property
    def orders(self) -> int:
        """Places for live orders. One may be refused before all are taken."""
        return 2 * self.rows * self.ways + self.stash

    @property
    def price_levels(self) -> int:
        """Known at once, both sides of all instruments together."""
        return 2 * self.instruments * self.levels

    @property
    def instrument_bits(self) -> int:
        """Of an instrument's number; more than `INSTRUMENT_BITS` are beyond today's gateware."""
        return max(INSTRUMENT_BITS, (self.instruments - 1).bit_length())


def memories(sizes: Sizes) -> dict[str, tuple[int, int, int]]:
    """Name -> how many memories, rows and bits of each, of all that go into block RAM."""
    bits = sizes.instrument_bits
    order = sum(ENTRY.values()) - INSTRUMENT_BITS + bits + REFERENCE_BITS - row_bits(sizes.rows)
    return {
        "frames": (2, sizes.words, sum(BEAT.values()) + ARRIVAL_BITS),
        "subscription": (bits + 1, sizes.locates, 1),
        "listings": (1, 1 << bits, sum(LISTING.values())),
        "orders": (2 * sizes.ways, sizes.rows, order),
        "levels": (1, 2 * sizes.instruments, sizes.levels * sum(LEVEL.values()) + 2),
        "locates": (1, 1 << bits, LISTING["locate"]),
        "stale": (1, 1 << bits, 1),
    }


def block_rams(rows: int, bits: int, kind: str) -> int:
    """How many of one kind one memory of so many rows takes."""
    return min(-(-rows // deep) * -(-bits // wide) for deep, wide in SHAPES[kind])


def taken(sizes: Sizes, part: Part) -> dict[str, float]:
    """Kind -> how many the pipeline takes of a part; half a "ramb36" is a "ramb18".

    Raises
    ------
    ValueError
        "orders must have 128 rows or more, to be in block RAM; got 16"
    """
    found = {kind: 0.0 for kind in ("ebr", "ramb36", "uram") if getattr(part, kind)}
    for name, (count, rows, bits) in memories(sizes).items():
        if rows < LEAST_ROWS:
            raise ValueError(
                f"{name} must have {LEAST_ROWS} rows or more, to be in block RAM; got {rows}"
            )
        if "ebr" in found:
            found["ebr"] += count * block_rams(rows, bits, "ebr")
        elif "uram" in found and rows >= URAM_ROWS and bits > 1:
            found["uram"] += count * block_rams(rows, bits, "uram")
        else:
            halves = min(block_rams(rows, bits, "ramb18"), 2 * block_rams(rows, bits, "ramb36"))
            found["ramb36"] += count * halves / 2
    return found


def fits(sizes: Sizes, part: Part) -> bool:
    """Whether a part has the block RAM."""
    return all(count <= getattr(part, kind) for kind, count in taken(sizes, part).items())


def most_orders(part: Part, sizes: Sizes) -> Sizes:
    """The rows and ways that hold the most orders beside all else that `sizes` says.

    Raises
    ------
    ValueError
        "instruments must fit the part; got 16384 on ECP5-85F"
    """
    choices = [
        replace(sizes, rows=1 << power, ways=ways)
        for power in range(7, 24)
        for ways in range(1, MOST_WAYS + 1)
    ]
    fitting = [each for each in choices if fits(each, part)]
    if not fitting:
        raise ValueError(f"instruments must fit the part; got {sizes.instruments} on {part.name}")
    return max(fitting, key=lambda each: each.orders)


def most_instruments(part: Part, sizes: Sizes) -> Sizes:
    """The most instruments, a power of two, with a locate each, beside all else."""
    choices = [
        replace(sizes, instruments=1 << power, locates=max(sizes.locates, 1 << power))
        for power in range(6, 17)
    ]
    return max((each for each in choices if fits(each, part)), key=lambda each: each.instruments)


class Line(NamedTuple):
    """One line of the table: what a part holds, and what that takes of it."""

    part: str
    case: str
    sizes: Sizes
    taken: dict[str, float]


def table(sizes: Sizes) -> list[Line]:
    """What `sizes` take of each part, and the most that it holds in each direction."""
    whole_market = replace(sizes, instruments=MARKET, locates=max(sizes.locates, MARKET))
    lines = []
    for part in PARTS:
        cases = {
            "as asked": sizes,
            "most instruments": most_instruments(part, sizes),
            "most orders": most_orders(part, sizes),
        }
        if fits(whole_market, part):
            cases["most orders, whole market"] = most_orders(part, whole_market)
        lines += [Line(part.name, case, each, taken(each, part)) for case, each in cases.items()]
    return lines
