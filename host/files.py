"""A file appears whole or not at all: written aside, then renamed."""

import errno
import glob
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tapeout.errors import DataError

#: What only writing can fail with, wherever in the block it is met.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link to itself",
}


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; it becomes `path` when the block ends well, and vanishes otherwise.

    A link stays and what it names is written. The path to write to has the ending of `path`.

    Raises
    ------
    DataError
        "folder must exist to write report.html; got nowhere"
        "/dev/null must be a regular file to be replaced; it is a device"
        "report.html cannot be written: No space left on device"
    """
    target, aside = _places(path)
    try:
        aside.touch()
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(target)
    except OSError as reason:
        if reason.errno not in FULL and str(reason.filename) != str(aside):
            raise
        raise DataError(f"{path} cannot be written: {_why(reason)}") from reason
    finally:
        with suppress(OSError):
            aside.unlink()


def write_whole(path: Path, text: str) -> Path:
    """Write `text` to `path`, whole or not at all; what is no UTF-8 in it is spelled out."""
    with whole(path) as aside:
        aside.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def check_writable(path: Path, *others: Path) -> None:
    """Refuse now what `whole` would refuse at the end of long work.

    Parameters
    ----------
    path : Path
        What is to be written.
    others : Path
        What is read, or written too.

    Raises
    ------
    DataError
        "a file to write must be another than prices.csv; got link.csv", or as for `whole`.
    """
    for other in others:
        if os.path.realpath(path) == os.path.realpath(other) or _linked(path, other):
            raise DataError(f"a file to write must be another than {other}; got {path}")
    _, aside = _places(path)
    try:
        aside.touch()
    except OSError as reason:
        raise DataError(f"{path} cannot be written: {_why(reason)}") from reason
    finally:
        with suppress(OSError):
            aside.unlink()


def forget_leftovers(path: Path) -> int:
    """Remove what processes that were killed left beside `path`; how many files that were."""
    target, aside = _places(path)
    prefix, ending = f".{target.stem}.", f".part{target.suffix}"
    left = 0
    for other in target.parent.glob(f"{glob.escape(prefix)}*{glob.escape(ending)}"):
        process = other.name.removeprefix(prefix).removesuffix(ending)
        if other != aside and process.isdigit() and not _runs(int(process)):
            other.unlink(missing_ok=True)
            left += 1
    return left


def _runs(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _places(path: Path) -> tuple[Path, Path]:
    """Where `path` leads, and the place beside it to write first."""
    target = Path(os.path.realpath(path))
    if not os.path.isdir(target.parent):
        raise DataError(f"folder must exist to write {path.name}; got {path.parent}")
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as reason:
        raise DataError(f"{path} cannot be written: {_why(reason)}") from reason
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "a device")
        raise DataError(f"{path} must be a regular file to be replaced; it is {kind}")
    return target, target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")


def _linked(path: Path, other: Path) -> bool:
    """Whether both are one file under two names."""
    with suppress(OSError):
        return os.path.samefile(path, other)
    return False


def _why(reason: OSError) -> str:
    """The system's words; Arrow's own are long."""
    return os.strerror(reason.errno) if reason.errno else str(reason).partition("\n")[0]
