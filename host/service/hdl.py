"""The gateware as files for an FPGA engineer, on a part, and played."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tapeout.errors import DataError, DeviceError
from tapeout.files import check_writable, write_whole
from tapeout.progress import Progress, Silent

if TYPE_CHECKING:
    from tapeout.hdl.boards.bitstream import Bitstream
    from tapeout.hdl.flow.blocks import Block
    from tapeout.hdl.flow.capacity import Line
    from tapeout.hdl.flow.place import Placed

MISSING = "amaranth is not installed: pip install 'tapeout[hdl]'"
FILES = ("top.v", "top.il", "ports.md", "ports.csv", "timing.svg")


def build(name: str = "decoder", out: str | Path = "build/hdl") -> list[Path]:
    """Write a block for other tools: Verilog, RTLIL, its ports, and a timing diagram.

    Parameters
    ----------
    name : str
        A block of `tapeout.hdl.flow.blocks`.
    out : path
        A folder; made if it is not there. Every file appears whole, after all could be made.

    Raises
    ------
    DataError
        If there is no such block, or a file cannot be written.
    DeviceError
        If Amaranth or its Yosys is not here.
    """
    made = _made(name, _block(name))
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise DataError(f"{folder} must be a folder; {reason.strerror}") from None
    for file in FILES:
        check_writable(folder / file)
    return [write_whole(folder / file, made[file]) for file in FILES]


def timing(
    name: str, *, seeds: Sequence[int] = (1, 2, 3, 4, 5), progress: Progress | None = None
) -> "Placed":
    """Place and route a block on an ECP5-85F, once a seed.

    Raises
    ------
    DataError
        If there is no such block.
    DeviceError
        If a tool is not here, or fails.
    """
    chosen = _block(name)
    advance = (progress or Silent()).stage("placing and routing", len(seeds))
    try:
        from tapeout.hdl.flow.place import TOOLS, place
        from tapeout.hdl.flow.tools import require

        require(*TOOLS)  # before there is a component: Amaranth warns of one never used
        return place(chosen.component(), seeds=seeds, name=name, advance=advance)
    except ImportError:
        raise DeviceError(MISSING) from None
    except RuntimeError as reason:
        raise DeviceError(str(reason)) from None


def capacity(
    rows: int, ways: int, stash: int, instruments: int, locates: int, words: int
) -> list["Line"]:
    """What each part holds, and what that takes of its block RAM.

    Raises
    ------
    DataError
        If what is asked would not be in block RAM.
    """
    from tapeout.hdl.flow.capacity import Sizes, table

    try:
        return table(
            Sizes(
                rows=rows, ways=ways, stash=stash,
                instruments=instruments, locates=locates, words=words,
            )
        )  # fmt: skip
    except ValueError as reason:
        raise DataError(str(reason)) from None


def bitstream(board: str, out: str | Path, *, seed: int = 1) -> "Bitstream":
    """Place and route the feed handler for a board; what is written stands in the folder `out`.

    Raises
    ------
    DataError
        If there is no such board, or the folder cannot be written.
    DeviceError
        If a tool is not here, or fails.
    """
    from tapeout.hdl.boards.bitstream import bitstream as job

    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        return job(board, Path(out), seed=seed)
    except OSError as reason:
        raise DataError(f"{out} must be a folder; {reason.strerror}") from None
    except ValueError as reason:
        raise DataError(str(reason)) from None
    except ImportError:
        raise DeviceError(MISSING) from None
    except RuntimeError as reason:
        raise DeviceError(str(reason)) from None


def _block(name: str) -> "Block":
    from tapeout.hdl.flow.blocks import block

    try:
        return block(name)
    except ValueError as reason:
        raise DataError(str(reason)) from None


def _made(name: str, chosen: "Block") -> dict[str, str]:
    """The text of each file."""
    try:
        from tapeout.hdl.flow.gateware import as_rtlil, as_verilog
        from tapeout.hdl.flow.portlist import as_csv, as_markdown

        component = chosen.component()
        return {
            "top.v": as_verilog(component),
            "top.il": as_rtlil(component),
            "ports.md": as_markdown(component, name),
            "ports.csv": as_csv(component),
            "timing.svg": _drawn(name, chosen),
        }
    except ImportError:
        raise DeviceError(MISSING) from None
    except RuntimeError as reason:
        raise DeviceError(str(reason)) from None


def _drawn(name: str, chosen: "Block") -> str:
    """The block at its example, nobody pausing."""
    from tapeout.hdl.flow.gateware import ports
    from tapeout.hdl.flow.timing_diagram import timing_diagram
    from tapeout.sim.engine import watch

    example = chosen.example()
    component = chosen.component(**example.small)
    lanes = {port.name: port.width for port in ports(component)}
    cycles = watch(component, example.words, example.first + example.cycles, driven=example.driven)
    return timing_diagram(f"{name}: {chosen.what}", cycles[example.first :], lanes)
