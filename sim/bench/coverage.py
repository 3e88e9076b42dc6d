"""What a playing met of a design: lines, branches and toggles, counted by Verilator."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Covered(NamedTuple):
    """Points that were met, of how many, and where those are that were not."""

    met: int
    points: int
    missed: tuple[str, ...]

    @property
    def percent(self) -> float:
        """Of the points that were met; a design without points is covered."""
        return 100.0 * self.met / self.points if self.points else 100.0


def covered(*files: Path) -> dict[str, Covered]:
    """Kind ("line", "branch", "toggle") -> what several playings met of it together.

    The files are those that `Model.play(..., coverage=path)` of one model wrote. A missed point is
    told as `line: name` of the Verilog.
    """
    return _kinds({(kind, at): n for (_, kind, at), n in _counts(files).items()})


def by_module(*files: Path) -> dict[str, dict[str, Covered]]:
    """The same for each module of the Verilog, by its name."""
    modules: dict[str, dict[tuple[str, str], int]] = {}
    for (module, kind, at), count in _counts(files).items():
        modules.setdefault(module, {})[kind, at] = count
    return {module: _kinds(counts) for module, counts in sorted(modules.items())}


def _counts(files: Iterable[Path]) -> dict[tuple[str, str, str], int]:
    """How often each point was met: (module, kind, place)."""
    counts: dict[tuple[str, str, str], int] = {}
    for file in files:
        for point, count in _points(file.read_text().splitlines()):
            counts[point] = counts.get(point, 0) + count
    return counts


def _kinds(counts: dict[tuple[str, str], int]) -> dict[str, Covered]:
    kinds = sorted({kind for kind, _ in counts})
    return {
        kind: _covered({at: n for (of, at), n in counts.items() if of == kind}) for kind in kinds
    }


def _covered(counts: dict[str, int]) -> Covered:
    missed = tuple(sorted(at for at, count in counts.items() if not count))
    return Covered(len(counts) - len(missed), len(counts), missed)


def _points(lines: Iterable[str]) -> Iterable[tuple[tuple[str, str, str], int]]:
    r"""Module, kind and place of each point with its count: `C '\x01key\x02value...' count`."""
    for line in lines:
        if line.startswith("C "):
            said, _, count = line[3:].rpartition("' ")
            keys = dict(pair.partition("\x02")[::2] for pair in said.split("\x01") if pair)
            kind, _, module = keys["page"].removeprefix("v_").partition("/")
            place = f"{keys['l']}:{keys.get('n', '')} {keys.get('h', '')} {keys.get('o', '')}"
            yield (module, kind, place), int(count)
