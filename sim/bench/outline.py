"""A component as compilers need it: its Verilog and its ports; kept, as writing them takes long."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tapeout.hdl.flow.gateware import Field, Port, Stream, as_verilog, ports, streams
from tapeout.sim.bench.models import kept

FILE = "outline.json"


@dataclass(frozen=True)
class Outline:
    """What is known of a component without making it.

    Parameters
    ----------
    kind : str
        The name of its class.
    source : str
        Its Verilog.
    streams : list of Stream
        In the order of its signature.
    others : list of Port
        Its ports that are part of no stream.
    """

    kind: str
    source: str
    streams: list[Stream]
    others: list[Port]


def outlined(component: Any) -> Outline:
    """The outline of a component, which is made for it."""
    found = streams(component)
    inside = {f"{name}__{part}" for name in found for part in ("payload", "valid", "ready")}
    others = [port for port in ports(component) if port.name not in inside]
    return Outline(type(component).__name__, as_verilog(component), list(found.values()), others)


def kept_outline(make: Callable[[], Any], *sources: Path, build: Path | None = None) -> Outline:
    """The outline of the component that `make` makes, kept for as long as its sources stay.

    Parameters
    ----------
    make : callable
        Makes the component.
    sources : Path
        Every file that it may be made of; of a folder all that is Python in it.
    build : Path, optional
        Where it is kept between runs.
    """
    made_of = [f"amaranth {version('amaranth')}", f"{make.__module__}.{make.__qualname__}"]
    for source in sources:
        files = sorted(source.rglob("*.py")) if source.is_dir() else [source]
        made_of += [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]

    def write(folder: Path) -> None:
        (folder / FILE).write_text(json.dumps(asdict(outlined(make()))))

    with kept(build, "outline", made_of, write) as folder:
        told = json.loads((folder / FILE).read_text())
    others = [Port(*one, tuple(Field(*part) for part in parts)) for *one, parts in told["others"]]
    return Outline(told["kind"], told["source"], [Stream(*one) for one in told["streams"]], others)
